import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import {
  createSecurityEventVerifier,
  type SecurityEventVerifier,
} from '../../../../src/token/withdrawal/security-event.ts';
import { readSubject } from '../../../../src/token/withdrawal/security-event-subject.ts';
import { CAEP, type Network, networkOf, sender } from '../../../support/signals.ts';
import { encodeJson, mintToken, type TokenClaims, testClock, testKey } from '../../../support/tokens.ts';

// The first example of CAEP 1.0 §3.1.2.
const ISSUED = 1_615_305_159;
const EXAMPLE: TokenClaims = {
  iss: 'https://idp.example.com/123456789/',
  jti: '24c63fb56e5a2d77a6b512616ca9fa24',
  iat: ISSUED,
  aud: 'https://sp.example.com/caep',
  txn: 8675309,
  sub_id: { format: 'opaque', id: 'dMTlD|1600802906337.16|16008.16' },
  events: { [`${CAEP}session-revoked`]: { event_timestamp: 1615304991643 } },
};

const idp = sender('https://idp.example.com/123456789/');
const other = sender('https://other.example.com');
const clock = testClock(ISSUED * 1000);
let network: Network;
let verifier: SecurityEventVerifier;

beforeEach(() => {
  network = networkOf(idp, other);
  const transmitter = { audience: 'https://sp.example.com/caep', allowInsecureHttp: false };
  verifier = createSecurityEventVerifier({
    transmitters: [idp, other].map(({ issuer }) => ({ issuer, ...transmitter })),
    jwks: { refreshInterval: 3_600_000, cooldown: 30_000, timeout: 1_000 },
    leeway: 60_000,
    now: clock.now,
    fetch: network.fetch,
  });
});
afterEach(() => verifier.close());

const event = (changes: TokenClaims = {}, header: TokenClaims = {}) =>
  idp.event({ ...EXAMPLE, ...changes }, header);

async function codeOf(token: string, issuer = idp.issuer): Promise<string> {
  const verdict = await verifier.verify(token, issuer);
  return isRefusal(verdict) ? verdict.code : 'good';
}

test('the example of CAEP says what happened to whom', async () => {
  expect(await verifier.verify(event(), idp.issuer)).toEqual({
    issuer: idp.issuer,
    tokenId: '24c63fb56e5a2d77a6b512616ca9fa24',
    type: `${CAEP}session-revoked`,
    payload: { event_timestamp: 1615304991643 },
    subject: { format: 'opaque', id: 'dMTlD|1600802906337.16|16008.16' },
    keepUntil: ISSUED + 30 * 86_400 + 120,
  });
  // SSF 1.0 §7.2: the well-known part stands between host and path.
  expect(network.asked[0]).toBe('https://idp.example.com/.well-known/ssf-configuration/123456789');
});

test.each([
  ['several audiences', { aud: ['x', 'https://sp.example.com/caep'] }],
  ['an event of last week, kept back while we were away', { iat: ISSUED - 7 * 86_400 }],
  ['no subject', { sub_id: undefined }],
])('is good with %s', async (_name, changes) => {
  expect(await codeOf(event(changes))).toBe('good');
});

test.each<[name: string, changes: TokenClaims, code: string]>([
  ['another transmitter’s iss', { iss: other.issuer }, 'token-issuer'],
  ['wrong aud', { aud: 'https://sp.example.com/' }, 'token-audience'],
  ['no aud', { aud: undefined }, 'token-audience'],
  ['no jti', { jti: undefined }, 'token-malformed'],
  ['no iat', { iat: undefined }, 'token-malformed'],
  ['future iat', { iat: ISSUED + 61 }, 'token-not-yet-valid'],
  ['older than anything remembered', { iat: ISSUED - 31 * 86_400 }, 'token-expired'],
  ['exp, which SSF 1.0 §4.1.7 forbids', { exp: ISSUED + 60 }, 'token-malformed'],
  ['sub, which SSF 1.0 §4.1.2 forbids', { sub: 'alice' }, 'token-malformed'],
  ['missing events', { events: undefined }, 'token-malformed'],
  ['empty events', { events: {} }, 'token-malformed'],
  ['two events', { events: { a: {}, b: {} } }, 'token-malformed'],
  ['an event that is no object', { events: { [`${CAEP}session-revoked`]: 1 } }, 'token-malformed'],
  ['a subject that is no object', { sub_id: 'alice' }, 'token-malformed'],
  ['a subject without format', { sub_id: { email: 'a@example.com' } }, 'token-malformed'],
  ['an email that is none', { sub_id: { format: 'email', email: 'alice' } }, 'token-malformed'],
])('is refused: %s', async (_name, changes, code) => {
  expect(await codeOf(event(changes))).toBe(code);
});

test.each<[name: string, token: () => string, code: string]>([
  [
    'unsigned',
    () => `${encodeJson({ alg: 'none', typ: 'secevent+jwt' })}.${encodeJson(EXAMPLE)}.`,
    'token-algorithm',
  ],
  ['no typ', () => event({}, { typ: undefined }), 'token-type'],
  ['typ JWT', () => event({}, { typ: 'JWT' }), 'token-type'],
  ['a logout token', () => event({}, { typ: 'logout+jwt' }), 'token-type'],
  ['HMAC', () => event({}, { alg: 'HS256' }), 'token-algorithm'],
  [
    'a foreign key',
    () => mintToken(testKey('ES256', idp.key.kid), EXAMPLE, { typ: 'secevent+jwt' }),
    'token-signature',
  ],
  ['another transmitter’s signature under this one’s name', () => other.event(EXAMPLE), 'token-key'],
  ['a critical extension', () => event({}, { crit: ['x'], x: 1 }), 'token-critical'],
])('is refused: %s', async (_name, token, code) => {
  expect(await codeOf(token())).toBe(code);
});

test('an event of one transmitter is not taken in the name of another', async () => {
  expect(await codeOf(event(), other.issuer)).toBe('token-issuer');
});

test('whose it says it is can be read before anything is believed', () => {
  expect(verifier.issuerOf(event())).toBe(idp.issuer);
  expect(verifier.issuerOf(event({ iss: 'https://evil.example' }))).toMatchObject({ code: 'token-issuer' });
  expect(verifier.issuerOf('x')).toMatchObject({ code: 'token-malformed' });
});

describe('a subject', () => {
  test.each<[name: string, value: unknown, read: unknown]>([
    [
      'RFC 9493 Figure 1: account',
      { format: 'account', uri: 'acct:example.user@service.example.com' },
      { format: 'address', address: 'example.user@service.example.com' },
    ],
    [
      'RFC 9493 Figure 2: email',
      { format: 'email', email: 'user@Example.com' },
      { format: 'address', address: 'user@example.com' },
    ],
    [
      'RFC 9493 Figure 3: iss_sub',
      { format: 'iss_sub', iss: 'https://issuer.example.com/', sub: '145234573' },
      { format: 'iss_sub', issuer: 'https://issuer.example.com/', subject: '145234573' },
    ],
    [
      'RFC 9493 Figure 4: opaque',
      { format: 'opaque', id: '11112222333344445555' },
      { format: 'opaque', id: '11112222333344445555' },
    ],
    ['a telephone number', { format: 'phone_number', phone_number: '+12065550100' }, { format: 'foreign' }],
    [
      'CAEP: a token',
      { format: 'jwt_id', iss: 'https://idp.example.com/', jti: 'f61t6' },
      { format: 'jwt_id', issuer: 'https://idp.example.com/', tokenId: 'f61t6' },
    ],
    [
      'the draft’s subject_type',
      { subject_type: 'iss-sub', iss: 'https://idp.example.com/', sub: '7375626A656374' },
      { format: 'iss_sub', issuer: 'https://idp.example.com/', subject: '7375626A656374' },
    ],
  ])('%s', (_name, value, read) => {
    expect(readSubject(value)).toEqual(read);
  });

  test('by several names is one', () => {
    const identifiers = [
      { format: 'email', email: 'a@example.com' },
      { format: 'phone_number', phone_number: '+1' },
    ];
    expect(readSubject({ format: 'aliases', identifiers })).toEqual({
      format: 'aliases',
      identifiers: [{ format: 'address', address: 'a@example.com' }, { format: 'foreign' }],
    });
  });

  test.each([
    ['aliases within aliases', { format: 'aliases', identifiers: [{ format: 'aliases', identifiers: [] }] }],
    ['too many aliases', { format: 'aliases', identifiers: Array(9).fill({ format: 'opaque', id: 'x' }) }],
    ['no aliases', { format: 'aliases', identifiers: [] }],
    ['complex within complex', { format: 'complex', user: { format: 'complex' } }],
    ['iss without sub', { format: 'iss_sub', iss: 'https://idp.example.com' }],
    ['an opaque without id', { format: 'opaque' }],
  ])('is refused: %s', (_name, value) => {
    expect(readSubject(value)).toEqual(expect.any(String));
  });
});
