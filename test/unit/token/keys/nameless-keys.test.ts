// An issuer whose tokens do not tell by a name when its key is another: no good token is called bad, and no bad one gets in.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { createTokenVerifier, type TokenVerifier } from '../../../../src/token/verifier.ts';
import { openRevocations } from '../../../../src/token/withdrawal/revocations.ts';
import { type FakeIssuer, JWKS_PATH, startFakeIssuer } from '../../../support/fake-issuer.ts';
import {
  goodClaims,
  memoryRevocationStore,
  mintToken,
  type TestKey,
  type TokenClaims,
  testClock,
  testKey,
  tokenSettings,
  trustedIssuer,
} from '../../../support/tokens.ts';

const COOLDOWN = 30_000;
const foreign = testKey('ES256', 'foreign');
let issuer: FakeIssuer;
let clock: ReturnType<typeof testClock>;
let verifier: TokenVerifier;
let count = 0;

beforeEach(async () => {
  issuer = await startFakeIssuer();
  clock = testClock();
  verifier = createTokenVerifier({
    settings: tokenSettings({
      trustedIssuers: [trustedIssuer(issuer.issuer)],
      jwks: { refreshInterval: 3_600_000, cooldown: COOLDOWN, timeout: 5_000 },
    }),
    own: undefined,
    revocations: await openRevocations({ store: memoryRevocationStore(), now: clock.now }),
    now: clock.now,
  });
});
afterEach(async () => {
  verifier.close();
  await issuer.stop();
});

/** How an issuer names its keys, in its key set and in its tokens; each rotation changes the key. */
const HABITS: Readonly<Record<string, { rotate(): void; kid: string | undefined }>> = {
  'leaves the name out of its tokens': { rotate: () => issuer.rotate(`key-${++count}`), kid: undefined },
  'names no key at all': {
    rotate() {
      const { publicJwk, ...key } = testKey('ES256', 'key');
      const { kid: _, ...nameless } = publicJwk as Record<string, unknown>;
      issuer.keys = [{ ...key, publicJwk: nameless }];
    },
    kid: undefined,
  },
  'calls every key the same': { rotate: () => issuer.rotate('the-key'), kid: 'the-key' },
};

/** A token that nobody has shown before. */
function mint(kid: string | undefined, key: TestKey | undefined = issuer.keys[0], claims: TokenClaims = {}) {
  const jti = `token-${++count}`;
  return mintToken(key ?? foreign, goodClaims(issuer.issuer, { jti, ...claims }, clock.now()), { kid });
}

async function verdictOn(token: string): Promise<string> {
  const verdict = await verifier.verify(token);
  return isRefusal(verdict) ? verdict.code : 'good';
}

describe.each(Object.entries(HABITS))('an issuer that %s', (_what, { rotate, kid }) => {
  beforeEach(async () => {
    rotate();
    expect(await verdictOn(mint(kid))).toBe('good');
  });

  it('and rotates twice in ten seconds: good at once, the first time', async () => {
    for (const rotation of [1, 2]) {
      clock.advance(5_000);
      rotate();
      // Then later, as long as its keys may not be fetched again.
      expect(await verdictOn(mint(kid))).toBe(rotation === 1 ? 'good' : 'issuer-unavailable');
    }
    clock.advance(COOLDOWN);
    expect(await verdictOn(mint(kid))).toBe('good');
    expect(issuer.count(JWKS_PATH)).toBe(3);
  });

  it('and rotates all the time, while forged tokens come in: good or later, and no more fetches than that', async () => {
    const verdicts: string[] = [];
    const forged: string[] = [];
    for (let second = 5; second <= 300; second += 5) {
      clock.advance(5_000);
      if (second <= 100 && second % 20 === 5) rotate();
      verdicts.push(await verdictOn(mint(kid)));
      if (second > 5) forged.push(await verdictOn(mint(kid, foreign)));
    }
    expect(new Set(verdicts)).toEqual(new Set(['good', 'issuer-unavailable']));
    expect(new Set(forged)).toEqual(new Set(['token-signature', 'issuer-unavailable']));
    // Forged tokens put nobody off once the keys stand.
    expect(new Set(verdicts.slice(-34))).toEqual(new Set(['good']));
    // The first, one early, one for each cooldown.
    expect(issuer.count(JWKS_PATH)).toBeLessThanOrEqual(2 + 300_000 / COOLDOWN);
  });

  it('has one fetch for many tokens of a new key', async () => {
    clock.advance(COOLDOWN);
    rotate();
    const verdicts = await Promise.all(Array.from({ length: 200 }, () => verdictOn(mint(kid))));
    expect(new Set(verdicts)).toEqual(new Set(['good']));
    expect(issuer.count(JWKS_PATH)).toBe(2);
  });

  it('has a forged token called so where its keys were fetched after it came', async () => {
    clock.advance(COOLDOWN);
    const token = mint(kid, foreign);
    expect(await verdictOn(token)).toBe('token-signature');
    clock.advance(1_000);
    expect(await verdictOn(token)).toBe('token-signature');
    expect(issuer.count(JWKS_PATH)).toBe(2);
  });

  it('has a token called forged that is older than the keys, without a fetch for it', async () => {
    clock.advance(COOLDOWN);
    rotate();
    expect(await verdictOn(mint(kid))).toBe('good');
    expect(await verdictOn(mint(kid, foreign))).toBe('token-signature');
    const iat = clock.now() / 1000 - 61;
    expect(await verdictOn(mint(kid, foreign, { iat }))).toBe('token-signature');
    // It says that it is newer: who knows.
    expect(await verifier.verify(mint(kid, foreign))).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringMatching(
        /^the ES256 signature fits no key of the issuer: ".*" may have a newer one/,
      ),
    });
    expect(issuer.count(JWKS_PATH)).toBe(3);
  });

  it('and is down: later', async () => {
    clock.advance(COOLDOWN);
    rotate();
    expect(await verdictOn(mint(kid))).toBe('good');
    rotate();
    await issuer.stop();
    clock.advance(COOLDOWN);
    expect(await verdictOn(mint(kid))).toBe('issuer-unavailable');
    await issuer.start();
    clock.advance(COOLDOWN);
    expect(await verdictOn(mint(kid))).toBe('good');
  });
});

it('an issuer that publishes keys without names is known for it before its first good token comes', async () => {
  const { rotate } = HABITS['names no key at all'] ?? {};
  rotate?.();
  // The second takes the fetch that may follow at once.
  for (const _ of [1, 2]) {
    expect(await verdictOn(mint(undefined, foreign))).toBe('token-signature');
    clock.advance(1_000);
  }
  rotate?.();
  expect(await verdictOn(mint(undefined))).toBe('issuer-unavailable');
  clock.advance(COOLDOWN);
  expect(await verdictOn(mint(undefined))).toBe('good');
});

describe('an issuer that names its keys', () => {
  beforeEach(async () => {
    expect(await verdictOn(mint('first'))).toBe('good');
  });

  it.each([
    ['with the name of its key', 'first'],
    ['without a name', undefined],
  ])(
    'has forged tokens %s called so, one after the other, with one fetch to see and one each cooldown',
    async (_what, kid) => {
      for (let second = 0; second < 90; second += 5) {
        expect(await verdictOn(mint(kid, foreign))).toBe('token-signature');
        clock.advance(5_000);
      }
      expect(issuer.count(JWKS_PATH)).toBeLessThanOrEqual(4);
      expect(await verdictOn(mint('first'))).toBe('good');
    },
  );

  it('and is down has a forged token called so as well', async () => {
    await issuer.stop();
    clock.advance(COOLDOWN);
    expect(await verdictOn(mint('first', foreign))).toBe('token-signature');
    expect(await verdictOn(mint('first'))).toBe('good');
  });
});

it('keys that come and go with each answer make for no more fetches', async () => {
  for (let second = 0; second < 600; second += 5) {
    issuer.rotate(`key-${++count}`);
    await verdictOn(mint(undefined, foreign));
    clock.advance(5_000);
  }
  expect(issuer.count(JWKS_PATH)).toBeLessThanOrEqual(1 + 600_000 / COOLDOWN + 2);
});
