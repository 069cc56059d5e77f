// Owns the asking of a transmitter for its security events (RFC 8936): one question after the other, acknowledged, bounded.

import { setTimeout as sleep } from 'node:timers/promises';
import { isRefusal } from '../../refusal.ts';
import { fetchJson } from '../../token/keys/fetch-json.ts';
import type { AuthorizationEvents } from '../events.ts';
import type { TransmitterSettings } from '../settings.ts';
import { deliveryError, type SignalReceiver } from './receiver.ts';

/** Events in one answer: with 16 KiB each still within what fetch-json.ts reads. */
const MAX_EVENTS = 20;
/** Milliseconds that a transmitter may keep a question waiting for events. */
const LONGEST_ANSWER = 120_000;
const FIRST_BACK_OFF = 1_000;
const LONGEST_BACK_OFF = 300_000;
/** Failures in a row after which it counts as down; one is a restart, or a proxy that cuts long answers. */
const DOWN_AFTER = 2;

export interface PollOptions {
  readonly issuer: string;
  readonly poll: NonNullable<TransmitterSettings['poll']>;
  readonly allowInsecureHttp: boolean;
  readonly receiver: SignalReceiver;
  readonly events: Pick<AuthorizationEvents, 'signalSourceDown' | 'signalSourceUp' | 'fault'>;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Waits; rejects or resolves early when the signal says so. */
  readonly pause?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined;
}

export interface Polling {
  /** Resolves once the event in hand is done with. What was not acknowledged comes again at the next start. */
  close(): Promise<void>;
}

export function startPolling(options: PollOptions): Polling {
  const { now = Date.now, pause = wait } = options;
  const closing = new AbortController();
  const isClosing = () => closing.signal.aborted;

  async function run(): Promise<void> {
    let owed: Owed = NOTHING_OWED;
    let failures = 0;
    while (!isClosing()) {
      const askedAt = now();
      const answer = await ask(options, owed, closing.signal);
      if (isClosing()) return;
      const taken: Taken = 'failure' in answer ? answer : await take(options, answer, isClosing);
      if ('failure' in taken) {
        // What is owed stays so where it may not have arrived: an acknowledgement may be given twice.
        owed = taken.owed ?? owed;
        failures += 1;
        if (failures === DOWN_AFTER) {
          options.events.signalSourceDown({ issuer: options.issuer, reason: taken.failure });
        }
        await pause(backOff(failures), closing.signal);
        continue;
      }
      if (failures >= DOWN_AFTER) options.events.signalSourceUp({ issuer: options.issuer });
      failures = 0;
      owed = taken.owed;
      // A transmitter that sends the same again and again must not have us spin.
      const rest = taken.news > 0 ? 0 : Math.max(0, options.poll.interval - (now() - askedAt));
      if (rest > 0) await pause(rest, closing.signal);
    }
  }

  const running = run().catch((error: unknown) => {
    options.events.fault({ where: 'signals poll', error });
  });
  return {
    async close() {
      closing.abort(new Error('Postern is stopping'));
      await running;
    },
  };
}

/** What the transmitter is told with the next question (RFC 8936 §2.2). */
interface Owed {
  readonly ack: readonly string[];
  readonly setErrs: Readonly<Record<string, object>>;
}

const NOTHING_OWED: Owed = { ack: [], setErrs: {} };

interface Failed {
  readonly failure: string;
  readonly owed?: Owed;
}

type Taken = Failed | { readonly owed: Owed; readonly news: number };

async function ask(
  { poll, fetch = globalThis.fetch, allowInsecureHttp }: PollOptions,
  { ack, setErrs }: Owed,
  signal: AbortSignal,
): Promise<{ readonly sets: readonly (readonly [string, unknown])[] } | Failed> {
  const outcome = await fetchJson(poll.endpoint, {
    fetch,
    allowInsecureHttp,
    signal,
    timeout: LONGEST_ANSWER,
    post: {
      headers: poll.token === undefined ? {} : { authorization: `Bearer ${poll.token.reveal()}` },
      body: {
        maxEvents: MAX_EVENTS,
        returnImmediately: false,
        ...(ack.length === 0 ? {} : { ack }),
        ...(Object.keys(setErrs).length === 0 ? {} : { setErrs }),
      },
    },
  });
  if ('failure' in outcome) return outcome;
  const { body } = outcome;
  const sets = typeof body === 'object' && body !== null && 'sets' in body ? body.sets : undefined;
  if (typeof sets !== 'object' || sets === null) return { failure: 'the answer holds no sets' };
  return { sets: Object.entries(sets).slice(0, MAX_EVENTS) };
}

async function take(
  { receiver, issuer, events }: PollOptions,
  { sets }: { readonly sets: readonly (readonly [string, unknown])[] },
  isClosing: () => boolean,
): Promise<Taken> {
  const ack: string[] = [];
  const setErrs: [string, object][] = [];
  let news = 0;
  let failed = false;
  for (const [tokenId, token] of sets) {
    if (isClosing()) break;
    try {
      const outcome = await receiver.receive(typeof token === 'string' ? token : '', { issuer, via: 'poll' });
      if (!isRefusal(outcome)) {
        ack.push(tokenId);
        if (outcome !== 'repeated') news += 1;
        // §2.4: neither acknowledged nor refused, it comes again; perhaps its key can be had then.
      } else if (outcome.code !== 'issuer-unavailable') {
        setErrs.push([tokenId, deliveryError(outcome)]);
      }
    } catch (error) {
      // Not acknowledged, so it comes again; the ones behind it must not wait for that.
      events.fault({ where: 'signals poll', error });
      failed = true;
    }
  }
  const owed = { ack, setErrs: Object.fromEntries(setErrs) };
  if (failed && news === 0) return { failure: 'an event could not be acted on', owed };
  return { owed, news };
}

/** Milliseconds, spread so that nodes that failed together do not come back together. */
function backOff(failures: number): number {
  const longest = Math.min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** (failures - 1));
  return Math.round(longest * (0.5 + Math.random() / 2));
}

async function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal, ref: false }).catch(() => undefined);
}
