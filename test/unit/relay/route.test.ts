// Which upstreams a message may go to: the first route of which every condition holds; and what a session can know of it in advance.

import { describe, expect, test } from 'vitest';
import { isRefusal } from '../../../src/refusal.ts';
import type { Origin } from '../../../src/relay/origin.ts';
import { createRelay } from '../../../src/relay/relay.ts';
import { routeOf, routesOfSession } from '../../../src/relay/route.ts';
import type { RouteSettings } from '../../../src/relay/settings.ts';
import { makePrincipal } from '../../../src/token/principal.ts';
import { ORIGIN, upstreamSettings } from '../../support/relay-situation.ts';
import { type ScriptedUpstream, startScriptedUpstream } from '../../support/scripted-upstream.ts';

const ALICE: Origin = {
  ...ORIGIN,
  listener: 'office',
  principal: makePrincipal({
    ...{ issuer: 'https://idp.example.org', subject: 'alice-id', clientId: 'mail-program' },
    ...{ addresses: ['alice@example.org', 'sales@example.com'], domains: [], groups: ['staff', 'sales'] },
    ...{ scopes: [], tokenId: undefined, grantId: undefined, issuedAt: undefined, expiresAt: 9_999_999_999 },
  }),
};

const to = (conditions: Omit<RouteSettings, 'upstreams'>, ...upstreams: string[]): RouteSettings => ({
  ...conditions,
  upstreams,
});

describe('a condition', () => {
  test.each([
    { condition: { senders: ['alice@example.org'] }, holds: true },
    { condition: { senders: ['alice@EXAMPLE.org'] }, holds: true },
    { condition: { senders: ['bob@example.org', 'alice@example.org'] }, holds: true },
    { condition: { senders: ['*@example.org'] }, holds: true },
    { condition: { senders: ['*@EXAMPLE.ORG'] }, holds: true },
    { condition: { senders: ['*@example.com'] }, holds: false },
    // A domain is not its subdomains, nor what merely ends like it.
    { condition: { senders: ['*@org'] }, holds: false },
    { condition: { senders: ['*@ample.org'] }, holds: false },
    { condition: { users: ['alice@example.org'] }, holds: true },
    { condition: { users: ['sales@example.com'] }, holds: true },
    { condition: { users: ['alice-id'] }, holds: true },
    { condition: { users: ['alice'] }, holds: false },
    { condition: { groups: ['guests', 'staff'] }, holds: true },
    { condition: { groups: ['Staff'] }, holds: false },
    { condition: { clients: ['mail-program'] }, holds: true },
    { condition: { clients: ['mail'] }, holds: false },
    { condition: { listeners: ['office'] }, holds: true },
    { condition: { listeners: ['home'] }, holds: false },
    { condition: {}, holds: true },
    { condition: { groups: ['staff'], listeners: ['home'] }, holds: false },
    { condition: { groups: ['staff'], listeners: ['office'], senders: ['*@example.org'] }, holds: true },
  ])('$condition: $holds', ({ condition, holds }) => {
    const routed = routeOf([to(condition, 'a', 'b')], { origin: ALICE, sender: 'alice@example.org' });
    expect(routed).toEqual(holds ? ['a', 'b'] : undefined);
  });

  test('on senders does not hold for the empty one, which is nobody’s', () => {
    for (const pattern of ['*@example.org', 'alice@example.org'])
      expect(routeOf([to({ senders: [pattern] }, 'a')], { origin: ALICE, sender: '' })).toBeUndefined();
  });

  test('on users, groups and clients does not hold for who has not signed in', () => {
    for (const condition of [{ users: ['alice-id'] }, { groups: ['staff'] }, { clients: ['mail-program'] }])
      expect(routeOf([to(condition, 'a')], { origin: ORIGIN, sender: 'alice@example.org' })).toBeUndefined();
  });

  test('the first route counts of those that hold', () => {
    const routes = [to({ groups: ['guests'] }, 'a'), to({ groups: ['staff'] }, 'b'), to({}, 'c')];
    expect(routeOf(routes, { origin: ALICE, sender: 'alice@example.org' })).toEqual(['b']);
  });
});

describe('what a session can know', () => {
  test('every upstream that some sender may lead to, and whether all senders lead somewhere', () => {
    const routes = [to({ senders: ['*@example.org'] }, 'a'), to({ groups: ['staff'] }, 'b'), to({}, 'c')];
    expect(routesOfSession(routes, ALICE)).toEqual({ upstreams: new Set(['a', 'b']), complete: true });
    expect(routesOfSession(routes.slice(0, 1), ALICE)).toEqual({
      upstreams: new Set(['a']),
      complete: false,
    });
  });

  test('before the sign-in whoever may come counts', () => {
    const routes = [
      to({ groups: ['staff'] }, 'a'),
      to({ listeners: ['home'] }, 'b'),
      to({ users: ['x'] }, 'c'),
    ];
    expect(routesOfSession(routes, { ...ORIGIN, listener: 'office' })).toEqual({
      upstreams: new Set(['a', 'c']),
      complete: false,
    });
  });
});

describe('the relay', () => {
  const settings = (id: string, { host, port }: ScriptedUpstream, more = {}) => ({
    ...upstreamSettings({ host, port }),
    ...{ id, priority: 0, weight: 1, ...more },
  });

  async function begunAt(options: {
    main?: boolean;
    routes: readonly RouteSettings[];
    sender?: string;
    more?: Record<string, object>;
    random?: () => number;
    down?: readonly string[];
  }): Promise<string> {
    const upstreams = await Promise.all(['main', 'a', 'b'].map(() => startScriptedUpstream()));
    const [main, a, b] = upstreams as [ScriptedUpstream, ScriptedUpstream, ScriptedUpstream];
    for (const id of options.down ?? []) await (id === 'a' ? a : b).down();
    const relay = createRelay({
      hostname: 'gate.example.org',
      settings: {
        ...(options.main && { upstream: upstreamSettings({ host: main.host, port: main.port }) }),
        upstreams: [settings('a', a, options.more?.['a']), settings('b', b, options.more?.['b'])],
        routes: options.routes,
      },
      ...(options.random && { random: options.random }),
    });
    try {
      const begun = await relay.begin(
        { address: options.sender ?? 'alice@example.org', parameters: {} },
        ALICE,
      );
      if (isRefusal(begun)) return begun.code;
      begun.transaction?.abort();
      return begun.upstream;
    } finally {
      relay.close();
      for (const upstream of upstreams) await upstream.close();
    }
  }

  test('hands over where the route says, and nowhere else, even where that fails', async () => {
    const routes = [to({ senders: ['*@example.org'] }, 'b')];
    expect(await begunAt({ main: true, routes })).toBe('b');
    expect(await begunAt({ main: true, routes, down: ['b'] })).toBe('upstream-unavailable');
  });

  test('what no route names goes to `upstream`, and where there is none to all', async () => {
    const routes = [to({ senders: ['*@example.com'] }, 'b')];
    expect(await begunAt({ main: true, routes })).toBe('upstream');
    expect(await begunAt({ routes, down: ['a'] })).toBe('b');
    expect(await begunAt({ routes, down: ['b'] })).toBe('a');
  });

  test('the lower priority comes first, and the other where that fails', async () => {
    const more = { a: { priority: 1 }, b: { priority: 0 } };
    expect(await begunAt({ routes: [], more })).toBe('b');
    expect(await begunAt({ routes: [], more, down: ['b'] })).toBe('a');
  });

  test('within a priority the weights decide', async () => {
    const more = { a: { weight: 9 }, b: { weight: 1 } };
    // The race of `targets/order.ts`: the larger the number drawn, the later; a ninth of it for `a`.
    const drawing =
      (...numbers: number[]) =>
      () =>
        numbers.shift() ?? 0;
    expect(await begunAt({ routes: [], more, random: drawing(0.5, 0.5) })).toBe('a');
    expect(await begunAt({ routes: [], more, random: drawing(0.9, 0.1) })).toBe('b');
  });
});
