// Further certificates in a configuration: each must be of use to somebody.

import { beforeAll, expect, it } from 'vitest';
import { type Authority, makeAuthority } from '../../support/certificate-maker.ts';
import { faultsOf, load, SOUND, settingsOf } from '../config/configuration.ts';

let authority: Authority;
beforeAll(async () => {
  authority = await makeAuthority();
});

/** A sound configuration with a certificate for localhost, and one more for these names. */
async function loadWith(names: string[], dates: { notBefore?: number; notAfter?: number } = {}) {
  const first = await authority.issue({ names: ['localhost'] });
  const further = await authority.issue({ names, ...dates });
  const tls = {
    certificate: 'first.pem',
    key: 'first-key.pem',
    certificates: [{ certificate: 'further.pem', key: 'further-key.pem' }],
  };
  const text = SOUND.replace('submission:\n', `submission:\n  tls: ${JSON.stringify(tls)}\n`);
  const files = {
    '/etc/postern/first.pem': { content: first.certificate },
    '/etc/postern/first-key.pem': { content: first.key },
    '/etc/postern/further.pem': { content: further.certificate },
    '/etc/postern/further-key.pem': { content: further.key },
  };
  return load(text, { files });
}

it('one with a name of its own is sound', async () => {
  const { settings, dangers } = settingsOf(await loadWith(['localhost', 'mail.example.org']));
  expect(settings.submission.tls?.certificates).toEqual([
    { certificate: '/etc/postern/further.pem', key: '/etc/postern/further-key.pem' },
  ]);
  expect(dangers.filter((danger) => danger.startsWith('submission.tls'))).toEqual([]);
});

it('one without a name is a fault: nobody could ask for it', async () => {
  expect(faultsOf(await loadWith([]))).toEqual([
    'submission.tls.certificates[0].certificate: the certificate names no host (subjectAltName), so no client would ever see it',
  ]);
});

it('one that has expired is a danger of its own place', async () => {
  const { dangers } = settingsOf(
    await loadWith(['mail.example.org'], { notBefore: 0, notAfter: Date.UTC(2020, 0, 1) }),
  );
  expect(dangers.join('\n')).toContain(
    'submission.tls.certificates[0].certificate: the certificate expired on 2020-01-01',
  );
});
