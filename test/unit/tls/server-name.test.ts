// Which certificate a client sees, by the name it asks for; over real connections, with keys of both kinds.

import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openTls } from '../../../src/tls/open.ts';
import { readPair } from '../../../src/tls/pair.ts';
import { chooseByName } from '../../../src/tls/server-name.ts';
import { type Authority, type Issued, makeAuthority } from '../../support/certificate-maker.ts';
import { listen, makeFolder, memoryTicketKeys, writePair } from './situation.ts';
import { serve, visit } from './wire.ts';

let authority: Authority;
beforeAll(async () => {
  authority = await makeAuthority();
});

/** Each called by its place. */
async function issue(certificates: readonly { names: string[]; kind?: 'ec' | 'rsa' }[]): Promise<Issued[]> {
  return await Promise.all(
    certificates.map((wanted, index) => authority.issue({ ...wanted, commonName: `number ${index}` })),
  );
}

/** A server with these certificates, the first for everybody else. */
async function serveCertificates(certificates: readonly Issued[]): Promise<number> {
  const folder = makeFolder();
  const [first, ...others] = certificates.map((issued, index) => writePair(folder, `${index}`, issued));
  if (!first) throw new Error('no certificate');
  const tls = await openTls({
    settings: { ...first, certificates: others },
    path: 'submission.tls',
    ticketKeyStore: memoryTicketKeys(),
    news: listen(),
  });
  onTestFinished(() => tls.close());
  return (await serve(tls.contexts)).port;
}

describe('the certificate shown', () => {
  let issued: Issued[];
  beforeAll(async () => {
    issued = await issue([
      { names: ['mail.example.org', 'smtp.example.org'] },
      { names: ['*.example.net', 'example.net'] },
      { names: ['post.example.net'] },
      { names: ['*.post.example.net', 'MAIL.Example.COM'] },
      { names: ['smtp.example.org', 'xn--bcher-kva.example'] },
      { names: ['m*.example.edu', '*.*.example.edu', 'a.*.example.edu', '*'] },
    ]);
  });

  it.each([
    ['no name', '', 0],
    ['its own name', 'mail.example.org', 0],
    ['its other name', 'smtp.example.org', 0],
    ['a name of nobody', 'www.example.org', 0],
    ['a name below one', 'x.mail.example.org', 0],
    ['a wildcard’s label', 'imap.example.net', 1],
    ['a name above the wildcard, which stands beside it', 'example.net', 1],
    ['a name in full before a wildcard', 'post.example.net', 2],
    ['a wildcard further down', 'a.post.example.net', 3],
    ['two labels for one star', 'a.b.post.example.net', 0],
    ['two labels for the other star', 'a.imap.example.net', 0],
    ['other letters', 'IMAP.EXAMPLE.NET', 1],
    ['a certificate with other letters', 'mail.example.com', 3],
    ['a dot at the end', 'post.example.net.', 2],
    ['a name in Unicode, as sent', 'xn--bcher-kva.example', 4],
    ['part of a label before a star', 'mail.example.edu', 0],
    ['a star for two labels', 'x.y.example.edu', 0],
    ['a star inside', 'a.x.example.edu', 0],
    ['a star alone', 'localhost', 0],
    ['a dot at the beginning', '.example.net', 0],
    ['a star itself', '*.example.net', 1],
    ['a name as long as a name can be', `${'a'.repeat(63)}.${'b.'.repeat(90)}example.net`, 0],
    ['a name that no host can have', '_smtp.example.net', 0],
  ])('for %s', async (_what, servername, expected) => {
    const port = await serveCertificates(issued);
    const { certificate } = await visit(port, servername === '' ? {} : { servername });
    expect(certificate).toBe(`number ${expected}`);
  });
});

it('a name in Unicode, which smtp-server makes of what was sent, is found in its ASCII form', async () => {
  const [pair] = (await issue([{ names: ['xn--bcher-kva.example', '*.xn--bcher-kva.example'] }])).map(
    (texts) => readPair(texts, texts),
  );
  if (!pair || 'faults' in pair) throw new Error('no pair');
  expect(chooseByName([pair], 'bücher.example')).toBe(pair);
  expect(chooseByName([pair], 'Mail.BÜCHER.example.')).toBe(pair);
  expect(chooseByName([pair], 'bucher.example')).toBeUndefined();
  expect(chooseByName([pair], '\u0000')).toBeUndefined();
});

it('a common name is no name: who asks for it sees the first certificate', async () => {
  const old = await authority.issue({ names: [], commonName: 'old.example.org' });
  const port = await serveCertificates([...(await issue([{ names: ['new.example.org'] }])), old]);
  expect((await visit(port, { servername: 'old.example.org' })).certificate).toBe('number 0');
});

// The handshake begins with the first certificate in its place; a kind of key of its own must not let that one win.
describe.each([
  ['ec', 'rsa'],
  ['rsa', 'ec'],
  ['rsa', 'rsa'],
] as const)('with %s keys for the first and %s keys for the other', (first, other) => {
  const RSA_FIRST = 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256:ecdsa_secp256r1_sha256';
  const EC_FIRST = 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256:rsa_pkcs1_sha256';

  it('each name gets its own, whatever the client would rather have', async () => {
    const port = await serveCertificates(
      await issue([
        { names: ['one.example.org'], kind: first },
        { names: ['two.example.org'], kind: other },
      ]),
    );
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const sigalgs of [RSA_FIRST, EC_FIRST]) {
        const come = async (options: object) =>
          (await visit(port, { maxVersion, sigalgs, ...options })).certificate;
        expect(await come({ servername: 'one.example.org' })).toBe('number 0');
        expect(await come({ servername: 'two.example.org' })).toBe('number 1');
        expect(await come({})).toBe('number 0');
      }
    }
  });
});
