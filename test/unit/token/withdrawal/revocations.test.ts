// Revocations: at once here, soon on other nodes, not forgotten too early, not kept for ever.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientKey, subjectKey } from '../../../../src/token/token-id.ts';
import type { Revocation } from '../../../../src/token/withdrawal/revocation-store.ts';
import {
  concerns,
  openRevocations,
  type Revocable,
  type Revocations,
} from '../../../../src/token/withdrawal/revocations.ts';
import { memoryRevocationStore, TEST_TIME, testClock } from '../../../support/tokens.ts';

const EXPIRY = TEST_TIME / 1000 + 900;
const LARGEST_LEEWAY = 10 * 60_000;
const ofToken: Revocation = { kind: 'token', id: 'token-1', expiresAt: EXPIRY };
const ofGrant: Revocation = { kind: 'grant', id: 'grant-handle', expiresAt: EXPIRY };

let store: ReturnType<typeof memoryRevocationStore>;
let clock: ReturnType<typeof testClock>;
let revocations: Revocations;

beforeEach(async () => {
  store = memoryRevocationStore();
  clock = testClock();
  revocations = await open();
});
afterEach(() => revocations.close());

function token(
  tokenId: string | undefined,
  grantId: string | undefined,
  issuedAt = TEST_TIME / 1000,
): Revocable {
  return { issuer: 'https://idp.example', subject: 'alice', clientId: 'program', tokenId, grantId, issuedAt };
}

function open(): Promise<Revocations> {
  return openRevocations({ store, now: clock.now });
}

it('revokes one token, and no other', async () => {
  await revocations.revoke(ofToken);
  expect(revocations.isRevoked(token('token-1', undefined))).toBe(true);
  expect(revocations.isRevoked(token('token-1', 'any-grant'))).toBe(true);
  expect(revocations.isRevoked(token('token-2', undefined))).toBe(false);
  expect(revocations.isRevoked(token(undefined, undefined))).toBe(false);
});

it('revokes every token of a grant', async () => {
  await revocations.revoke(ofGrant);
  expect(revocations.isRevoked(token('token-1', 'grant-handle'))).toBe(true);
  expect(revocations.isRevoked(token(undefined, 'grant-handle'))).toBe(true);
  expect(revocations.isRevoked(token('token-1', 'other-handle'))).toBe(false);
});

it('does not take a token for a grant of the same name', async () => {
  await revocations.revoke({ ...ofToken, id: 'same' });
  expect(revocations.isRevoked(token(undefined, 'same'))).toBe(false);
});

it('survives a restart', async () => {
  await revocations.revoke(ofToken);
  const after = await open();
  expect(after.isRevoked(token('token-1', undefined))).toBe(true);
  after.close();
});

it('holds on this node even where the store fails, and says that it failed', async () => {
  store.fail = true;
  await expect(revocations.revoke(ofToken)).rejects.toThrow('store is down');
  expect(revocations.isRevoked(token('token-1', undefined))).toBe(true);
});

it('is a fault to open where the store is down', async () => {
  store.fail = true;
  await expect(open()).rejects.toThrow('store is down');
});

it('tells listeners once, here and on other nodes', async () => {
  const other = await open();
  const heard: Revocation[] = [];
  const heardElsewhere: Revocation[] = [];
  const stop = revocations.onRevoked((revocation) => heard.push(revocation));
  other.onRevoked((revocation) => heardElsewhere.push(revocation));
  await revocations.revoke(ofGrant);
  await revocations.revoke(ofGrant);
  await revocations.tick();
  expect(heard).toEqual([ofGrant]);
  expect(other.isRevoked(token(undefined, 'grant-handle'))).toBe(false);
  await other.tick();
  await other.tick();
  expect(heardElsewhere).toMatchObject([ofGrant]);
  expect(other.isRevoked(token(undefined, 'grant-handle'))).toBe(true);
  stop();
  await revocations.revoke(ofToken);
  expect(heard).toHaveLength(1);
  other.close();
});

it('holds for as long as the verifier may take the token, leeway and all, and is dropped then', async () => {
  await revocations.revoke(ofToken);
  clock.advance(900_000 + LARGEST_LEEWAY - 1000);
  await revocations.tick();
  expect(revocations.isRevoked(token('token-1', undefined))).toBe(true);
  expect(store.rows.size).toBe(1);
  clock.advance(61_000);
  await revocations.tick();
  expect(revocations.isRevoked(token('token-1', undefined))).toBe(false);
  expect(store.rows.size).toBe(0);
});

it('is loaded at a restart in the time of the leeway', async () => {
  await revocations.revoke(ofToken);
  clock.advance(900_000 + LARGEST_LEEWAY - 1000);
  const after = await open();
  expect(after.isRevoked(token('token-1', undefined))).toBe(true);
  after.close();
});

it('keeps the later of two expiries, whichever comes last', async () => {
  const later = { ...ofToken, expiresAt: EXPIRY + 3600 };
  await revocations.revoke(later);
  await revocations.revoke(ofToken);
  await revocations.revoke(ofGrant);
  store.fail = true;
  // Known here only: what the store has must not shorten it.
  await expect(revocations.revoke({ ...ofGrant, expiresAt: EXPIRY + 3600 })).rejects.toThrow();
  store.fail = false;
  await revocations.tick();
  clock.advance(900_000 + LARGEST_LEEWAY + 60_000);
  await revocations.tick();
  expect(revocations.isRevoked(token('token-1', undefined))).toBe(true);
  expect(revocations.isRevoked(token(undefined, 'grant-handle'))).toBe(true);
});

it('is kept and known whole, even where a listener breaks', async () => {
  const other = await open();
  for (const node of [revocations, other]) {
    node.onRevoked(() => {
      throw new Error('listener broke');
    });
  }
  await expect(revocations.revoke(ofToken)).rejects.toThrow('listener broke');
  await expect(revocations.revoke(ofGrant)).rejects.toThrow('listener broke');
  expect(store.rows.size).toBe(2);
  await expect(other.tick()).rejects.toThrow('listener broke');
  expect(other.isRevoked(token('token-1', undefined))).toBe(true);
  expect(other.isRevoked(token(undefined, 'grant-handle'))).toBe(true);
  other.close();
});

describe('a store that is down', () => {
  it('leaves in force what is known', async () => {
    await revocations.revoke(ofToken);
    store.fail = true;
    await expect(revocations.tick()).rejects.toThrow('store is down');
    expect(revocations.isRevoked(token('token-1', undefined))).toBe(true);
  });
});

const BY_PERSON: Revocation = {
  kind: 'subject',
  id: subjectKey('https://idp.example', 'alice'),
  expiresAt: EXPIRY,
  issuedBefore: TEST_TIME / 1000,
};
const BY_CLIENT: Revocation = {
  ...BY_PERSON,
  kind: 'client',
  id: clientKey('https://idp.example', 'program'),
};

it.each([BY_PERSON, BY_CLIENT])(
  'of a $kind reaches tokens issued until then, and none issued later',
  async (revocation) => {
    await revocations.revoke(revocation);
    expect(revocations.isRevoked(token('any', undefined, TEST_TIME / 1000))).toBe(true);
    expect(revocations.isRevoked(token('any', undefined, TEST_TIME / 1000 + 1))).toBe(false);
    expect(revocations.isRevoked({ ...token('any', undefined), issuedAt: undefined })).toBe(true);
    expect(revocations.isRevoked({ ...token('any', undefined), issuer: 'https://other.example' })).toBe(
      false,
    );
  },
);

it('reaches further when it is made again, and tells that again', async () => {
  const told: Revocation[] = [];
  revocations.onRevoked((revocation) => void told.push(revocation));
  const later = { ...BY_PERSON, issuedBefore: TEST_TIME / 1000 + 60 };
  for (const each of [BY_PERSON, later, BY_PERSON]) await revocations.revoke(each);
  expect(told).toEqual([BY_PERSON, later]);
  expect(revocations.isRevoked(token('any', undefined, TEST_TIME / 1000 + 60))).toBe(true);
});

it('tells which live tokens a revocation concerns', () => {
  const live = token('token-1', 'grant-handle');
  const other = { ...token('token-2', 'other'), subject: 'bob', clientId: 'another' };
  for (const revocation of [ofToken, ofGrant, BY_PERSON, BY_CLIENT]) {
    expect([concerns(revocation, live), concerns(revocation, other)]).toEqual([true, false]);
  }
});

it('reads only what is new from the store', async () => {
  await revocations.revoke(ofToken);
  await revocations.tick();
  const asked: number[] = [];
  const listLive = store.listLive.bind(store);
  store.listLive = (now, sequence) => {
    asked.push(sequence);
    return listLive(now, sequence);
  };
  await revocations.tick();
  await revocations.revoke(ofGrant);
  await revocations.tick();
  await revocations.tick();
  expect(asked).toEqual([1, 1, 2]);
});
