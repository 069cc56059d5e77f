// The probe with a real token: it signs in, goes before a message begins, and gives the token to nobody but the server meant.

import { afterEach, describe, expect, it } from 'vitest';
import { faultyCertificate } from '../../support/bad-certificates.ts';
import { type BadServer, type Faults, GOOD_TOKEN, startBadServer } from '../../support/bad-server.ts';
import { lookAt } from './look-at.ts';

let server: BadServer | undefined;

afterEach(() => server?.close());

const USER = 'alice@example.org';

async function signIn(
  faults: Faults,
  more: { token?: string; user?: string | undefined; mode?: 'starttls' | 'implicit'; trusted?: boolean } = {},
) {
  const { mode = 'starttls', token = GOOD_TOKEN, trusted = true } = more;
  server = await startBadServer(mode, faults);
  const { port, report } = await lookAt(trusted ? server : { port: server.port }, {
    mode,
    signIn: { token, user: 'user' in more ? more.user : USER },
    withTranscript: true,
  });
  const told = server.heard.filter(({ line }) => hasToken(line, token));
  return { found: port.findings.filter(({ check }) => check === 'signed-in'), told, port, report };
}

/** As it is, or in base64, in whatever it is packed. */
function hasToken(line: string, token: string): boolean {
  return line
    .split(' ')
    .some((word) => word.includes(token) || Buffer.from(word, 'base64').toString().includes(token));
}

describe('with a good token', () => {
  it.each(['starttls', 'implicit'] as const)('it is signed in, on a port with %s', async (mode) => {
    const { found, told } = await signIn({}, { mode });
    expect(found.map(({ level, means }) => [level, means])).toEqual([
      ['ok', 'signed in with OAUTHBEARER'],
      ['ok', `${USER} is accepted as sender and as recipient`],
    ]);
    expect(told).toHaveLength(1);
    expect(told[0]?.secure).toBe(true);
  });

  it('no message is begun', async () => {
    await signIn({});
    expect(server?.heard.slice(-4).map(({ line }) => line)).toEqual([
      `MAIL FROM:<${USER}>`,
      `RCPT TO:<${USER}>`,
      'RSET',
      'QUIT',
    ]);
    expect(server?.heard.filter(({ line }) => /^(DATA|BDAT)/.test(line))).toEqual([]);
  });

  it('the response is that of RFC 7628, with the name escaped', async () => {
    const { told } = await signIn({}, { user: 'a=b,c@example.org' });
    const response = Buffer.from(told[0]?.line.split(' ')[2] ?? '', 'base64').toString();
    expect(response).toBe(`n,a=a=3Db=2Cc@example.org,\x01auth=Bearer ${GOOD_TOKEN}\x01\x01`);
  });

  it('XOAUTH2 is used where there is nothing better', async () => {
    const { found, told } = await signIn({ mechanisms: { inside: ['XOAUTH2'] } });
    expect(found[0]?.means).toBe('signed in with XOAUTH2');
    expect(Buffer.from(told[0]?.line.split(' ')[2] ?? '', 'base64').toString()).toBe(
      `user=${USER}\x01auth=Bearer ${GOOD_TOKEN}\x01\x01`,
    );
  });

  it('a long one goes on a line of its own (RFC 4954 §4)', async () => {
    const { found, told } = await signIn({}, { token: `${GOOD_TOKEN}${'a'.repeat(3000)}` });
    expect(found[0]?.level).toBe('ok');
    expect(told[0]?.line).not.toMatch(/^AUTH/);
    for (const { line } of server?.heard ?? [])
      if (line.startsWith('AUTH')) expect(line.length).toBeLessThan(511);
  });

  it('without a user name, OAUTHBEARER alone is tried, and nobody is named as sender', async () => {
    const { found } = await signIn({}, { user: undefined });
    expect(found.map(({ means }) => means)).toEqual(['signed in with OAUTHBEARER']);
    expect(server?.heard.filter(({ line }) => /^MAIL FROM:<.*org>/.test(line))).toEqual([]);
  });
});

describe('a sign-in that does not work', () => {
  it('is a problem, with what the challenge says', async () => {
    const { found } = await signIn({}, { token: 'b25lLXRoYXQtaXMtbm90LWdvb2Q' });
    expect(found).toMatchObject([
      {
        level: 'problem',
        means: 'the token is refused: 535 5.7.8 Authentication credentials invalid, status invalid_token',
      },
    ]);
    expect(found[0]?.advice).toContain('postern token');
  });

  it.each<[string, Faults, RegExp]>([
    [
      'no mechanism for it',
      { mechanisms: { inside: ['PLAIN'] } },
      /no mechanism is offered that takes a token/,
    ],
    ['a server that hangs up', { badToken: 'hang-up' }, /not examined to the end/],
    ['a server that cannot verify', { badToken: 'unavailable' }, /454/],
  ])('for %s is a problem', async (_name, faults, means) => {
    const { found } = await signIn(faults, { token: 'b25lLXRoYXQtaXMtbm90LWdvb2Q' });
    expect(found).toMatchObject([{ level: 'problem' }]);
    expect(found[0]?.means).toMatch(means);
  });

  it('for the sender it may not have is a problem', async () => {
    const { found } = await signIn({ refusesOwnSender: '550 5.7.1 Not yours' });
    expect(found.map(({ level }) => level)).toEqual(['ok', 'problem']);
    expect(found[1]?.means).toBe(`${USER} is refused as sender: 550 5.7.1 Not yours`);
  });
});

describe('a token is not sent', () => {
  it.each<[string, () => Promise<Faults>, boolean]>([
    [
      'where the certificate has expired',
      async () => ({ certificate: await faultyCertificate({ validFrom: -9, validTo: -1 }) }),
      true,
    ],
    [
      'where it is for another name',
      async () => ({
        certificate: await faultyCertificate({ names: [{ type: 'dns', value: 'x.example' }] }),
      }),
      true,
    ],
    ['where nobody trusts it', async () => ({ certificate: await faultyCertificate() }), false],
    [
      'where there is no TLS',
      async () => ({ startTls: 'never', mechanisms: { clear: ['OAUTHBEARER'] } }),
      true,
    ],
  ])('%s', async (_name, faults, trusted) => {
    const { found, told } = await signIn(await faults(), { trusted });
    expect(found).toMatchObject([{ level: 'problem', means: expect.stringContaining('was not sent') }]);
    expect(told).toEqual([]);
  });

  it('to a mail exchanger', async () => {
    server = await startBadServer('starttls', { recipient: () => '550 5.7.1 No' });
    const { port } = await lookAt(server, { mode: 'relay', signIn: { token: GOOD_TOKEN, user: USER } });
    expect(port.findings.filter(({ check }) => check === 'signed-in')).toEqual([]);
    expect(server.heard.filter(({ line }) => hasToken(line, GOOD_TOKEN))).toEqual([]);
  });
});

describe('the token stands nowhere in the report', () => {
  it.each([
    ['of a server that takes it', {}],
    ['of a server that says it back, plain and in base64', { badToken: 'echo' }],
  ] as const)('%s', async (_name, faults) => {
    const token = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA';
    const { report } = await signIn(faults, { token });
    const text = JSON.stringify(report);
    for (const form of [token, ...[0, 1, 2].map((by) => base64From(token, by))]) {
      for (let at = 0; at + 16 <= form.length; at += 1) expect(text).not.toContain(form.slice(at, at + 16));
    }
    expect(text).toContain('C: AUTH OAUTHBEARER [hidden]');
  });
});

function base64From(token: string, offset: number): string {
  return Buffer.from('x'.repeat(offset) + token)
    .toString('base64')
    .slice(offset === 0 ? 0 : 4);
}
