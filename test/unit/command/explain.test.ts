// `postern explain` of a token: each fault named with what was expected, what was found and what to change; the token nowhere.

import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeToken } from '../../../src/explanation/verdict.ts';
import type { RefusalCode } from '../../../src/refusal.ts';
import { leakedSecrets } from '../../support/leaked-secrets.ts';
import {
  introspectionSettings,
  mintToken,
  TEST_TIME,
  testKey,
  tokenSettings,
  trustedIssuer,
} from '../../support/tokens.ts';
import {
  TRUSTED_ISSUER,
  type VerifierSituation,
  verifierSituation,
} from '../../support/verifier-situation.ts';
import { runningPostern } from './running-postern.ts';
import { run } from './surroundings.ts';

const ASKED_ISSUER = 'https://opaque.example.org';
const ENDPOINT = `${ASKED_ISSUER}/introspect`;
const ISSUERS = { trusted: ['https://a.example', TRUSTED_ISSUER], own: 'https://mail.example.org' };
const THUMBPRINT = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2';

const postern = runningPostern();
let tokens: VerifierSituation;

async function start(trusted: object = {}, asked = false): Promise<void> {
  tokens = await verifierSituation({
    trusted,
    answers: { [ENDPOINT]: () => Response.json({ active: false }) },
    ...(asked && {
      settings: {
        trustedIssuers: [
          trustedIssuer(ASKED_ISSUER, {
            verification: 'introspection',
            introspection: introspectionSettings({ endpoint: ENDPOINT }),
          }),
        ],
      },
    }),
  });
  const door = await postern.start();
  door.judge = (question) => judgeToken(question, { ...tokens, issuers: ISSUERS });
}

afterEach(() => tokens?.close());

const ask = (input: string | Readable, ...args: string[]) =>
  run(['explain', ...args], { directory: postern.directory, input });

/** Asks in both forms; neither shows a part of the token that is long enough to tell. */
async function explained(token: string) {
  const [people, json] = [await ask(`${token}\n`), await ask(token, '--json')];
  const all = [people.printed, people.told, json.printed, json.told];
  expect(leakedSecrets(all, [token])).toEqual([]);
  const signature = token.split('.')[2] ?? '';
  for (const text of all) if (signature.length > 8) expect(text).not.toContain(signature.slice(0, 12));
  expect(people.exitCode).toBe(json.exitCode);
  expect(people.told + json.told).toBe('');
  return { exitCode: people.exitCode, printed: people.printed, json: JSON.parse(json.printed) };
}

type Fault = [
  what: string,
  code: RefusalCode,
  make: () => string | Promise<string>,
  why: string,
  advice: string,
];

const FAULTS: Fault[] = [
  [
    'expired',
    'token-expired',
    () => tokens.mintTrusted({ exp: TEST_TIME / 1000 - 61 }),
    'expired 2026-10-31T23:58:59Z',
    'renew its token',
  ],
  [
    'of tomorrow',
    'token-not-yet-valid',
    () => tokens.mintTrusted({ nbf: TEST_TIME / 1000 + 99 }),
    'now it is 2026-11-01',
    '`token.leeway`',
  ],
  [
    'for another audience',
    'token-audience',
    () => tokens.mintTrusted({ aud: 'https://calendar.example.org' }),
    'expected aud "https://mail.example.org", found "https://calendar.example.org"',
    '`token.trustedIssuers[1].audiences`',
  ],
  [
    'of another issuer',
    'token-issuer',
    () => tokens.mintTrusted({ iss: `${TRUSTED_ISSUER}/` }),
    'found "https://idp.example.org/"',
    'a slash at the end',
  ],
  [
    'with an unknown kid',
    'token-key',
    () => tokens.mintTrusted({}, { kid: 'old' }),
    'the issuer has no key "old"',
    'jwksUri',
  ],
  [
    'with another’s signature',
    'token-signature',
    () => mintToken(testKey(), tokens.trustedClaims()),
    'fits no key of the issuer',
    'cut off',
  ],
  [
    'with another algorithm',
    'token-algorithm',
    () => tokens.mintTrusted({}, { alg: 'HS256' }),
    'expected alg ES256 or RS256 or PS256 or EdDSA, found "HS256"',
    '`token.trustedIssuers[1].algorithms`',
  ],
  [
    'of another type',
    'token-type',
    () => tokens.mintTrusted({}, { typ: 'JWT' }),
    'expected typ at+jwt, found "JWT"',
    '`token.trustedIssuers[1].types`',
  ],
  [
    'with a critical header',
    'token-critical',
    () => tokens.mintTrusted({}, { crit: ['b64'] }),
    'found "b64"',
    '`crit`',
  ],
  [
    'without the scope',
    'token-scope',
    () => tokens.mintTrusted({ scope: 'openid' }),
    'found "openid"',
    '`token.trustedIssuers[1].scopes`',
  ],
  [
    'of another client',
    'token-client',
    () => tokens.mintTrusted({ client_id: 'game' }),
    'expected client "mail-program", found "game"',
    '`token.trustedIssuers[1].clients`',
  ],
  [
    'without an address',
    'token-identity',
    () => tokens.mintTrusted({ email: undefined }),
    'no address in the claims "email"',
    '`token.trustedIssuers[1].identity.addresses`',
  ],
  [
    'with an unverified address',
    'token-identity',
    () => tokens.mintTrusted({ email_verified: false }),
    'email_verified is false',
    '`token.trustedIssuers[1].identity.requireVerified`',
  ],
  [
    'bound to a certificate',
    'token-bound',
    () => tokens.mintTrusted({ cnf: { 'x5t#S256': THUMBPRINT } }),
    'none was shown',
    '`submission.listeners[].clientCertificate`',
  ],
  [
    'bound by DPoP',
    'token-bound',
    () => tokens.mintTrusted({ cnf: { jkt: THUMBPRINT } }),
    'DPoP',
    'bearer tokens',
  ],
  [
    'of nobody’s account',
    'token-identity',
    () => tokens.mintOwn({ sub: 'nobody' }),
    'no account "nobody"',
    'account must be there',
  ],
  [
    'cut off',
    'token-malformed',
    () => tokens.mintTrusted().slice(0, -200),
    'token-malformed',
    'nothing cut off',
  ],
  [
    'without its signature',
    'token-malformed',
    () => `${tokens.mintTrusted().split('.').slice(0, 2).join('.')}.`,
    'no signature',
    'nothing cut off',
  ],
  [
    'an opaque one nobody is asked about',
    'token-malformed',
    () => 'q5kW8sT3vXb1ZyR7',
    'expected three parts separated by dots, found 1',
    '`verification: introspection`',
  ],
  [
    'no token at all',
    'token-malformed',
    () => 'my password is hunter2!',
    'characters that no bearer token has',
    'access token',
  ],
  [
    'huge',
    'token-malformed',
    () => 'a'.repeat(20_000),
    'token of 20000 characters, at most 16384',
    'whole access token',
  ],
];

describe('a token that is refused:', () => {
  beforeEach(() => start({ clients: ['mail-program'] }));

  it.each(FAULTS)('%s', async (_what, code, make, why, advice) => {
    const { exitCode, printed, json } = await explained(await make());
    expect(exitCode).toBe(1);
    expect(printed).toMatch(new RegExp(`^refused: ${code}\n`));
    expect(printed).toContain(why);
    expect(printed).toMatch(/^ {2}to do: {5}\S/m);
    expect(printed.split('to do:')[1]).toContain(advice);
    expect(json).toMatchObject({ accepted: false, code, judgedBy: 'running Postern', unchecked: [] });
    expect(json.advice).toContain(advice);
  });

  it('one that was revoked', async () => {
    const token = tokens.mintOwn();
    await tokens.accept(token);
    const id = String(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti);
    await tokens.revocations.revoke({ kind: 'token', id, expiresAt: TEST_TIME / 1000 + 900 });
    const { exitCode, printed } = await explained(token);
    expect(exitCode).toBe(1);
    expect(printed).toContain('refused: token-revoked');
    expect(printed).toContain('Sign in again');
  });

  it('with the issuers that are believed, in full, where that is the fault', async () => {
    const { printed, json } = await explained(tokens.mintTrusted({ iss: 'https://elsewhere.example' }));
    expect(printed).toContain(
      '  believed:  https://mail.example.org, https://a.example, https://idp.example.org\n',
    );
    expect(json.believed).toHaveLength(3);
  });

  it('with what it says of itself, for whoever compares', async () => {
    const { printed, json } = await explained(tokens.mintTrusted({ aud: ['https://a', 'https://b'] }));
    expect(printed).toContain(
      '  it says:   iss https://idp.example.org, aud https://a, https://b, kid ES256-1, alg ES256\n',
    );
    expect(json.token).toEqual({
      issuer: TRUSTED_ISSUER,
      audience: 'https://a, https://b',
      keyId: 'ES256-1',
      algorithm: 'ES256',
    });
  });

  it('and a token that hides in the claims of another is not shown either', async () => {
    const inner = tokens.mintOwn();
    for (const claims of [{ aud: inner }, { iss: inner }]) {
      const { printed } = await explained(tokens.mintTrusted(claims));
      expect(leakedSecrets([printed], [inner])).toEqual([]);
    }
  });
});

describe('a token that is accepted', () => {
  it('moves no cursor and turns no writing round, in neither form', async () => {
    await start({ identity: { addresses: ['email'], requireVerified: true, groups: 'groups' } });
    const groups = ['\u001b[2J', '\u009b2J', '\u202egnirtsa', '\u2028', '\u061c', '\u{e0041}', 'é 漢 🙂'];
    const { exitCode, printed, json } = await explained(tokens.mintTrusted({ groups }));
    expect(exitCode).toBe(0);
    expect(printed).toContain('é 漢 🙂');
    expect(json.groups).toEqual(groups);
    const raw = await ask(tokens.mintTrusted({ groups }), '--json');
    for (const text of [printed, raw.printed])
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(raw.printed).toContain('é 漢 🙂');
  });

  it('is told with whom it stands for, and until when', async () => {
    await start({ identity: { addresses: ['email', 'aliases'], requireVerified: true, groups: 'groups' } });
    const token = tokens.mintTrusted({ aliases: ['info@example.org'], groups: ['staff', 'editors'] });
    const { exitCode, printed, json } = await explained(token);
    expect(exitCode).toBe(0);
    expect(printed.split('\n')).toEqual([
      'accepted: alice@example.org',
      '  addresses: alice@example.org, info@example.org',
      '  groups:    staff, editors',
      '  scopes:    urn:ietf:params:oauth:scope:mail',
      '  client:    mail-program',
      '  issuer:    https://idp.example.org',
      '  expires:   2026-11-01T00:15:00.000Z',
      '',
    ]);
    expect(json).toMatchObject({
      accepted: true,
      subject: 'a1b2c3',
      tokenId: 'token-1',
      judgedBy: 'running Postern',
    });
  });

  it('may be bound to a certificate, where that is named', async () => {
    await start();
    const { testCertificate } = await import('../../support/certificates.ts');
    const { X509Certificate, createHash } = await import('node:crypto');
    const { certificate } = await testCertificate();
    const thumbprint = createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');
    postern.write('client.pem', certificate);
    const token = tokens.mintTrusted({ cnf: { 'x5t#S256': thumbprint } });
    const { exitCode, printed } = await ask(token, '--certificate', 'client.pem');
    expect({ exitCode, first: printed.split('\n')[0] }).toEqual({
      exitCode: 0,
      first: 'accepted: alice@example.org',
    });
    expect((await ask(token)).printed).toContain('refused: token-bound');
    postern.write('other.pem', 'not PEM');
    expect((await ask(token, '--certificate', 'other.pem')).exitCode).toBe(2);
  });

  it('may come from a file', async () => {
    await start();
    postern.write('token.txt', `${tokens.mintTrusted()}\r\n`);
    expect((await ask('', '--token-file', 'token.txt')).exitCode).toBe(0);
  });
});

it('an opaque token is asked about, and an inactive one refused', async () => {
  await start({}, true);
  const { exitCode, printed } = await explained('q5kW8sT3vXb1ZyR7');
  expect(exitCode).toBe(1);
  expect(printed).toContain('refused: token-revoked');
  expect(tokens.fetched).toContain(ENDPOINT);
});

it('a running Postern that fails is no reason to go by the settings', async () => {
  const door = await postern.start();
  door.judge = async () => Promise.reject(new Error('store: disk I/O error'));
  const { exitCode, printed, told } = await ask('q5kW8sT3vXb1ZyR7');
  expect({ exitCode, printed }).toEqual({ exitCode: 1, printed: '' });
  expect(told).toContain('the journal says what');
  expect(told).not.toContain('alone are what counts');
});

describe('wrong use ends with 2, says what to do, and repeats nothing:', () => {
  beforeEach(() => start());
  const SECRET = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4';
  const OPAQUE = '-q5kW8sT3vXb1ZyR7q5kW8sT3vXb1ZyR7';

  it.each([
    ['a token as argument', [SECRET], 'does not belong on the command line'],
    ['one after --', ['--', OPAQUE], 'does not belong on the command line'],
    ['one that looks like an option', [OPAQUE], 'does not belong on the command line'],
    ['one with --token', ['--token', SECRET], 'does not belong on the command line'],
    ['one with --token=', [`--token=${SECRET}`], 'does not belong on the command line'],
    ['--token alone', ['--token'], 'does not belong on the command line'],
    ['one in an option of its own', [`--bearer=${SECRET}`], 'does not belong on the command line'],
    ['one as name of a file', ['--token-file', SECRET], 'takes the name of a file'],
    ['one as session', ['--session', SECRET], 'is no session id'],
    ['an option there is none of', ['--colour'], 'there is no option --colour'],
    ['both questions', ['--session', 'abc', '--token-file', 'x'], 'two questions'],
  ])('%s', async (_what, args, words) => {
    const { exitCode, printed, told } = await ask('', ...args);
    expect({ exitCode, printed }).toEqual({ exitCode: 2, printed: '' });
    expect(told).toContain(words);
    expect(told).toMatch(/\n {2}\S/);
    for (const piece of [...SECRET.split('.'), OPAQUE]) expect(told).not.toContain(piece);
  });

  it.each([
    ['nothing', '', 'is empty'],
    ['white space', ' \n\r\n', 'is empty'],
    ['two lines', `${SECRET}\n${SECRET}\n`, 'several lines'],
    ['JSON', `{"access_token": "${SECRET}"}`, 'jq -r .access_token'],
    ['without an end', 'A'.repeat(70_000), 'more than 64 KB'],
  ])('%s on standard input', async (_what, input, words) => {
    const { exitCode, printed, told } = await ask(input);
    expect({ exitCode, printed }).toEqual({ exitCode: 2, printed: '' });
    expect(told).toContain(words);
    for (const piece of [...SECRET.split('.'), 'AAAA']) expect(told).not.toContain(piece);
  });

  it('a terminal in place of a token: nobody is left waiting', async () => {
    const terminal = Object.assign(new Readable({ read: () => undefined }), { isTTY: true });
    const { exitCode, told } = await ask(terminal);
    expect(exitCode).toBe(2);
    expect(told).toContain('postern token | postern explain');
  });

  it('input that never ends is not read to its end', async () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(16_384, 'a'));
      },
    });
    expect((await ask(endless)).told).toContain('more than 64 KB');
    expect(endless.destroyed).toBe(true);
  });
});

it('an opaque one that nobody can look up is not said to be right', async () => {
  const { judgeOffline } = await import('../../../src/explanation/offline.ts');
  const { adviceOn } = await import('../../../src/command/explain-report.ts');
  const question = { token: 'A'.repeat(43) };
  const judged = await judgeOffline(question, { settings: tokenSettings(), issuer: ISSUERS.own });
  const advice = await adviceOn({ ...judged, by: 'settings' });
  expect(advice).toContain('Ask again while Postern runs');
  expect(advice).not.toContain('is right');
});
