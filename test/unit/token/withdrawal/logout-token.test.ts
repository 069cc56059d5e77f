import { afterEach, beforeEach, expect, test } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import {
  createLogoutTokenVerifier,
  type LogoutTokenVerifier,
} from '../../../../src/token/withdrawal/logout-token.ts';
import { LOGOUT, type Network, networkOf, sender } from '../../../support/signals.ts';
import {
  encodeJson,
  mintRawToken,
  mintToken,
  type TokenClaims,
  testClock,
  testKey,
} from '../../../support/tokens.ts';

// The claims of Back-Channel Logout 1.0 §2.4's example, which expire two minutes after they were issued.
const ISSUED = 1_471_566_154;
const EXAMPLE: TokenClaims = {
  iss: 'https://server.example.com',
  sub: '248289761001',
  aud: 's6BhdRkqt3',
  iat: ISSUED,
  exp: ISSUED + 120,
  jti: 'bWJq',
  sid: '08a5019c-17e1-4977-8f42-65a12843ea02',
  events: { [LOGOUT]: {} },
};

const server = sender('https://server.example.com');
const clock = testClock(ISSUED * 1000);
let network: Network;
let verifier: LogoutTokenVerifier;

beforeEach(() => {
  network = networkOf(server);
  verifier = openVerifier(clock.now);
});
afterEach(() => verifier.close());

function openVerifier(now: () => number): LogoutTokenVerifier {
  return createLogoutTokenVerifier({
    issuer: server.issuer,
    clientId: 's6BhdRkqt3',
    allowInsecureHttp: false,
    jwks: { refreshInterval: 3_600_000, cooldown: 30_000, timeout: 1_000 },
    leeway: 60_000,
    now,
    fetch: network.fetch,
  });
}

const token = (changes: TokenClaims = {}, header: TokenClaims = {}) =>
  server.logoutToken({ ...EXAMPLE, ...changes }, header);

async function codeOf(text: string): Promise<string> {
  const verdict = await verifier.verify(text);
  return isRefusal(verdict) ? verdict.code : 'good';
}

test('the example of the specification tells whose session ended', async () => {
  expect(await verifier.verify(token())).toEqual({
    issuer: 'https://server.example.com',
    tokenId: 'bWJq',
    subject: '248289761001',
    sessionId: '08a5019c-17e1-4977-8f42-65a12843ea02',
    keepUntil: ISSUED + 600 + 120,
  });
});

test.each([
  ['only a sub', { sid: undefined }],
  ['only a sid', { sub: undefined }],
  ['several audiences, ours among them', { aud: ['other', 's6BhdRkqt3'] }],
  ['no exp, as before 2022', { exp: undefined }],
  ['claims nobody knows', { txn: 'x', trace: [1] }],
  ['an event beside the logout', { events: { [LOGOUT]: {}, 'https://example.com/other': {} } }],
  ['an iat a little ahead', { iat: ISSUED + 59 }],
])('is good with %s', async (_name, changes) => {
  expect(await codeOf(token(changes))).toBe('good');
});

test.each([
  ['logout+jwt', 'logout+jwt'],
  ['application/logout+jwt', 'application/logout+jwt'],
  ['LOGOUT+JWT', 'LOGOUT+JWT'],
  ['plain JWT', 'JWT'],
  ['none', undefined],
])('is good with typ %s (§2.4 recommends it only)', async (_name, typ) => {
  expect(await codeOf(token({}, { typ }))).toBe('good');
});

test.each<[name: string, changes: TokenClaims, code: string]>([
  ['another issuer', { iss: 'https://server.example.com/' }, 'token-issuer'],
  ['no issuer', { iss: undefined }, 'token-issuer'],
  ['wrong aud', { aud: 'other' }, 'token-audience'],
  ['no aud', { aud: undefined }, 'token-audience'],
  ['aud that holds ours as a part', { aud: 's6BhdRkqt3-2' }, 'token-audience'],
  ['no iat', { iat: undefined }, 'token-malformed'],
  ['iat as a text', { iat: String(ISSUED) }, 'token-malformed'],
  ['iat in milliseconds', { iat: ISSUED * 1000 }, 'token-malformed'],
  ['future iat', { iat: ISSUED + 61 }, 'token-not-yet-valid'],
  ['nbf to come', { nbf: ISSUED + 61 }, 'token-not-yet-valid'],
  ['iat of long ago, without exp', { iat: ISSUED - 661, exp: undefined }, 'token-expired'],
  ['iat of long ago, though exp is to come', { iat: ISSUED - 661, exp: ISSUED + 60 }, 'token-expired'],
  ['expired', { iat: ISSUED - 200, exp: ISSUED - 60 }, 'token-expired'],
  ['exp as a text', { exp: 'never' }, 'token-expired'],
  ['no jti', { jti: undefined }, 'token-malformed'],
  ['empty jti', { jti: '' }, 'token-malformed'],
  ['jti that is a number', { jti: 7 }, 'token-malformed'],
  ['missing events', { events: undefined }, 'token-malformed'],
  ['empty events', { events: {} }, 'token-malformed'],
  ['events as a list', { events: [LOGOUT] }, 'token-malformed'],
  ['events as a text', { events: LOGOUT }, 'token-malformed'],
  ['another event', { events: { 'https://example.com/logout': {} } }, 'token-malformed'],
  ['the event not an object', { events: { [LOGOUT]: true } }, 'token-malformed'],
  ['a nonce where none may be', { nonce: 'n-0S6_WzA2Mj' }, 'token-malformed'],
  ['an empty nonce', { nonce: null }, 'token-malformed'],
  ['neither sub nor sid', { sub: undefined, sid: undefined }, 'token-malformed'],
  ['sub that is no text', { sub: { a: 1 } }, 'token-malformed'],
  ['sid with a line break', { sid: 'a\nb' }, 'token-malformed'],
])('is refused: %s', async (_name, changes, code) => {
  expect(await codeOf(token(changes))).toBe(code);
});

test.each<[name: string, text: () => string, code: string]>([
  [
    'unsigned: alg none, no signature',
    () => `${encodeJson({ alg: 'none', typ: 'logout+jwt' })}.${encodeJson(EXAMPLE)}.`,
    'token-algorithm',
  ],
  ['unsigned: signature cut off', () => token().replace(/[^.]+$/, ''), 'token-malformed'],
  ['HMAC with a shared secret', () => token({}, { alg: 'HS256' }), 'token-algorithm'],
  [
    'signed with a foreign key of the same name',
    () => mintToken(testKey('ES256', server.key.kid), EXAMPLE, { typ: 'logout+jwt' }),
    'token-signature',
  ],
  ['a kid the issuer has not', () => token({}, { kid: 'other' }), 'token-key'],
  ['an access token', () => token({}, { typ: 'at+jwt' }), 'token-type'],
  ['a security event', () => token({}, { typ: 'secevent+jwt' }), 'token-type'],
  ['typ that is no text', () => token({}, { typ: 1 }), 'token-type'],
  ['a critical extension', () => token({}, { crit: ['b64'], b64: false }), 'token-critical'],
  ['encrypted', () => 'a.b.c.d.e', 'token-malformed'],
  [
    'two iss',
    () =>
      mintRawToken(
        server.key,
        JSON.stringify({ alg: 'ES256', kid: server.key.kid, typ: 'logout+jwt' }),
        `{"iss":"https://evil.example",${JSON.stringify(EXAMPLE).slice(1)}`,
      ),
    'token-malformed',
  ],
  ['nothing', () => '', 'token-missing'],
])('is refused: %s', async (_name, text, code) => {
  expect(await codeOf(text())).toBe(code);
});

test('an ID token of the same issuer and for us is not taken for one', async () => {
  const idToken = { ...EXAMPLE, events: undefined, nonce: 'n', exp: ISSUED + 3600 };
  expect(await codeOf(server.logoutToken(idToken, { typ: 'JWT' }))).toBe('token-malformed');
});

test('while the keys cannot be had it is not called bad', async () => {
  network.isDown = true;
  expect(await codeOf(token())).toBe('issuer-unavailable');
});

test('a flood of made-up keys causes one fetch in each cooldown', async () => {
  await codeOf(token());
  const before = network.asked.length;
  for (let count = 0; count < 50; count += 1) await codeOf(token({}, { kid: `kid-${count}` }));
  expect(network.asked.length - before).toBeLessThanOrEqual(1);
});

test('what is refused by its own words costs no request at all', async () => {
  for (const changes of [{ aud: 'x' }, { events: {} }, { nonce: 'x' }, { iat: 1 }])
    await codeOf(token(changes));
  expect(network.asked).toEqual([]);
});
