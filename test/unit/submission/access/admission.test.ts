// Who gets a place and who gives way: in words, and by a model that knows every place by name.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Admission, type Place } from '../../../../src/submission/access/admission.ts';

const HOME = '192.0.2.1';
const OFFICE = '192.0.2.2';

/** An Admission whose guests have names; `evicted` are those who were told to go, in that order. */
function openAdmission(limits: { maxConnections?: number; maxConnectionsPerAddress?: number } = {}) {
  const clock = { now: 0 };
  const admission = new Admission(
    { maxConnections: 100, maxConnectionsPerAddress: 3, ...limits },
    () => clock.now,
  );
  const evicted: string[] = [];
  return {
    /** In milliseconds. */
    clock,
    evicted,
    enter(name: string, address = HOME): Place | undefined {
      const place = admission.enter(address);
      place?.onEvicted(() => {
        evicted.push(name);
        // The engine closes the connection, and that is where a place is left.
        place.leave();
      });
      return place;
    },
  };
}

describe('strangers from one network', () => {
  test('one more than the limit makes the oldest go, and the newcomer is let in', () => {
    const { enter, evicted } = openAdmission();
    for (const name of ['a', 'b', 'c']) enter(name);
    expect(evicted).toEqual([]);
    expect(enter('d')).toBeDefined();
    expect(enter('e')).toBeDefined();
    expect(evicted).toEqual(['a', 'b']);
  });

  test('one whose sign-in failed goes before those that have not tried, however old they are', () => {
    const { enter, evicted } = openAdmission();
    enter('a');
    enter('b')?.failed();
    enter('c')?.failed();
    for (const name of ['d', 'e', 'f']) enter(name);
    expect(evicted).toEqual(['b', 'c', 'a']);
  });

  test('strangers elsewhere are left in peace', () => {
    const { enter, evicted } = openAdmission();
    enter('elsewhere', OFFICE);
    for (const name of ['a', 'b', 'c', 'd']) enter(name);
    expect(evicted).toEqual(['a']);
  });

  test('one that has left by itself makes room without anybody going', () => {
    const { enter, evicted } = openAdmission();
    enter('a');
    const b = enter('b');
    enter('c');
    b?.leave();
    enter('d');
    expect(evicted).toEqual([]);
    enter('e');
    expect(evicted).toEqual(['a']);
  });

  test('the /64 of an IPv6 client is one network: its addresses are without number', () => {
    const { enter, evicted } = openAdmission();
    for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) enter(name, `2001:db8:0:1::${index + 1}`);
    expect(evicted).toEqual(['a']);
    enter('neighbour', '2001:db8:0:2::1');
    expect(evicted).toEqual(['a']);
  });
});

describe('all places', () => {
  test('the network with the most strangers loses its oldest one', () => {
    const { enter, evicted } = openAdmission({ maxConnections: 4 });
    enter('office', OFFICE);
    enter('home 1');
    enter('home 2');
    enter('third', '192.0.2.3');
    expect(enter('new', '192.0.2.4')).toBeDefined();
    expect(evicted).toEqual(['home 1']);
  });

  test('its failed ones first, though a failed one elsewhere is older', () => {
    const { enter, evicted } = openAdmission({ maxConnections: 4 });
    enter('office', OFFICE)?.failed();
    enter('home 1');
    enter('home 2')?.failed();
    enter('home 3');
    enter('new', '192.0.2.4');
    expect(evicted).toEqual(['home 2']);
  });

  test('those who stay weigh more than those who have just come: idlers go before a busy office', () => {
    const { clock, enter, evicted } = openAdmission({ maxConnections: 5 });
    enter('idler 1');
    enter('idler 2');
    clock.now += 1_000;
    for (const name of ['office 1', 'office 2', 'office 3']) enter(name, OFFICE);
    enter('new 1', '192.0.2.4');
    // 3,000 against 1,500.
    expect(evicted).toEqual(['idler 1']);
    clock.now += 400;
    enter('new 2', '192.0.2.5');
    // 1,900 against 2,700.
    expect(evicted).toEqual(['idler 1', 'office 1']);
  });

  test('taken by those who have signed in: nobody goes, the newcomer has no place', () => {
    const { enter, evicted } = openAdmission({ maxConnections: 2 });
    expect(enter('a')?.signedIn('alice', 9)).toBe(true);
    const b = enter('b', OFFICE);
    expect(b?.signedIn('bob', 9)).toBe(true);
    expect(enter('c', '192.0.2.3')).toBeUndefined();
    expect(evicted).toEqual([]);
    b?.leave();
    expect(enter('d', '192.0.2.3')).toBeDefined();
  });

  test('a full network gives up a place of its own, although there are larger crowds', () => {
    const { enter, evicted } = openAdmission({ maxConnections: 5, maxConnectionsPerAddress: 2 });
    enter('office 1', OFFICE);
    enter('office 2', OFFICE);
    enter('home 1');
    enter('home 2');
    enter('third', '192.0.2.3');
    enter('home 3');
    expect(evicted).toEqual(['home 1']);
  });
});

describe('who has signed in', () => {
  test('never has to go, and no longer counts among the strangers', () => {
    const { enter, evicted } = openAdmission({ maxConnections: 6 });
    expect(enter('alice')?.signedIn('alice', 9)).toBe(true);
    for (const name of ['a', 'b', 'c']) enter(name);
    expect(evicted).toEqual([]);
    for (const name of ['d', 'e', 'f', 'g', 'h', 'i']) enter(name);
    expect(evicted).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('even where it failed before', () => {
    const { enter, evicted } = openAdmission();
    const place = enter('alice');
    place?.failed();
    expect(place?.signedIn('alice', 9)).toBe(true);
    for (const name of ['a', 'b', 'c', 'd']) enter(name);
    expect(evicted).toEqual(['a']);
  });

  test('has at most as many places as the limit says; the one too many stays a stranger', () => {
    const { enter, evicted } = openAdmission();
    const first = enter('1');
    expect(first?.signedIn('alice', 2)).toBe(true);
    expect(enter('2')?.signedIn('alice', 2)).toBe(true);
    const third = enter('3', OFFICE);
    expect(third?.signedIn('alice', 2)).toBe(false);
    expect(enter('bob')?.signedIn('bob', 2)).toBe(true);
    for (const name of ['4', '5', '6']) enter(name, OFFICE);
    expect(evicted).toEqual(['3']);
    first?.leave();
    expect(enter('7')?.signedIn('alice', 2)).toBe(true);
  });

  test('too late: it was told to go just now', () => {
    const { enter } = openAdmission({ maxConnectionsPerAddress: 1 });
    const slow = enter('slow');
    enter('next');
    expect(slow?.signedIn('alice', 9)).toBe(false);
    expect(enter('alice', OFFICE)?.signedIn('alice', 1)).toBe(true);
  });
});

describe('by the model', () => {
  type Act =
    | { readonly kind: 'enter'; readonly network: number }
    | { readonly kind: 'fail'; readonly guest: number }
    | { readonly kind: 'leave'; readonly guest: number }
    | { readonly kind: 'wait'; readonly milliseconds: number }
    | { readonly kind: 'sign in'; readonly guest: number; readonly user: number };

  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('enter' as const), network: fc.nat(3) }) },
    fc.record({ kind: fc.constant('fail' as const), guest: fc.nat(30) }),
    fc.record({ kind: fc.constant('leave' as const), guest: fc.nat(30) }),
    fc.record({ kind: fc.constant('wait' as const), milliseconds: fc.nat(2_000) }),
    fc.record({ kind: fc.constant('sign in' as const), guest: fc.nat(30), user: fc.nat(2) }),
  );

  interface Guest {
    readonly place: Place;
    readonly network: number;
    readonly since: number;
    state: 'stranger' | 'failed' | 'signed in' | 'gone';
    user: number | undefined;
  }

  const LIMITS = { maxConnections: 6, maxConnectionsPerAddress: 3 };
  const PER_USER = 2;

  /** Plays the acts and checks each against what the rules, told naively, would do. */
  function play(acts: readonly Act[]): void {
    let now = 0;
    const admission = new Admission(LIMITS, () => now);
    const guests: Guest[] = [];
    const strangers = (network: number) =>
      guests.filter(
        (guest) => (guest.state === 'stranger' || guest.state === 'failed') && guest.network === network,
      );
    const inside = () => guests.filter(({ state }) => state !== 'gone');
    const placesOf = (user: number) =>
      guests.filter((each) => each.state === 'signed in' && each.user === user);
    let told: Guest[] = [];

    /** Of crowds of the same weight any may be the one. */
    function victims(network: number): Guest[] {
      const first = (crowd: Guest[]) => crowd.find(({ state }) => state === 'failed') ?? crowd[0];
      const here = strangers(network);
      if (here.length >= LIMITS.maxConnectionsPerAddress) return [first(here) as Guest];
      if (inside().length < LIMITS.maxConnections) return [];
      const crowds = [0, 1, 2, 3].map((each) => strangers(each));
      const weight = (crowd: Guest[]) => crowd.reduce((sum, { since }) => sum + 500 + now - since, 0);
      const most = Math.max(...crowds.map(weight));
      return crowds.filter((crowd) => weight(crowd) === most).flatMap((crowd) => first(crowd) ?? []);
    }

    for (const each of acts) {
      if (each.kind === 'wait') {
        now += each.milliseconds;
        continue;
      }
      if (each.kind === 'enter') {
        const expected = victims(each.network);
        const isFull = inside().length >= LIMITS.maxConnections;
        told = [];
        const place = admission.enter(`192.0.2.${each.network}`);
        if (expected.length > 0) expect(expected).toContain(told[0]);
        expect(told).toHaveLength(Math.min(1, expected.length));
        expect(place === undefined).toBe(isFull && expected.length === 0);
        if (!place) continue;
        const guest: Guest = { place, network: each.network, since: now, state: 'stranger', user: undefined };
        place.onEvicted(() => {
          guest.state = 'gone';
          told.push(guest);
        });
        guests.push(guest);
        continue;
      }
      const guest = guests[each.guest % Math.max(1, guests.length)];
      if (!guest) continue;
      if (each.kind === 'fail') {
        guest.place.failed();
        if (guest.state === 'stranger') guest.state = 'failed';
      } else if (each.kind === 'leave') {
        // Also a second time, and after it was told to go.
        guest.place.leave();
        guest.state = 'gone';
      } else {
        const may =
          (guest.state === 'stranger' || guest.state === 'failed') && placesOf(each.user).length < PER_USER;
        expect(guest.place.signedIn(`user ${each.user}`, PER_USER)).toBe(may);
        if (may) Object.assign(guest, { state: 'signed in', user: each.user });
      }
    }

    // Nothing has leaked: once all have left, in whatever order, there is room for exactly as many as at the beginning.
    for (const guest of guests.toReversed()) guest.place.leave();
    const anew = Array.from({ length: LIMITS.maxConnections }, (_, index) => {
      const place = admission.enter(`198.51.100.${index}`);
      expect(place?.signedIn(`user ${index % 3}`, PER_USER)).toBe(true);
      return place;
    });
    expect(admission.enter('203.0.113.1')).toBeUndefined();
    for (const place of anew) place?.leave();
    expect(admission.enter('203.0.113.1')).toBeDefined();
  }

  test('whatever comes in whatever order, the rules hold and no count leaks', () => {
    fc.assert(fc.property(fc.array(act, { maxLength: 60 }), play), { numRuns: 500 });
  });
});
