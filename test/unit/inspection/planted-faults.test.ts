// A server with one fault planted: it is found, and nothing else is complained of. Without the fault nothing is.

import { afterEach, describe, expect, it } from 'vitest';
import type { CheckName, Level } from '../../../src/inspection/findings.ts';
import { faultyCertificate } from '../../support/bad-certificates.ts';
import { type BadServer, type Faults, startBadServer } from '../../support/bad-server.ts';
import { lookAt } from './look-at.ts';

let server: BadServer | undefined;

afterEach(() => server?.close());

async function findingsOf(mode: 'starttls' | 'implicit', faults: Faults, as = mode as 'starttls' | 'relay') {
  server = await startBadServer(mode, faults);
  const { complaints } = await lookAt(server, { mode: mode === 'implicit' ? mode : as });
  return complaints;
}

describe.each(['starttls', 'implicit'] as const)('a server without a fault, %s', (mode) => {
  it('has nothing but ok, on every question', async () => {
    server = await startBadServer(mode);
    const { port, report } = await lookAt(server, { mode });
    expect(port.findings.filter(({ level }) => level !== 'ok')).toEqual([]);
    expect(report.verdict).toBe('ok');
    expect(port.findings.map(({ check }) => check).sort()).toEqual(
      [
        ...(mode === 'starttls'
          ? ['starttls', 'starttls-injection', 'login-in-clear', 'mechanisms-after-failure']
          : []),
        'bad-token',
        'certificate-expiry',
        'certificate-key',
        'certificate-name',
        'certificate-signature',
        'certificate-trust',
        'mechanisms',
        'mechanisms-after-failure',
        'relay',
        'tls-cipher',
        'tls-old-versions',
        'tls-version',
      ].sort(),
    );
  });

  it('is left in peace: few connections, no message, nobody signed in', async () => {
    server = await startBadServer(mode);
    await lookAt(server, { mode });
    expect(server.connections).toBeLessThanOrEqual(8);
    expect(server.heard.filter(({ line }) => /^(DATA|BDAT)/i.test(line))).toEqual([]);
  });
});

type Row = [
  fault: string,
  check: CheckName,
  level: Level,
  means: RegExp,
  faults: Faults | (() => Promise<Faults>),
];

const certificate = (fault: Parameters<typeof faultyCertificate>[0]) => async (): Promise<Faults> => ({
  certificate: await faultyCertificate(fault),
});

const AFTER_FAILURE = { inside: ['OAUTHBEARER'], afterFailure: ['PLAIN'] };

const ON_BOTH: Row[] = [
  [
    'expired certificate',
    'certificate-expiry',
    'problem',
    /expired on \d{4}-/,
    certificate({ validFrom: -48, validTo: -1 }),
  ],
  [
    'certificate not valid yet',
    'certificate-expiry',
    'problem',
    /valid only from/,
    certificate({ validFrom: 1 }),
  ],
  [
    'certificate that expires soon',
    'certificate-expiry',
    'warning',
    /expires in 2 days/,
    certificate({ validFrom: -2000, validTo: 49 }),
  ],
  [
    'certificate for another name',
    'certificate-name',
    'problem',
    /not for localhost, but for other\.example/,
    certificate({ names: [{ type: 'dns', value: 'other.example' }] }),
  ],
  [
    'certificate that names nobody',
    'certificate-name',
    'problem',
    /names no host/,
    certificate({ names: [] }),
  ],
  ['weak key', 'certificate-key', 'problem', /too weak: RSA 1024/, certificate({ rsaBits: 1024 })],
  [
    'SHA-1 signature',
    'certificate-signature',
    'problem',
    /can be forged: sha1/i,
    certificate({ hash: 'SHA-1' }),
  ],
  [
    'TLS 1.0',
    'tls-old-versions',
    'problem',
    /^TLSv1 and TLSv1\.1 still taken/,
    { versions: ['TLSv1', 'TLSv1.3'] },
  ],
  ['TLS 1.1', 'tls-old-versions', 'problem', /^TLSv1\.1 still taken/, { versions: ['TLSv1.1', 'TLSv1.3'] }],
  [
    'no forward secrecy',
    'tls-cipher',
    'warning',
    /no forward secrecy/,
    async () => ({
      versions: ['TLSv1.2', 'TLSv1.2'],
      ciphers: 'AES256-GCM-SHA384',
      certificate: await faultyCertificate({ rsaBits: 2048 }),
    }),
  ],
  [
    'an old cipher',
    'tls-cipher',
    'warning',
    /none of the kind that is recommended/,
    { versions: ['TLSv1.2', 'TLSv1.2'], ciphers: 'ECDHE-ECDSA-AES128-SHA' },
  ],
  [
    'AUTH advertised only after a failure',
    'mechanisms-after-failure',
    'problem',
    /inside TLS, PLAIN is offered only after a failure/,
    { mechanisms: AFTER_FAILURE },
  ],
  [
    'passwords',
    'password-mechanisms',
    'warning',
    /PLAIN, LOGIN, CRAM-MD5/,
    { mechanisms: { inside: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'OAUTHBEARER'] } },
  ],
  ['no sign-in at all', 'mechanisms', 'problem', /no sign-in is offered/, { mechanisms: { inside: [] } }],
  [
    'no token mechanism',
    'mechanisms',
    'warning',
    /neither OAUTHBEARER nor XOAUTH2/,
    { mechanisms: { inside: ['EXTERNAL'] } },
  ],
  ['any token accepted', 'bad-token', 'problem', /made-up credential is accepted/, { badToken: 'accepted' }],
  [
    'no challenge for a bad token',
    'bad-token',
    'warning',
    /refused at once \(535/,
    { badToken: 'no-challenge' },
  ],
  [
    'a challenge without a status',
    'bad-token',
    'warning',
    /without the JSON/,
    { badToken: 'empty-challenge' },
  ],
  [
    'a challenge without an address',
    'bad-token',
    'warning',
    /not where to sign in/,
    { badToken: 'no-address' },
  ],
  [
    'sign-in over http',
    'bad-token',
    'problem',
    /http:\/\/idp\.example\/conf, which is not https/,
    { badToken: 'http' },
  ],
  ['hangs up at a bad token', 'bad-token', 'warning', /ends at the first bad token/, { badToken: 'hang-up' }],
  [
    'cannot verify tokens',
    'bad-token',
    'warning',
    /cannot be verified at the moment: 454/,
    { badToken: 'unavailable' },
  ],
  [
    'XCLIENT for everybody',
    'xclient',
    'warning',
    /pretend to be any address/,
    { extensions: ['XCLIENT NAME ADDR LOGIN'] },
  ],
  ['open relay', 'relay', 'problem', /^open relay/, { recipient: () => '250 2.1.5 OK' }],
  [
    'recipients of its own without a sign-in',
    'relay',
    'warning',
    /without signing in/,
    { recipient: ownMailboxes },
  ],
  [
    'probes put off',
    'relay',
    'warning',
    /put off and not refused \(450/,
    { recipient: () => '450 4.2.0 Greylisted' },
  ],
];

const IN_CLEAR: Row[] = [
  ['no STARTTLS', 'starttls', 'problem', /^STARTTLS is not offered/, { startTls: 'never' }],
  ['STARTTLS stripped', 'starttls', 'problem', /strips it/, { startTls: 'stripped' }],
  ['STARTTLS again inside TLS', 'starttls', 'warning', /again inside TLS/, { startTls: 'also-inside' }],
  ['injection behind STARTTLS', 'starttls-injection', 'problem', /CVE-2011-0411/, { injectable: true }],
  [
    'an answer behind STARTTLS',
    'starttls-injection',
    'warning',
    /breaks the handshake/,
    { answersBehindStartTls: true },
  ],
  [
    'AUTH offered in clear text',
    'login-in-clear',
    'problem',
    /^sign-in is offered without TLS \(PLAIN\)/,
    { mechanisms: { clear: ['PLAIN'] } },
  ],
  [
    'AUTH accepted in clear text',
    'login-in-clear',
    'problem',
    /taken without TLS: AUTH PLAIN got 535/,
    { takesLoginInClear: true },
  ],
  [
    'token accepted in clear text',
    'login-in-clear',
    'problem',
    /taken without TLS: AUTH OAUTHBEARER got 334/,
    { takesLoginInClear: true, refusesInClear: ['PLAIN'] },
  ],
  [
    'AUTH in clear text only after a failure',
    'mechanisms-after-failure',
    'problem',
    /without TLS, PLAIN is offered only after a failure/,
    { mechanisms: { afterFailureInClear: ['PLAIN'] } },
  ],
  [
    'open relay without TLS alone',
    'relay',
    'problem',
    /none, without TLS/,
    { recipient: (_to, _from, secure) => (secure ? '550 5.7.1 No' : '250 2.1.5 OK') },
  ],
];

describe.each([
  ['starttls', [...ON_BOTH, ...IN_CLEAR]],
  ['implicit', ON_BOTH],
] as const)('planted on a port with %s', (mode, rows) => {
  it.each(rows)('%s', async (_name, check, level, means, faults) => {
    const complaints = await findingsOf(mode, typeof faults === 'function' ? await faults() : faults);
    expect(complaints).toEqual([
      { check, level, means: expect.stringMatching(means), advice: expect.stringMatching(/\S/) },
    ]);
  });
});

describe('planted where the rest suffers too', () => {
  it('a certificate of nobody that is trusted', async () => {
    server = await startBadServer('implicit', { certificate: await faultyCertificate() });
    const { complaints } = await lookAt({ port: server.port }, { mode: 'implicit' });
    expect(complaints).toMatchObject([{ check: 'certificate-trust', level: 'problem' }]);
    expect(complaints[0]?.advice).toContain('--ca');
  });

  it('expired, for another name and with TLS 1.0: each is told', async () => {
    const fault = { validFrom: -48, validTo: -1, names: [{ type: 'dns' as const, value: 'x.example' }] };
    const complaints = await findingsOf('implicit', {
      certificate: await faultyCertificate(fault),
      versions: ['TLSv1', 'TLSv1.3'],
    });
    expect(complaints.map(({ check }) => check)).toEqual([
      'certificate-name',
      'certificate-expiry',
      'tls-old-versions',
    ]);
  });

  it('nothing newer than TLS 1.0', async () => {
    const complaints = await findingsOf('implicit', { versions: ['TLSv1', 'TLSv1'] });
    expect(complaints.map(({ check, level }) => [check, level])).toEqual([
      ['tls-version', 'problem'],
      ['tls-cipher', 'warning'],
      ['tls-old-versions', 'problem'],
    ]);
  });

  it('a sign-in of several steps in clear text: its first step is enough', async () => {
    const complaints = await findingsOf('starttls', {
      mechanisms: { clear: ['LOGIN'] },
      takesLoginInClear: true,
      refusesInClear: ['PLAIN', 'OAUTHBEARER', 'XOAUTH2'],
    });
    expect(complaints.map(({ check, level }) => `${check} ${level}`)).toEqual([
      'login-in-clear problem',
      'login-in-clear problem',
    ]);
    expect(complaints[1]?.means).toContain('AUTH LOGIN got 334');
  });

  it('STARTTLS overwritten by a firewall', async () => {
    const complaints = await findingsOf('starttls', { startTls: 'xxxx' });
    expect(complaints[0]).toMatchObject({ check: 'starttls', level: 'problem' });
    expect(complaints[0]?.means).toContain('strips it');
  });
});

describe('a mail exchanger', () => {
  it('may have a certificate for another name, need no sign-in, and yet be no open relay', async () => {
    const names = [{ type: 'dns' as const, value: 'mx.example' }];
    const complaints = await findingsOf(
      'starttls',
      {
        certificate: await faultyCertificate({ names }),
        mechanisms: { inside: [] },
        recipient: () => '550 5.7.1 No',
      },
      'relay',
    );
    expect(complaints.map(({ check, level }) => [check, level])).toEqual([['certificate-name', 'warning']]);
  });
});

/** Whatever is at the server's own name, or nowhere. */
function ownMailboxes(recipient: string): string {
  const isOwn = /@(localhost|\[127\.0\.0\.1\])>$/.test(recipient) || !/@[^"]*>$/.test(recipient);
  return isOwn && recipient.startsWith('<') && !recipient.startsWith('<@') ? '250 2.1.5 OK' : '550 5.7.1 No';
}
