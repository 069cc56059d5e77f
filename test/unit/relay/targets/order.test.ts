// RFC 2782: the order of several servers, with chances counted over many draws of a seeded random.

import { describe, expect, it } from 'vitest';
import { inOrder } from '../../../../src/relay/targets/order.ts';
import { seeded } from './seeded.ts';

interface Server {
  readonly name: string;
  readonly priority: number;
  readonly weight: number;
}

const server = (name: string, weight: number, priority = 0): Server => ({ name, priority, weight });
const DRAWS = 20_000;
/** Digits for toBeCloseTo: within 0.01, three times what chance makes of so many draws. */
const ONE_PERCENT = 1.7;

/** How often each order came out, as a share of all draws. */
function shares(
  servers: readonly Server[],
  named: (order: readonly Server[]) => string,
): Map<string, number> {
  const random = seeded(20_260_101);
  const counts = new Map<string, number>();
  for (let draw = 0; draw < DRAWS; draw += 1) {
    const key = named(inOrder(servers, (one) => one, random));
    counts.set(key, (counts.get(key) ?? 0) + 1 / DRAWS);
  }
  return counts;
}

const first = (order: readonly Server[]): string => order[0]?.name ?? '';
const whole = (order: readonly Server[]): string => order.map(({ name }) => name).join('');

describe('inOrder', () => {
  it('puts lower priorities first, whatever the weights', () => {
    const servers = [server('c', 65_535, 20), server('a', 0, 0), server('b', 1, 10), server('d', 9, 65_535)];
    expect([...shares(servers, whole).keys()]).toEqual(['abcd']);
  });

  it('draws the first in proportion to the weights', () => {
    const counts = shares([server('a', 60), server('b', 30), server('c', 10)], first);
    expect(counts.get('a')).toBeCloseTo(0.6, ONE_PERCENT);
    expect(counts.get('b')).toBeCloseTo(0.3, ONE_PERCENT);
    expect(counts.get('c')).toBeCloseTo(0.1, ONE_PERCENT);
  });

  it('draws those after the first in proportion to what is left', () => {
    const counts = shares([server('a', 60), server('b', 30), server('c', 10)], whole);
    expect(counts.get('abc')).toBeCloseTo(0.6 * (30 / 40), ONE_PERCENT);
    expect(counts.get('bca')).toBeCloseTo(0.3 * (10 / 70), ONE_PERCENT);
    expect(counts.get('cab')).toBeCloseTo(0.1 * (60 / 90), ONE_PERCENT);
  });

  it('is exact for small weights, too', () => {
    expect(shares([server('a', 1), server('b', 1)], first).get('a')).toBeCloseTo(0.5, ONE_PERCENT);
    expect(shares([server('a', 3), server('b', 1)], first).get('a')).toBeCloseTo(0.75, ONE_PERCENT);
  });

  it('gives weight 0 a very small chance beside others', () => {
    const counts = shares([server('spare', 0), server('a', 1), server('b', 1)], first);
    expect(counts.get('spare') ?? 0).toBeGreaterThan(0);
    expect(counts.get('spare') ?? 0).toBeLessThan(0.003);
  });

  it('gives all the same chance where all weights are 0', () => {
    const counts = shares([server('a', 0), server('b', 0), server('c', 0), server('d', 0)], first);
    for (const name of 'abcd') expect(counts.get(name)).toBeCloseTo(0.25, ONE_PERCENT);
  });

  it('loses nobody, doubles nobody and leaves what it was given as it was', () => {
    const servers = Object.freeze([server('a', 0), server('b', 5, 1), server('c', 5, 1)]);
    const order = inOrder(servers, (one) => one, seeded(1));
    expect(order.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c']);
    expect(inOrder([], (one: Server) => one, seeded(1))).toEqual([]);
  });

  it('stands the ends of what random gives', () => {
    const servers = [server('a', 0), server('b', 65_535)];
    for (const value of [0, 1 - Number.EPSILON / 2]) {
      expect(
        inOrder(
          servers,
          (one) => one,
          () => value,
        ),
      ).toHaveLength(2);
    }
  });
});
