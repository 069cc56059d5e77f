// Owns the way from one upstream to the next: at MAIL, and where one fails between MAIL and the message.

import type { Path } from '../envelope.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../refusal.ts';
import { isPositive, type Reply } from './connection/reply.ts';
import type { Origin } from './origin.ts';
import type { RelayTransaction } from './transaction/transaction.ts';
import type { Begun, Upstream } from './upstream.ts';

/** The upstream is not there, or fails. */
const BROKEN: ReadonlySet<RefusalCode> = new Set([
  'upstream-unavailable',
  'upstream-lost',
  'upstream-timeout',
  'upstream-protocol',
  'upstream-login',
]);
/** It has enough for now. */
const BUSY: ReadonlySet<RefusalCode> = new Set(['upstream-busy', 'upstream-limit']);
/** It lacks what another one may have. */
const LACKING: ReadonlySet<RefusalCode> = new Set([
  'utf8-sender-unavailable',
  'eight-bit-unavailable',
  'binary-unavailable',
  'require-tls-unavailable',
  'parameter-unknown',
]);

/**
 * MAIL, put to one after the other until one takes it, or says no for good. Nobody is waited for while another one is free.
 * @param left in the order in which to try them; those that were tried are taken out
 * @param options.patient where all that are well are busy: wait for one as long as its settings say
 * @returns the last word of the one that was waited for; else the first one's, or the first that leaves hope
 */
export async function tryInTurn(
  left: Upstream[],
  { mailFrom, origin, patient }: { mailFrom: Path; origin: Origin; patient: boolean },
): Promise<Begun | Refusal> {
  let first: Begun | Refusal | undefined;
  let busy: Upstream | undefined;
  // Waiting at one that is well is quicker than knocking at one that is not.
  while (left[0] && !(busy && left[0].down)) {
    const next = left.shift() as Upstream;
    const outcome = await next.begin(mailFrom, origin, { maxWait: 0 });
    if (settles(outcome)) return outcome;
    // A no for good only where all of them lack it: what is not there now may have it.
    if (!first || lacks(first)) first = outcome;
    if (isRefusal(outcome) && BUSY.has(outcome.code)) busy ??= next;
  }
  if (busy && patient) return busy.begin(mailFrom, origin, { maxWait: busy.settings.maxWait });
  return first ?? refuse('upstream-unavailable', 'no further upstream is there');
}

/** RFC 5321 §4.2.1: a 4yz may be otherwise at another server, a 5yz is its word on the sender. */
function settles(outcome: Begun | Refusal): boolean {
  if (!isRefusal(outcome)) return outcome.reply.code < 400 || outcome.reply.code >= 500;
  return [BROKEN, BUSY, LACKING].every((codes) => !codes.has(outcome.code));
}

const lacks = (outcome: Begun | Refusal): boolean => isRefusal(outcome) && LACKING.has(outcome.code);

const isBroken = (outcome: Reply | Refusal): boolean => isRefusal(outcome) && BROKEN.has(outcome.code);

/**
 * The transaction, which goes on at another upstream where this one breaks off before the message has begun. The client has
 * been told who was accepted, so the next one counts only where it accepts each of them too. From the first byte of the
 * message on nothing is repeated: it might arrive twice.
 * @param another MAIL put to the next upstream; undefined where there is none, or it said no
 */
export function withFailover(
  first: RelayTransaction,
  another: () => Promise<RelayTransaction | undefined>,
): RelayTransaction {
  let current = first;
  let over = false;
  const accepted: Path[] = [];

  /** Puts the envelope so far to the next upstream that takes all of it. */
  async function move(): Promise<boolean> {
    current.abort();
    for (let next = await another(); next; next = await another()) {
      // The client may go while the envelope is repeated.
      if (await takesAll(next, accepted, () => over)) {
        current = next;
        return true;
      }
      next.abort();
      if (over) return false;
    }
    return false;
  }

  async function ask(question: () => Promise<Reply | Refusal>): Promise<Reply | Refusal> {
    const outcome = await question();
    if (over || !isBroken(outcome)) return outcome;
    while (await move()) {
      const again = await question();
      if (over || !isBroken(again)) return again;
    }
    return outcome;
  }

  return {
    get upstream() {
      return current.upstream;
    },
    async recipient(path) {
      const outcome = await ask(() => current.recipient(path));
      if (!isRefusal(outcome) && isPositive(outcome)) accepted.push(path);
      return outcome;
    },
    keepAlive: async () => current.keepAlive?.(),
    data: () => ask(() => current.data()),
    write: (bytes) => current.write(bytes),
    drained: () => current.drained(),
    get verdict() {
      return current.verdict;
    },
    finish: (last) => current.finish(last),
    reset() {
      over = true;
      return current.reset();
    },
    abort() {
      over = true;
      current.abort();
    },
  };
}

async function takesAll(
  transaction: RelayTransaction,
  recipients: readonly Path[],
  isOver: () => boolean,
): Promise<boolean> {
  for (const path of recipients) {
    if (isOver()) return false;
    const outcome = await transaction.recipient(path);
    if (isRefusal(outcome) || !isPositive(outcome)) return false;
  }
  return !isOver();
}
