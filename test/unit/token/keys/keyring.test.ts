// Postern's own signing keys over the months: made, published, taken into use, relieved, retired.

import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Keyring, openKeyring } from '../../../../src/token/keys/keyring.ts';
import { memoryKeyStore, TEST_TIME, testClock, testKey } from '../../../support/tokens.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LIFETIME = 15 * 60_000;
/** Largest leeway and the delay of a slow node, beyond the life of the last token. */
const KEPT_AFTER_RELIEF = LIFETIME + 10 * 60_000 + HOUR;

let store: ReturnType<typeof memoryKeyStore>;
let clock: ReturnType<typeof testClock>;
let opened: Keyring[];

beforeEach(() => {
  store = memoryKeyStore();
  clock = testClock();
  opened = [];
});
afterEach(() => {
  for (const keyring of opened) keyring.close();
});

async function open(settings = { rotateEvery: 30 * DAY, publishAhead: DAY }): Promise<Keyring> {
  const keyring = await openKeyring({ store, settings, maxTokenLifetime: LIFETIME, now: clock.now });
  opened.push(keyring);
  return keyring;
}

function kids(jwks: { keys: object[] }): string[] {
  return jwks.keys.map((jwk) => ('kid' in jwk ? String(jwk.kid) : ''));
}

describe('a new installation', () => {
  it('makes one ES256 key, which signs at once', async () => {
    const keyring = await open();
    expect(store.keys).toHaveLength(1);
    expect(keyring.privateJwks().keys).toEqual([
      expect.objectContaining({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', d: expect.any(String) }),
    ]);
    expect(store.keys[0]?.createdAt).toBe(TEST_TIME / 1000);
  });

  it('names it by the start of its thumbprint (RFC 7638), short for it stands in every token', async () => {
    const keyring = await open();
    const { crv, kty, x, y, kid } = keyring.publicJwks().keys[0] as Record<string, string>;
    const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
    expect(kid).toBe(thumbprint.slice(0, 8));
  });

  it('publishes no private part', async () => {
    const keyring = await open();
    expect(Object.keys(keyring.publicJwks().keys[0] ?? {}).sort()).toEqual([
      'alg',
      'crv',
      'kid',
      'kty',
      'use',
      'x',
      'y',
    ]);
    expect(keyring.privateJwks().keys[0]).toHaveProperty('d');
  });

  it('gives copies: whoever changes one does not change the keyring', async () => {
    const keyring = await open();
    for (const jwk of [...keyring.privateJwks().keys, ...keyring.publicJwks().keys])
      Object.assign(jwk, { kid: 'x' });
    expect(kids(keyring.privateJwks())).toEqual([store.keys[0]?.id]);
    expect(kids(keyring.publicJwks())).toEqual([store.keys[0]?.id]);
  });

  it('gets one key, however many nodes start at once', async () => {
    const nodes = await Promise.all([open(), open(), open(), open()]);
    expect(store.keys).toHaveLength(1);
    expect(new Set(nodes.flatMap((node) => kids(node.privateJwks())))).toEqual(new Set([store.keys[0]?.id]));
  });
});

describe('rotation', () => {
  it('publishes the next key ahead, lets it take over at the age set, and keeps the old one until its last token is gone', async () => {
    const keyring = await open();
    const first = kids(keyring.privateJwks());

    clock.advance(29 * DAY - 1);
    await keyring.tick();
    expect(kids(keyring.privateJwks())).toEqual(first);

    clock.advance(1);
    await keyring.tick();
    const second = kids(keyring.privateJwks()).slice(1);
    expect(second).toHaveLength(1);
    expect(kids(keyring.publicJwks())).toEqual([...first, ...second]);

    clock.advance(DAY - 1);
    await keyring.tick();
    expect(kids(keyring.privateJwks())).toEqual([...first, ...second]);

    clock.advance(1);
    await keyring.tick();
    expect(kids(keyring.privateJwks())).toEqual([...second, ...first]);

    clock.advance(KEPT_AFTER_RELIEF - 1);
    await keyring.tick();
    expect(kids(keyring.publicJwks())).toEqual([...second, ...first]);

    clock.advance(1);
    await keyring.tick();
    expect(kids(keyring.publicJwks())).toEqual(second);
    expect(store.keys.map(({ id }) => id)).toEqual(second);
  });

  it('tells of each change once, and of nothing else', async () => {
    const keyring = await open();
    const changes: string[][] = [];
    const stop = keyring.onChange(() => changes.push(kids(keyring.privateJwks())));
    await keyring.tick();
    expect(changes).toHaveLength(0);
    for (let hour = 0; hour < 31 * 24; hour += 1) {
      clock.advance(HOUR);
      await keyring.tick();
    }
    // Added, taken over, retired.
    expect(changes.map((change) => change.length)).toEqual([2, 2, 1]);
    stop();
    clock.advance(60 * DAY);
    await keyring.tick();
    expect(changes).toHaveLength(3);
  });

  it('makes one key when many nodes find it due at once', async () => {
    const nodes = await Promise.all([open(), open(), open()]);
    clock.advance(29 * DAY);
    await Promise.all(nodes.map((node) => node.tick()));
    expect(store.keys).toHaveLength(2);
    const published = nodes.map((node) => kids(node.publicJwks()).join());
    expect(new Set(published).size).toBe(1);
  });

  it('agrees on the order of keys made in one second', async () => {
    const [a, b] = [testKey('ES256', 'aaaaaaaa'), testKey('ES256', 'bbbbbbbb')];
    const row = (key: typeof a) => ({
      id: key.kid,
      privateJwk: JSON.stringify(key.privateJwk),
      createdAt: TEST_TIME / 1000 - 86_400,
    });
    store.keys = [row(b), row(a)];
    const one = await open();
    store.keys = [row(a), row(b)];
    const other = await open();
    expect(kids(one.privateJwks())).toEqual(kids(other.privateJwks()));
  });

  it('catches up after a long stop: the old key signs until the new one was published long enough', async () => {
    const before = await open();
    const first = kids(before.privateJwks());
    before.close();
    clock.advance(200 * DAY);
    const after = await open();
    expect(kids(after.privateJwks())).toEqual([...first, expect.any(String)]);
    clock.advance(DAY);
    await after.tick();
    expect(kids(after.privateJwks())[0]).not.toBe(first[0]);
  });

  it('never publishes a key ahead for longer than half its time', async () => {
    const keyring = await open({ rotateEvery: 2 * DAY, publishAhead: 30 * DAY });
    const signed = new Set<string | undefined>();
    for (let hour = 0; hour < 20 * 24; hour += 1) {
      clock.advance(HOUR);
      await keyring.tick();
      signed.add(kids(keyring.privateJwks())[0]);
      expect(store.keys.length).toBeLessThanOrEqual(4);
    }
    expect(signed.size).toBeGreaterThanOrEqual(10);
  });
});

describe('the store', () => {
  it('keeps the keys over a restart', async () => {
    const before = (await open()).privateJwks();
    expect((await open()).privateJwks()).toEqual(before);
    expect(store.keys).toHaveLength(1);
  });

  it('is read once for ticks that come together', async () => {
    const keyring = await open();
    let reads = 0;
    const { list } = store;
    store.list = () => {
      reads += 1;
      return list();
    };
    await Promise.all([keyring.tick(), keyring.tick(), keyring.tick()]);
    expect(reads).toBe(1);
  });

  it('brings the keys that another node made', async () => {
    const one = await open();
    const other = await open();
    clock.advance(29 * DAY);
    await one.tick();
    expect(other.publicJwks().keys).toHaveLength(1);
    await other.tick();
    expect(kids(other.publicJwks())).toEqual(kids(one.publicJwks()));
  });

  it('that is down leaves the keys in use', async () => {
    const keyring = await open();
    const before = keyring.privateJwks();
    store.fail = true;
    await expect(keyring.tick()).rejects.toThrow('store is down');
    expect(keyring.privateJwks()).toEqual(before);
    store.fail = false;
    await keyring.tick();
  });

  it('that is down at the start is a fault', async () => {
    store.fail = true;
    await expect(open()).rejects.toThrow('store is down');
  });

  it.each([
    ['no JSON', 'secret-key-material'],
    ['no key', '{"kty":"EC","crv":"P-256"}'],
    ['another curve', JSON.stringify(testKey('ES384').privateJwk)],
    ['a public key', JSON.stringify(testKey('ES256').publicJwk)],
  ])('that holds %s is a fault which names the key and does not quote it', async (_what, privateJwk) => {
    store.keys = [{ id: 'broken-1', privateJwk, createdAt: TEST_TIME / 1000 }];
    const opening = open();
    await expect(opening).rejects.toThrow('signing key broken-1 in the store is broken');
    await expect(opening).rejects.not.toThrow('secret-key-material');
  });
});
