// An issuer in trouble: no good token is called bad (535 makes clients throw it away), and no bad one gets in.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { createTokenVerifier, type TokenVerifier } from '../../../../src/token/verifier.ts';
import { openRevocations } from '../../../../src/token/withdrawal/revocations.ts';
import {
  type Answer,
  type FakeIssuer,
  JWKS_PATH,
  OAUTH_METADATA,
  OPENID_METADATA,
  startFakeIssuer,
} from '../../../support/fake-issuer.ts';
import {
  goodClaims,
  introspectionSettings,
  memoryRevocationStore,
  mintToken,
  testClock,
  testKey,
  tokenSettings,
  trustedIssuer,
} from '../../../support/tokens.ts';

const INTROSPECT = '/introspect';
const PATHS = [OAUTH_METADATA, OPENID_METADATA, JWKS_PATH, INTROSPECT];
const foreign = testKey('ES256', 'foreign');
let issuer: FakeIssuer;
let clock: ReturnType<typeof testClock>;
let verifier: TokenVerifier;
let count = 0;

beforeEach(async () => {
  issuer = await startFakeIssuer();
  clock = testClock();
});
afterEach(async () => {
  verifier.close();
  await issuer.stop();
});

async function open(verification: 'signature' | 'introspection', timeout = 10_000): Promise<void> {
  verifier = createTokenVerifier({
    settings: tokenSettings({
      trustedIssuers: [
        trustedIssuer(issuer.issuer, {
          verification,
          introspection: introspectionSettings({ endpoint: `${issuer.issuer}${INTROSPECT}`, timeout }),
        }),
      ],
      jwks: { refreshInterval: 3_600_000, cooldown: 30_000, timeout },
    }),
    own: undefined,
    revocations: await openRevocations({ store: memoryRevocationStore(), now: clock.now }),
    now: clock.now,
  });
  issuer.answer(INTROSPECT, { body: { active: true, ...goodClaims(issuer.issuer, {}, clock.now()) } });
}

/** A token nobody has shown before. */
function fresh(key = issuer.keys[0] ?? foreign): string {
  count += 1;
  return mintToken(key, goodClaims(issuer.issuer, { jti: `token-${count}` }, clock.now()));
}

async function verdictOn(token: string): Promise<string> {
  const verdict = await verifier.verify(token);
  return isRefusal(verdict) ? verdict.code : 'good';
}

const everywhere = (answer: Answer) => () => {
  for (const path of PATHS) issuer.answer(path, answer);
};

/** What happens to the issuer; afterwards it is as before. */
const TROUBLE: readonly (readonly [string, () => unknown])[] = [
  ['is stopped', () => issuer.stop()],
  ['does not answer in time', () => issuer.hold()],
  ['fails', everywhere({ status: 500, body: { error: 'server_error' } })],
  ['is overloaded', everywhere({ status: 503, body: '' })],
  ['limits how often it is asked', everywhere({ status: 429, body: '' })],
  ['does not know Postern any more', everywhere({ status: 401, body: { error: 'invalid_client' } })],
  ['has moved', everywhere({ status: 302, headers: { location: 'https://elsewhere.example/' }, body: '' })],
  ['is under repair', everywhere({ body: '<html><body>We are back soon</body></html>' })],
  ['breaks off', everywhere({ body: '{"keys": [{"kty": "EC", "active": tru' })],
  ['says nothing', everywhere({ body: '' })],
  ['says null', everywhere({ body: null })],
  ['says something else', everywhere({ body: { ok: true } })],
  ['has an empty set of keys', everywhere({ body: { keys: [] } })],
  ['has keys of another kind', everywhere({ body: { keys: [{ kty: 'oct', k: 'AAAA' }], active: 'true' } })],
  ['answers without end', everywhere({ body: `{"x":"${'x'.repeat(600 * 1024)}"}` })],
];

describe.each(TROUBLE)('an issuer that %s', (what, trouble) => {
  const timeout = what === 'does not answer in time' ? 2_000 : undefined;
  it('whose keys were never fetched: later', async () => {
    await open('signature', timeout);
    await trouble();
    expect(await verdictOn(fresh())).toBe('issuer-unavailable');
    expect(await verdictOn(fresh(foreign))).not.toBe('good');
  });

  it('whose keys are known: good, also after they are due for another look', async () => {
    await open('signature', timeout);
    const known = fresh();
    expect(await verdictOn(known)).toBe('good');
    await trouble();
    expect(await verdictOn(known)).toBe('good');
    expect(await verdictOn(fresh())).toBe('good');
    clock.advance(3_600_000);
    expect(await verdictOn(fresh())).toBe('good');
    expect(await verdictOn(fresh(foreign))).toBe('issuer-unavailable');
    expect(await verdictOn(mintToken({ ...foreign, kid: 'first' }, goodClaims(issuer.issuer)))).not.toBe(
      'good',
    );
  });

  it('that is asked: later, but for a token it has just vouched for', async () => {
    await open('introspection', timeout);
    const known = fresh();
    expect(await verdictOn(known)).toBe('good');
    await trouble();
    expect(await verdictOn(known)).toBe('good');
    expect(await verdictOn(fresh())).toBe('issuer-unavailable');
    expect(await verdictOn('opaque')).toBe('issuer-unavailable');
    clock.advance(60_000);
    expect(await verdictOn(known)).toBe('issuer-unavailable');
  });
});

it.each(['signature', 'introspection'] as const)(
  'an issuer that is back is believed again, by %s',
  async (verification) => {
    await open(verification);
    await issuer.stop();
    expect(await verdictOn(fresh())).toBe('issuer-unavailable');
    await issuer.start();
    clock.advance(30_000);
    expect(await verdictOn(fresh())).toBe('good');
  },
);

describe('keys rotated twice in a minute', () => {
  it('are found each time: a token of the newest is good or put off, a forged one never good', async () => {
    await open('signature');
    const verdicts: string[] = [];
    const forged: string[] = [];
    for (let second = 0; second <= 90; second += 5) {
      if (second === 10) issuer.rotate('second');
      if (second === 35) issuer.rotate('third');
      verdicts.push(await verdictOn(fresh()));
      const kid = issuer.keys[0]?.kid ?? '';
      const claims = goodClaims(issuer.issuer, { jti: `forged-${second}` }, clock.now());
      forged.push(await verdictOn(mintToken({ ...foreign, kid }, claims)));
      forged.push(await verdictOn(mintToken({ ...foreign, kid: `made-up-${second}` }, claims)));
      clock.advance(5_000);
    }
    expect(new Set(verdicts)).toEqual(new Set(['good', 'issuer-unavailable']));
    expect(verdicts.slice(-3)).toEqual(['good', 'good', 'good']);
    // No longer than a cooldown after each rotation.
    expect(verdicts.filter((verdict) => verdict !== 'good').length).toBeLessThanOrEqual(12);
    expect(forged).not.toContain('good');
    // The first, and one for each cooldown begun.
    expect(issuer.count(JWKS_PATH)).toBeLessThanOrEqual(5);
  });
});
