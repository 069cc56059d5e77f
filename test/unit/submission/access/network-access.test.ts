// The way in without signing in: only on a listener that is for it, only from a listed network, and told in the journal.

import { expect, test } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { enterByNetwork } from '../../../../src/submission/access/network-access.ts';
import { TrustedNetworks } from '../../../../src/submission/access/trusted-networks.ts';
import type { Door, Wire } from '../../../../src/submission/door.ts';
import type { ListenerSettings } from '../../../../src/submission/listener-settings.ts';

const ENTRY = {
  name: 'scanners',
  networks: ['192.0.2.0/28'],
  sendAs: ['*@example.org'],
  maxConnections: 7,
  maxMessagesPerMinute: 60,
  maxRecipients: 100,
};

function situation(
  given: {
    peer?: string;
    local?: boolean;
    access?: ListenerSettings['access'] | undefined;
    isRevoked?: boolean;
    isFull?: boolean;
    entries?: (typeof ENTRY)[];
  } = {},
) {
  const events: [string, Record<string, unknown>][] = [];
  const asked: [string, number][] = [];
  const audit = new Proxy(
    {},
    { get: (_, name) => (fields: Record<string, unknown>) => events.push([String(name), fields]) },
  );
  const door = {
    trustedNetworks: new TrustedNetworks(given.entries ?? [ENTRY]),
    isRevoked: () => given.isRevoked ?? false,
    audit,
  };
  const wire = {
    id: 's3ss10n',
    peer: given.peer ?? '192.0.2.5',
    local: given.local ?? false,
    listener: 'access' in given ? { access: given.access } : { access: 'trusted-networks' },
    signedIn: (user: string, limit: number) => {
      asked.push([user, limit]);
      return !given.isFull;
    },
  };
  const verdict = enterByNetwork(door as unknown as Door, wire as unknown as Wire);
  return { verdict, events, asked };
}

test('a listed server is let in, under its name and within its number of connections', () => {
  const { verdict, events, asked } = situation();
  expect(verdict).toMatchObject({ settings: { name: 'scanners' }, principal: { domains: ['example.org'] } });
  expect(asked).toEqual([['trusted-network scanners', 7]]);
  expect(events).toMatchObject([
    [
      'loginSucceeded',
      {
        session: 's3ss10n',
        peer: '192.0.2.5',
        mechanism: 'trusted-network',
        user: 'scanners',
        tokenId: undefined,
      },
    ],
  ]);
});

test.each([['login' as const], [undefined]])(
  'a listener whose access is %s trusts no network, and says nothing of it',
  (access) => {
    expect(situation({ access })).toEqual({ verdict: undefined, events: [], asked: [] });
  },
);

test.each([
  ['an address outside the list', { peer: '192.0.2.16' }, 'network-not-trusted'],
  ['any address where the list is empty', { entries: [] }, 'network-not-trusted'],
  ['a proxy that does not say for whom it speaks', { local: true }, 'network-not-trusted'],
  ['a network that was revoked', { isRevoked: true }, 'network-not-trusted'],
  ['one connection too many', { isFull: true }, 'too-many-connections'],
])('refuses %s, and tells the journal why', (_what, given, code) => {
  const { verdict, events } = situation(given);
  expect(isRefusal(verdict) && verdict.code).toBe(code);
  expect(events).toMatchObject([
    ['loginFailed', { session: 's3ss10n', mechanism: 'trusted-network', userName: undefined, code }],
  ]);
  expect(String(events[0]?.[1]['reason'])).toMatch(/^[ -~]{10,}$/);
});

test('who is refused takes no place of the network', () => {
  for (const given of [{ peer: '192.0.2.16' }, { local: true }, { isRevoked: true }])
    expect(situation(given).asked).toEqual([]);
});
