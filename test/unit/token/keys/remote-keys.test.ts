// The cached keys of a trusted issuer: when they are fetched, when not, and what holds while the issuer is down.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import type { WantedKey } from '../../../../src/token/keys/key-source.ts';
import { RemoteKeys } from '../../../../src/token/keys/remote-keys.ts';
import { type FakeIssuer, JWKS_PATH, OAUTH_METADATA, startFakeIssuer } from '../../../support/fake-issuer.ts';
import { TEST_TIME, testClock, tokenSettings, trustedIssuer } from '../../../support/tokens.ts';

const HOUR = 3_600_000;
const COOLDOWN = 30_000;

let issuer: FakeIssuer;
let clock: ReturnType<typeof testClock>;
let keys: RemoteKeys;

beforeEach(async () => {
  issuer = await startFakeIssuer();
  clock = testClock();
  keys = open();
});
afterEach(async () => {
  keys.close();
  await issuer.stop();
});

function open(changes: Parameters<typeof trustedIssuer>[1] = {}): RemoteKeys {
  const settings = trustedIssuer(issuer.issuer, changes);
  return new RemoteKeys({ settings, jwks: tokenSettings().jwks, now: clock.now, fetch });
}

/** Of a token that is signed with whatever key is found; one a name, unless it has an id of its own. */
function check(wanted: WantedKey, { id = String(wanted.kid), key = undefined as string | undefined } = {}) {
  return keys.check({
    wanted,
    id: () => id,
    isBy: async (found) => key === undefined || found.some((one) => one.export({ format: 'jwk' }).x === key),
  });
}
/** A token that was made an hour ago: every set of keys fetched since must have its key. */
const find = (kid = 'first') => check({ kid, alg: 'ES256', issuedAt: TEST_TIME / 1000 - 3600 });
/** A token made just now. */
const findForNew = (kid: string, id = kid) =>
  check({ kid, alg: 'ES256', issuedAt: clock.now() / 1000 }, { id });

async function codeOf(finding: ReturnType<typeof find>): Promise<string> {
  const refusal = await finding;
  return isRefusal(refusal) ? refusal.code : 'found';
}

describe('fetching', () => {
  it('asks nobody before the first token comes', () => {
    expect(issuer.total()).toBe(0);
  });

  it('discovers once and fetches once, also for many who wait', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => codeOf(find())));
    expect(new Set(all)).toEqual(new Set(['found']));
    expect(issuer.count(OAUTH_METADATA)).toBe(1);
    expect(issuer.count(JWKS_PATH)).toBe(1);
    await find();
    expect(issuer.total()).toBe(2);
  });

  it('takes the configured address without discovery', async () => {
    keys.close();
    keys = open({ jwksUri: issuer.jwksUri });
    expect(await codeOf(find())).toBe('found');
    expect(issuer.total()).toBe(1);
  });

  it('speaks no http unless told so', async () => {
    keys.close();
    keys = open({ allowInsecureHttp: false });
    expect(await find()).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringContaining('is not https'),
    });
    expect(issuer.total()).toBe(0);
  });

  it('does not follow discovery from https to http keys', async () => {
    keys.close();
    const name = 'https://idp.example.org';
    keys = new RemoteKeys({
      settings: trustedIssuer(name, { allowInsecureHttp: false }),
      jwks: tokenSettings().jwks,
      now: clock.now,
      fetch: async () => Response.json({ issuer: name, jwks_uri: issuer.jwksUri }),
    });
    expect(await codeOf(find())).toBe('issuer-unavailable');
    expect(issuer.total()).toBe(0);
  });
});

describe('an unknown kid', () => {
  it('is fetched for after the cooldown, and then found', async () => {
    await find();
    issuer.rotate('second');
    expect(await codeOf(find('second'))).toBe('token-key');
    clock.advance(COOLDOWN);
    expect(await codeOf(find('second'))).toBe('found');
    expect(issuer.count(JWKS_PATH)).toBe(2);
    expect(issuer.count(OAUTH_METADATA)).toBe(1);
  });

  it('causes one fetch in each cooldown, however many there are', async () => {
    await find();
    for (let round = 1; round <= 3; round += 1) {
      clock.advance(COOLDOWN);
      const codes = await Promise.all(Array.from({ length: 100 }, (_, n) => codeOf(find(`made-up-${n}`))));
      expect(new Set(codes)).toEqual(new Set(['token-key']));
      expect(issuer.count(JWKS_PATH)).toBe(1 + round);
      clock.advance(COOLDOWN - 1);
      await find('made-up');
      expect(issuer.count(JWKS_PATH)).toBe(1 + round);
      clock.advance(-(COOLDOWN - 1));
    }
  });

  it('of a token made since the last fetch is not called wrong before it can be looked for', async () => {
    await find();
    issuer.rotate('second');
    clock.advance(COOLDOWN - 20_000);
    expect(await findForNew('second')).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringMatching(
        /^the issuer has no key "second": ".*" may have a newer one, and it is too early/,
      ),
    });
    expect(await codeOf(check({ kid: 'second', alg: 'ES256' }))).toBe('issuer-unavailable');
    clock.advance(20_000);
    expect(await codeOf(findForNew('second'))).toBe('found');
    // The second rotation in a minute.
    issuer.rotate('third');
    clock.advance(10_000);
    expect(await codeOf(findForNew('third'))).toBe('issuer-unavailable');
    clock.advance(20_000);
    expect(await codeOf(findForNew('third'))).toBe('found');
    expect(issuer.count(JWKS_PATH)).toBe(3);
  });

  it('that a fetch made for it did not bring is wrong until the next fetch', async () => {
    await find();
    clock.advance(COOLDOWN);
    expect(await codeOf(findForNew('made-up'))).toBe('token-key');
    expect(await codeOf(findForNew('made-up'))).toBe('token-key');
    expect(issuer.count(JWKS_PATH)).toBe(2);
    // So is another that says it is no newer; not one that does: whoever guesses the name of the next key must not have that
    // called wrong beforehand.
    expect(await codeOf(findForNew('made-up', 'another token'))).toBe('token-key');
    clock.advance(1_000);
    expect(await codeOf(findForNew('made-up', 'a newer token'))).toBe('issuer-unavailable');
    // It joined the fetch of another: that may have begun before its key was there.
    clock.advance(COOLDOWN);
    const release = issuer.hold();
    const one = codeOf(findForNew('one'));
    await issuer.requests(4);
    const two = codeOf(findForNew('two'));
    release();
    expect(await Promise.all([one, two])).toEqual(['token-key', 'issuer-unavailable']);
    expect(issuer.count(JWKS_PATH)).toBe(3);
  });

  it('that the first fetch did not bring is looked for once more at once, where a newer token has it', async () => {
    expect(await codeOf(findForNew('made-up', 'one'))).toBe('token-key');
    clock.advance(1_000);
    expect(await codeOf(findForNew('made-up', 'two'))).toBe('token-key');
    expect(issuer.count(JWKS_PATH)).toBe(2);
    clock.advance(1_000);
    expect(await codeOf(findForNew('made-up', 'three'))).toBe('issuer-unavailable');
    expect(issuer.count(JWKS_PATH)).toBe(2);
  });

  it('is looked for again among keys that came while the signature was looked at, without a fetch of its own', async () => {
    await find();
    issuer.rotate('first');
    clock.advance(COOLDOWN);
    const x = String(issuer.keys[0]?.publicJwk.x);
    const slow = Promise.withResolvers<boolean>();
    let looks = 0;
    const wanted = { kid: 'first', alg: 'ES256', issuedAt: clock.now() / 1000 };
    const late = keys.check({
      wanted,
      id: () => 'late',
      isBy: async (found) => {
        looks += 1;
        return looks === 1 ? slow.promise : found.some((key) => key.export({ format: 'jwk' }).x === x);
      },
    });
    expect(await codeOf(check(wanted, { key: x }))).toBe('found');
    slow.resolve(false);
    expect(await codeOf(late)).toBe('found');
    expect(issuer.count(JWKS_PATH)).toBe(2);
  });

  it('says which one it was', async () => {
    expect(await find('other')).toMatchObject({ code: 'token-key', reason: 'the issuer has no key "other"' });
  });

  it('is not called wrong while the issuer is down: the token may be good', async () => {
    await find();
    issuer.rotate('second');
    await issuer.stop();
    clock.advance(COOLDOWN);
    expect(await codeOf(find('second'))).toBe('issuer-unavailable');
    expect(await codeOf(find('second'))).toBe('issuer-unavailable');
    await issuer.start();
    clock.advance(COOLDOWN);
    expect(await codeOf(find('second'))).toBe('found');
  });
});

describe('an issuer that is down', () => {
  it('is unavailable, with the cause for the operator, and asked once in each cooldown', async () => {
    let asked = 0;
    keys.close();
    keys = new RemoteKeys({
      settings: trustedIssuer(issuer.issuer),
      jwks: tokenSettings().jwks,
      now: clock.now,
      fetch: async () => {
        asked += 1;
        throw new TypeError('fetch failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
      },
    });
    const refusals = await Promise.all(Array.from({ length: 20 }, () => find()));
    expect(refusals[0]).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringMatching(/^keys of "http:.*" can't be had: .*ECONNREFUSED$/),
    });
    await find();
    expect(asked).toBe(1);
    clock.advance(COOLDOWN);
    await Promise.all([find(), find(), find()]);
    expect(asked).toBe(2);
  });

  it('is picked up when it is back', async () => {
    await issuer.stop();
    expect(await codeOf(find())).toBe('issuer-unavailable');
    await issuer.start();
    expect(await codeOf(find())).toBe('issuer-unavailable');
    clock.advance(COOLDOWN);
    expect(await codeOf(find())).toBe('found');
  });

  it('keeps its last good keys, for as long as it lasts', async () => {
    await find();
    await issuer.stop();
    for (let hour = 0; hour < 5; hour += 1) {
      clock.advance(HOUR);
      expect(await codeOf(find())).toBe('found');
    }
  });

  it.each([
    ['garbage', { body: 'garbage' }],
    ['an error page', { status: 500, body: '<h1>error</h1>' }],
    ['an empty set', { body: { keys: [] } }],
    ['a redirect', { status: 302, headers: { location: 'https://evil.example/keys' } }],
  ])('keeps its last good keys while it answers with %s', async (_what, answer) => {
    await find();
    issuer.answer(JWKS_PATH, answer);
    clock.advance(COOLDOWN);
    expect(await codeOf(find('other'))).toBe('issuer-unavailable');
    expect(issuer.count(JWKS_PATH)).toBe(2);
    expect(await codeOf(find())).toBe('found');
  });

  it('gives every waiter the same answer when the fetch they wait for fails', async () => {
    const release = issuer.hold();
    const waiting = Array.from({ length: 10 }, () => codeOf(find()));
    await issuer.requests(1);
    await issuer.stop();
    release();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['issuer-unavailable']));
  });
});

describe('the age of the set', () => {
  it('is over where the clock was set back: withdrawn keys must not stay until it has caught up', async () => {
    await find();
    clock.advance(-24 * HOUR);
    keys.tick();
    await issuer.requests(3);
    expect(issuer.count(JWKS_PATH)).toBe(2);
  });

  it('brings a fetch in the background that no token waits for', async () => {
    await find();
    clock.advance(HOUR);
    const release = issuer.hold();
    // The issuer does not answer; the key is at hand.
    expect(await codeOf(find())).toBe('found');
    await issuer.requests(3);
    expect(issuer.count(JWKS_PATH)).toBe(2);
    expect(await codeOf(find())).toBe('found');
    expect(issuer.count(JWKS_PATH)).toBe(2);
    release();
  });

  it('makes a withdrawn key go, also while nobody signs in', async () => {
    await find();
    issuer.rotate('second');
    clock.advance(HOUR - 1);
    keys.tick();
    expect(issuer.count(JWKS_PATH)).toBe(1);
    clock.advance(1);
    keys.tick();
    // Joins the fetch that the tick began.
    expect(await codeOf(find('second'))).toBe('found');
    expect(issuer.count(JWKS_PATH)).toBe(2);
    expect(await codeOf(find('first'))).toBe('token-key');
  });

  it('asks nobody on a tick before keys were ever needed', () => {
    clock.advance(10 * HOUR);
    keys.tick();
    expect(issuer.total()).toBe(0);
  });

  it('looks for the metadata again after a day, and when the keys are gone from where it said', async () => {
    await find();
    clock.advance(24 * HOUR);
    await find('other');
    expect(issuer.count(OAUTH_METADATA)).toBe(2);
    issuer.answer(JWKS_PATH, { status: 404 });
    clock.advance(COOLDOWN);
    await find('other');
    expect(issuer.count(OAUTH_METADATA)).toBe(2);
    issuer.answer(OAUTH_METADATA, { body: { issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/moved` } });
    issuer.rotate('second');
    issuer.answer('/moved', { body: { keys: issuer.keys.map((key) => key.publicJwk) } });
    clock.advance(COOLDOWN);
    expect(await codeOf(find('second'))).toBe('found');
  });
});

describe('odd circumstances', () => {
  it('a clock that was set back does not keep it from fetching', async () => {
    await find();
    issuer.rotate('second');
    clock.advance(-HOUR);
    expect(await codeOf(find('second'))).toBe('found');
  });

  it('a fetch function that breaks is an unavailable issuer, not an unhandled rejection', async () => {
    keys.close();
    keys = new RemoteKeys({
      settings: trustedIssuer('https://idp.example.org'),
      jwks: tokenSettings().jwks,
      now: clock.now,
      fetch: async () => ({ status: 200, body: null, json: 7 }) as unknown as Response,
    });
    expect(await codeOf(find())).toBe('issuer-unavailable');
  });

  it('asks nobody after it was closed', async () => {
    keys.close();
    expect(await codeOf(find())).toBe('issuer-unavailable');
    expect(issuer.total()).toBe(0);
  });

  it('ends a fetch under way when it is closed', async () => {
    const release = issuer.hold();
    const finding = codeOf(find());
    await issuer.requests(1);
    keys.close();
    expect(await finding).toBe('issuer-unavailable');
    release();
  });
});
