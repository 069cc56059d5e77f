// The machine's own lookup keeps threads: how many of them names may take while name servers are dead.

import { lookup } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addressesOfHost } from '../../../../src/relay/targets/addresses.ts';

vi.mock('node:dns/promises', () => ({ lookup: vi.fn() }));

const running: PromiseWithResolvers<unknown>[] = [];

beforeEach(() => {
  running.length = 0;
  vi.useFakeTimers();
  vi.mocked(lookup).mockReset();
  vi.mocked(lookup).mockImplementation((() => {
    const call = Promise.withResolvers<unknown>();
    running.push(call);
    return call.promise;
  }) as unknown as typeof lookup);
});

afterEach(() => {
  vi.useRealTimers();
});

const ask = (name: string) => addressesOfHost(name, { deadline: performance.now() + 5000 });

describe('the machine’s own lookup', () => {
  it('is asked for two names at a time, the others wait their turn', async () => {
    const asked = ['a', 'b', 'c', 'd'].map(ask);
    await vi.advanceTimersByTimeAsync(0);
    expect(running).toHaveLength(2);
    for (let index = 0; index < 4; index += 1) {
      running[index]?.resolve([{ address: `192.0.2.${index}` }]);
      await vi.advanceTimersByTimeAsync(0);
    }
    const answers = await Promise.all(asked);
    expect(answers.map((answer) => answer.outcome === 'found' && answer.found[0])).toEqual([
      '192.0.2.0',
      '192.0.2.1',
      '192.0.2.2',
      '192.0.2.3',
    ]);
    expect(vi.mocked(lookup).mock.calls.map(([name]) => name)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('that hangs makes the others wait no longer than their limit, and is not asked for those any more', async () => {
    const asked = Promise.all(['a', 'b', 'c', 'd'].map(ask));
    await vi.advanceTimersByTimeAsync(5001);
    expect((await asked).map(({ outcome }) => outcome)).toEqual(Array(4).fill('unanswered'));
    expect(running).toHaveLength(2);
    const late = ask('e');
    for (const call of [...running]) call.reject(Object.assign(new Error('again'), { code: 'EAI_AGAIN' }));
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.mocked(lookup).mock.calls.map(([name]) => name)).toEqual(['a', 'b', 'e']);
    running[2]?.reject(Object.assign(new Error('none'), { code: 'ENOTFOUND' }));
    expect(await late).toMatchObject({ outcome: 'none' });
  });

  it('asks in the order of the system, for all addresses', async () => {
    const asked = ask('a');
    await vi.advanceTimersByTimeAsync(0);
    running[0]?.resolve([{ address: '2001:db8::1' }, { address: '192.0.2.1' }]);
    expect(await asked).toEqual({ outcome: 'found', found: ['2001:db8::1', '192.0.2.1'] });
    expect(vi.mocked(lookup).mock.calls[0]).toEqual(['a', { all: true, order: 'verbatim' }]);
  });
});
