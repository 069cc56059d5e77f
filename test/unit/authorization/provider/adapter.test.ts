import type { AdapterPayload } from 'oidc-provider';
import { beforeEach, expect, test } from 'vitest';
import { createAdapterFactory, type EndedGrant } from '../../../../src/authorization/provider/adapter.ts';
import { createRefreshGrace } from '../../../../src/authorization/provider/refresh-grace.ts';
import { type MemoryArtifacts, memoryArtifacts } from '../../../support/authorization-stores.ts';

let artifacts: MemoryArtifacts;
let ended: EndedGrant[];
let adapter: ReturnType<typeof createAdapterFactory>;

beforeEach(() => {
  artifacts = memoryArtifacts();
  ended = [];
  adapter = createAdapterFactory({
    artifacts,
    onGrantEnded: async (grant) => void ended.push(grant),
    isOwnPage: () => false,
    refresh: withoutGrace(),
    findClient: async (clientId) => (clientId === 'known' ? { client_id: 'known' } : undefined),
  });
});

function withoutGrace() {
  return {
    grace: createRefreshGrace({ artifacts, grace: 0 }),
    isUnderWay: () => true,
    replaces: () => undefined,
    onRepeated: () => undefined,
  };
}

const token: AdapterPayload = {
  jti: 'refresh-token-text',
  kind: 'RefreshToken',
  grantId: 'grant-1',
  scope: 'mail',
};

test('what was kept comes back under its id', async () => {
  await adapter('RefreshToken').upsert('refresh-token-text', token, 60);
  expect(await adapter('RefreshToken').find('refresh-token-text')).toEqual(token);
  expect(await adapter('AuthorizationCode').find('refresh-token-text')).toBeUndefined();
  await adapter('RefreshToken').destroy('refresh-token-text');
  expect(await adapter('RefreshToken').find('refresh-token-text')).toBeUndefined();
});

test('the store holds no credential: neither as id nor within', async () => {
  await adapter('RefreshToken').upsert('refresh-token-text', token, 60);
  await adapter('Session').upsert(
    'session-cookie',
    { jti: 'session-cookie', uid: 'uid-1', accountId: 'a' },
    60,
  );
  const session = { uid: 'uid-1', accountId: 'a', cookie: 'session-cookie' };
  await adapter('Interaction').upsert('interaction', { jti: 'interaction', session }, 60);
  expect(artifacts.dump()).not.toContain('refresh-token-text');
  expect(artifacts.dump()).not.toContain('session-cookie');
  expect(await adapter('Session').findByUid('uid-1')).toMatchObject({ accountId: 'a', uid: 'uid-1' });
  expect(await adapter('Interaction').find('interaction')).toMatchObject({
    session: { uid: 'uid-1', accountId: 'a' },
  });
});

test('of two uses at once one fails, and the grant ends', async () => {
  await adapter('Grant').upsert('grant-1', { jti: 'grant-1', accountId: 'alice', clientId: 'one' }, 60);
  await adapter('RefreshToken').upsert('refresh-token-text', token, 60);
  await adapter('RefreshToken').upsert('its-successor', { ...token, jti: 'its-successor' }, 60);
  const uses = await Promise.allSettled([
    adapter('RefreshToken').consume('refresh-token-text'),
    adapter('RefreshToken').consume('refresh-token-text'),
  ]);
  expect(uses.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(uses.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { error: 'invalid_grant', error_detail: 'refresh token already used' },
  });
  expect(ended).toEqual([{ grantId: 'grant-1', accountId: 'alice', clientId: 'one' }]);
  expect(await adapter('Grant').find('grant-1')).toBeUndefined();
  expect(await adapter('RefreshToken').find('its-successor')).toBeUndefined();
});

test('a used one is still known, marked as such', async () => {
  await adapter('RefreshToken').upsert('refresh-token-text', token, 60);
  await adapter('RefreshToken').consume('refresh-token-text');
  expect(await adapter('RefreshToken').find('refresh-token-text')).toMatchObject({
    consumed: expect.any(Number),
  });
});

test('the end of a grant is told before it is gone', async () => {
  await adapter('Grant').upsert('grant-1', { jti: 'grant-1', accountId: 'alice', clientId: 'one' }, 60);
  await adapter('Grant').destroy('grant-1');
  expect(ended).toEqual([{ grantId: 'grant-1', accountId: 'alice', clientId: 'one' }]);
  expect(artifacts.count('Grant')).toBe(0);
});

test('a grant whose end cannot be told is not removed', async () => {
  const failing = createAdapterFactory({
    artifacts,
    onGrantEnded: async () => {
      throw new Error('no store');
    },
    isOwnPage: () => false,
    refresh: withoutGrace(),
    findClient: async () => undefined,
  });
  await failing('Grant').upsert('grant-1', { jti: 'grant-1', accountId: 'alice' }, 60);
  await expect(failing('Grant').destroy('grant-1')).rejects.toThrow('no store');
  expect(artifacts.count('Grant')).toBe(1);
});

test('a client is looked for where it is known, and never in the store', async () => {
  await adapter('Client').upsert('stored', { client_id: 'stored' });
  expect(await adapter('Client').find('known')).toEqual({ client_id: 'known' });
  expect(await adapter('Client').find('stored')).toBeUndefined();
});
