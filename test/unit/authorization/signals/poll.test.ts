import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Polling, startPolling } from '../../../../src/authorization/signals/poll.ts';
import type { Delivery, SignalReceiver } from '../../../../src/authorization/signals/receiver.ts';
import { refuse } from '../../../../src/refusal.ts';
import { Secret } from '../../../../src/setting.ts';

type Verdict = Awaited<ReturnType<SignalReceiver['receive']>>;

interface Question {
  readonly body: Record<string, unknown>;
  readonly authorization: string | null;
}

let questions: Question[];
let answers: (() => Response | Promise<Response>)[];
let received: { token: string; delivery: Delivery }[];
let verdicts: Map<string, Verdict | Error>;
let events: [name: string, fields: object][];
let pauses: number[];
let time: number;
let polling: Polling | undefined;
let settled: () => void;

beforeEach(() => {
  questions = [];
  answers = [];
  received = [];
  verdicts = new Map();
  events = [];
  pauses = [];
  time = 0;
});
afterEach(() => polling?.close());

const sets = (tokens: Record<string, string>) => () => Response.json({ sets: tokens });
const note = (name: string) => (fields: object) => void events.push([name, fields]);

/** Runs until the answers are used up; the last question stays unanswered, as with a transmitter that has nothing to tell. */
async function poll(interval = 5_000): Promise<void> {
  const done = new Promise<void>((resolve) => {
    settled = resolve;
  });
  polling = startPolling({
    issuer: 'https://idp.example.org',
    poll: { endpoint: 'https://idp.example.org/poll', token: new Secret('poll-token'), interval },
    allowInsecureHttp: false,
    receiver: {
      async receive(token, delivery) {
        received.push({ token, delivery });
        const verdict = verdicts.get(token) ?? 'ended';
        if (verdict instanceof Error) throw verdict;
        return verdict;
      },
    },
    events: {
      signalSourceDown: note('down'),
      signalSourceUp: note('up'),
      fault: note('fault'),
    },
    now: () => time,
    fetch: async (_url, request) => {
      questions.push({
        body: JSON.parse(String(request?.body)),
        authorization: new Headers(request?.headers).get('authorization'),
      });
      const answer = answers.shift();
      if (answer !== undefined) return answer();
      settled();
      return new Promise((_resolve, reject) => {
        request?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    },
    pause: async (milliseconds) => {
      pauses.push(milliseconds);
      time += milliseconds;
    },
  });
  await done;
}

test('RFC 8936 §2.2: it asks with its token, lets the transmitter wait, and bounds the answer', async () => {
  await poll();
  expect(questions).toEqual([
    { body: { maxEvents: 20, returnImmediately: false }, authorization: 'Bearer poll-token' },
  ]);
});

test('§2.4: what was done is acknowledged at once, with the next question', async () => {
  answers = [sets({ one: 'token-1', two: 'token-2' })];
  await poll();
  expect(received.map(({ token }) => token)).toEqual(['token-1', 'token-2']);
  expect(received[0]?.delivery).toEqual({ issuer: 'https://idp.example.org', via: 'poll' });
  expect(questions[1]?.body).toMatchObject({ ack: ['one', 'two'] });
  expect(pauses).toEqual([]);
});

test('§2.6: what is refused is told with its error, once', async () => {
  verdicts.set('token-1', refuse('token-audience', 'x'));
  answers = [sets({ one: 'token-1', two: 'token-2' }), sets({})];
  await poll();
  expect(questions[1]?.body).toMatchObject({
    ack: ['two'],
    setErrs: { one: { err: 'invalid_audience', description: expect.any(String) } },
  });
  expect(questions[2]?.body).toEqual({ maxEvents: 20, returnImmediately: false });
});

test('an event whose keys cannot be had is neither acknowledged nor refused: it comes again', async () => {
  verdicts.set('token-1', refuse('issuer-unavailable', 'x'));
  answers = [sets({ one: 'token-1' })];
  await poll();
  expect(questions[1]?.body).toEqual({ maxEvents: 20, returnImmediately: false });
  expect(pauses).toEqual([5_000]);
});

test('an event that is no text is refused, not thrown at anybody', async () => {
  verdicts.set('', refuse('token-missing', 'empty'));
  answers = [() => Response.json({ sets: { one: { a: 1 } } })];
  await poll();
  expect(questions[1]?.body).toMatchObject({ setErrs: { one: { err: 'invalid_request' } } });
});

test('after an empty answer it rests for the interval; the time it was kept waiting counts', async () => {
  const heldFor = (milliseconds: number) => () => {
    time += milliseconds;
    return Response.json({ sets: {} });
  };
  answers = [heldFor(0), heldFor(3_000), heldFor(60_000)];
  await poll();
  expect(pauses).toEqual([5_000, 2_000]);
});

test('a transmitter that sends the same again and again does not make it spin', async () => {
  verdicts.set('token-1', 'repeated');
  answers = [sets({ one: 'token-1' }), sets({ one: 'token-1' })];
  await poll();
  expect(pauses).toEqual([5_000, 5_000]);
  expect(questions[1]?.body).toMatchObject({ ack: ['one'] });
});

test('more than it asked for is not looked at', async () => {
  answers = [sets(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`id-${index}`, 'token'])))];
  await poll();
  expect(received).toHaveLength(20);
  expect(questions[1]?.body['ack']).toHaveLength(20);
});

test.each<[name: string, answer: () => Response | Promise<Response>]>([
  ['a status of 500', () => new Response('', { status: 500 })],
  ['a status of 401', () => new Response('', { status: 401 })],
  ['no answer', () => Promise.reject(new TypeError('fetch failed'))],
  ['no JSON', () => new Response('<html>')],
  ['no sets', () => Response.json({})],
  ['a redirect', () => new Response('', { status: 302, headers: { location: 'https://evil.example' } })],
  ['more than half a MiB', () => new Response(`{"sets":{"a":"${'x'.repeat(600_000)}"}}`)],
])(
  'after %s it backs off, longer each time and never for longer than five minutes',
  async (_name, answer) => {
    answers = Array.from({ length: 14 }, () => answer);
    await poll();
    expect(pauses).toHaveLength(14);
    for (const [index, pause] of pauses.entries()) {
      const longest = Math.min(300_000, 1_000 * 2 ** index);
      expect(pause).toBeGreaterThanOrEqual(longest / 2);
      expect(pause).toBeLessThanOrEqual(longest);
    }
    expect(events.map(([name]) => name)).toEqual(['down']);
  },
);

test('what is owed survives a failure, and the way back is told once', async () => {
  const failing = () => new Response('', { status: 503 });
  answers = [sets({ one: 'token-1' }), failing, failing, failing, sets({}), sets({})];
  await poll();
  for (const index of [1, 2, 3, 4]) expect(questions[index]?.body).toMatchObject({ ack: ['one'] });
  expect(questions[5]?.body).not.toHaveProperty('ack');
  expect(events.map(([name]) => name)).toEqual(['down', 'up']);
  expect(events[0]?.[1]).toMatchObject({
    issuer: 'https://idp.example.org',
    reason: expect.stringContaining('503'),
  });
});

test('one failure alone is not told: a proxy may cut a long answer', async () => {
  answers = [() => new Response('', { status: 504 }), sets({})];
  await poll();
  expect(events).toEqual([]);
});

test('an event that could not be acted on is not acknowledged; others of the answer are', async () => {
  verdicts.set('token-1', new Error('store is down'));
  answers = [sets({ one: 'token-1', two: 'token-2' }), sets({ one: 'token-1' })];
  await poll();
  expect(questions[1]?.body).toMatchObject({ ack: ['two'] });
  expect(events.map(([name]) => name)).toEqual(['fault', 'fault']);
  expect(pauses).toHaveLength(1);
});

test('closing ends the question that waits', async () => {
  await poll();
  await polling?.close();
  expect(questions).toHaveLength(1);
  expect(events).toEqual([]);
});
