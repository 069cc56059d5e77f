// Messages a minute for one account: exactly so many in any 60 seconds by the upstream's clock, in the order of asking, for a bounded wait.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isRefusal, type Refusal } from '../../../../src/refusal.ts';
import { MessageRate, type Turn } from '../../../../src/relay/pool/rate.ts';

const MINUTE = 60_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** A rate as one asks it whose settings have this limit. */
interface Limited {
  readonly rate: MessageRate;
  take(maxWait: number): Promise<Turn | Refusal>;
  dismiss(): void;
}

function limited(limit: number, rate = new MessageRate()): Limited {
  const asker = {};
  return {
    rate,
    take: (maxWait) => rate.take({ limit, maxWait, asker }),
    dismiss: () => rate.dismiss(asker),
  };
}

function twoLimits(one: number, other: number): [Limited, Limited] {
  const rate = new MessageRate();
  return [limited(one, rate), limited(other, rate)];
}

/** What has come of a question, without waiting for it. */
interface Asked {
  turn: Turn | undefined;
  refusal: Refusal | undefined;
  /** `performance.now()` of the answer. */
  at: number | undefined;
}

function ask(rate: Limited, maxWait: number): Asked {
  const asked: Asked = { turn: undefined, refusal: undefined, at: undefined };
  void rate.take(maxWait).then((outcome) => {
    asked.at = performance.now();
    if (isRefusal(outcome)) asked.refusal = outcome;
    else asked.turn = outcome;
  });
  return asked;
}

async function sendNow(rate: Limited): Promise<void> {
  const outcome = await rate.take(0);
  if (isRefusal(outcome)) throw new Error(outcome.reason);
  outcome.sent();
}

describe('within the limit', () => {
  test('a turn is given at once, and one more is not', async () => {
    const rate = limited(3);
    for (let count = 0; count < 3; count += 1) await sendNow(rate);
    expect(await rate.take(0)).toMatchObject({ refused: true, code: 'upstream-limit' });
  });

  test('those under way count too', async () => {
    const rate = limited(2);
    await rate.take(0);
    await rate.take(0);
    expect(await rate.take(0)).toMatchObject({ code: 'upstream-limit' });
  });

  test('a turn ends once: whatever is told after that changes nothing', async () => {
    const rate = limited(1);
    const turn = (await rate.take(0)) as Turn;
    turn.sent();
    turn.unused();
    turn.unused();
    expect(await rate.take(0)).toMatchObject({ code: 'upstream-limit' });
  });

  test('an unused turn comes back, to who waits first', async () => {
    const rate = limited(1);
    const first = (await rate.take(0)) as Turn;
    const second = ask(rate, 1000);
    first.unused();
    await pass(0);
    expect(second.turn).toBeDefined();
    second.turn?.unused();
    expect(await rate.take(0)).toHaveProperty('sent');
  });
});

describe('the minute', () => {
  test('counts from when a message was sent, not from when its turn was given', async () => {
    const rate = limited(1);
    const slow = (await rate.take(0)) as Turn;
    await pass(50_000);
    slow.sent();
    await pass(MINUTE);
    expect(await rate.take(0)).toMatchObject({ code: 'upstream-limit' });
    await pass(1);
    expect(await rate.take(0)).toHaveProperty('sent');
  });

  test('who waits gets the turn as soon as it is over, and not before', async () => {
    const rate = limited(1);
    await sendNow(rate);
    await pass(55_000);
    const waiting = ask(rate, 10_000);
    await pass(5_000);
    expect(waiting.turn).toBeUndefined();
    await pass(5);
    expect(waiting.turn).toBeDefined();
  });

  test('nothing is remembered once it is over', async () => {
    const rate = limited(2);
    expect(rate.rate.idle).toBe(true);
    const turn = (await rate.take(0)) as Turn;
    expect(rate.rate.idle).toBe(false);
    turn.sent();
    await pass(MINUTE);
    expect(rate.rate.idle).toBe(false);
    await pass(1);
    expect(rate.rate.idle).toBe(true);
  });
});

describe('waiting', () => {
  test('is first come, first served, also for those who come while others wait', async () => {
    const rate = limited(2);
    const held = [(await rate.take(0)) as Turn, (await rate.take(0)) as Turn];
    const waiting = [ask(rate, 5_000), ask(rate, 5_000), ask(rate, 5_000)];
    held[0]?.unused();
    const late = ask(rate, 5_000);
    await pass(0);
    expect(waiting.map(({ turn }) => turn !== undefined)).toEqual([true, false, false]);
    held[1]?.unused();
    await pass(0);
    expect(waiting.map(({ turn }) => turn !== undefined)).toEqual([true, true, false]);
    expect(late.turn).toBeUndefined();
  });

  test('is not cut short by who comes in the moment when the minute is over', async () => {
    let now = 0;
    const rate = limited(1, new MessageRate({ now: () => now }));
    await sendNow(rate);
    const waiting = ask(rate, 70_000);
    now = MINUTE + 1;
    expect(await rate.take(0)).toMatchObject({ code: 'upstream-limit' });
    await pass(MINUTE + 5);
    expect(waiting.turn).toBeDefined();
  });

  test('ends with a refusal at its bound, neither before nor after', async () => {
    const rate = limited(1);
    await rate.take(0);
    const waiting = ask(rate, 5_000);
    await pass(4_999);
    expect(waiting.refusal).toBeUndefined();
    await pass(1);
    expect(waiting.refusal).toMatchObject({ code: 'upstream-limit' });
  });

  test('who has given up is out of the line: his turn is the next one’s', async () => {
    const rate = limited(1);
    const turn = (await rate.take(0)) as Turn;
    const impatient = ask(rate, 1_000);
    const patient = ask(rate, 5_000);
    await pass(1_000);
    expect(impatient.refusal).toBeDefined();
    turn.unused();
    await pass(0);
    expect(patient.turn).toBeDefined();
  });

  test('is not begun where no turn can come in time', async () => {
    const rate = limited(1);
    await sendNow(rate);
    await pass(40_000);
    const hopeless = ask(rate, 19_000);
    const hopeful = ask(rate, 25_000);
    // Behind the one who waits: the next minute ends only after his own.
    const behind = ask(rate, 25_000);
    await pass(0);
    expect(hopeless.refusal).toBeDefined();
    expect(behind.refusal).toBeDefined();
    await pass(20_001);
    expect(hopeful.turn).toBeDefined();
  });

  test('goes on into the minute after next for who has the patience', async () => {
    const rate = limited(1);
    await sendNow(rate);
    const first = ask(rate, 130_000);
    const second = ask(rate, 130_000);
    await pass(MINUTE + 5);
    first.turn?.sent();
    await pass(MINUTE + 5);
    expect(second.turn).toBeDefined();
  });

  test('ends for those whose relay is closed, and for nobody else', async () => {
    const [one, other] = twoLimits(1, 1);
    const turn = (await one.take(0)) as Turn;
    const [closed, open] = [ask(one, 5_000), ask(other, 5_000)];
    one.dismiss();
    await pass(0);
    expect(closed.refusal).toMatchObject({ code: 'shutting-down' });
    expect(open.refusal).toBeUndefined();
    turn.unused();
    await pass(0);
    expect(open.turn).toBeDefined();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('asked by two whose settings have different limits, as after a reload', () => {
  test('each may have what its own allows of all that was sent', async () => {
    const [low, high] = twoLimits(2, 4);
    for (let count = 0; count < 3; count += 1) await sendNow(high);
    expect(await low.take(0)).toMatchObject({
      code: 'upstream-limit',
      reason: expect.stringMatching(/^2 messages/),
    });
    await sendNow(high);
    expect(await high.take(0)).toMatchObject({ reason: expect.stringMatching(/^4 messages/) });
  });

  test('who may not yet does not keep back who may', async () => {
    const [low, high] = twoLimits(1, 3);
    await sendNow(high);
    await pass(1_000);
    const turn = (await high.take(0)) as Turn;
    const behind = ask(low, 100_000);
    await sendNow(high);
    turn.unused();
    expect(await high.take(0)).toHaveProperty('sent');
    expect(behind.turn).toBeUndefined();
  });

  test('who may not yet gets the turn when enough of them are a minute old, and is told at once where that is too late', async () => {
    const [low, high] = twoLimits(2, 4);
    for (let count = 0; count < 4; count += 1) {
      await sendNow(high);
      await pass(1_000);
    }
    // Three of the four must be a minute old, and for the second who waits all of them: 58 s and 59 s from now.
    const hopeless = ask(low, 57_900);
    const first = ask(low, 58_900);
    const [late, second] = [ask(low, 58_900), ask(low, 59_900)];
    await pass(0);
    expect([hopeless, first, late, second].map(({ refusal }) => refusal !== undefined)).toEqual([
      ...[true, false, true, false],
    ]);
    await pass(57_990);
    expect(first.turn).toBeUndefined();
    await pass(20);
    expect(first.turn).toBeDefined();
    expect(second.turn).toBeUndefined();
    await pass(1_000);
    expect(second.turn).toBeDefined();
  });
});

interface Arriving {
  /** Milliseconds after the one before. */
  readonly after: number;
  readonly maxWait: number;
  /** Milliseconds from the turn to the upstream's word. */
  readonly takes: number;
  /** Where between the two it is counted by the upstream: 0 to 1. */
  readonly counted: number;
  readonly used: boolean;
}

const arriving: fc.Arbitrary<Arriving> = fc.record({
  after: fc.integer({ min: 0, max: 9_000 }),
  maxWait: fc.integer({ min: 0, max: 70_000 }),
  takes: fc.integer({ min: 0, max: 30_000 }),
  counted: fc.double({ min: 0, max: 1, noNaN: true }),
  used: fc.boolean(),
});

test('no 60 seconds at the upstream see more, nobody is lost, nobody waits beyond the bound', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(arriving, { minLength: 1, maxLength: 40 }),
      async (limit, messages) => {
        const rate = limited(limit);
        const delivered: number[] = [];
        const answered: { waited: number; maxWait: number; refused: boolean }[] = [];
        for (const message of messages) {
          await pass(message.after);
          const since = performance.now();
          void rate.take(message.maxWait).then((outcome) => {
            const given = performance.now();
            answered.push({
              waited: given - since,
              maxWait: message.maxWait,
              refused: isRefusal(outcome),
            });
            if (isRefusal(outcome)) return;
            if (message.used) delivered.push(given + message.takes * message.counted);
            setTimeout(() => (message.used ? outcome.sent() : outcome.unused()), message.takes);
          });
        }
        await pass(10 * MINUTE);
        expect(answered).toHaveLength(messages.length);
        for (const { waited, maxWait } of answered) expect(waited).toBeLessThanOrEqual(maxWait);
        const times = delivered.sort((one, other) => one - other);
        for (const [index, time] of times.entries()) {
          const further = times[index + limit];
          if (further !== undefined) expect(further - time).toBeGreaterThan(MINUTE);
        }
        expect(rate.rate.idle).toBe(true);
        expect(vi.getTimerCount()).toBe(0);
      },
    ),
    { numRuns: 200 },
  );
});
