// What the long run fuzzes: for each target its seeds, its words, and what must hold of any input.

import { readdirSync, readFileSync } from 'node:fs';
import { parseHeader } from '../../src/policy/header.ts';
import { MAX_HEADER_BYTES, readProxyHeader } from '../../src/port/proxy-header.ts';
import { isRefusal, refuse } from '../../src/refusal.ts';
import { MalformedReply, ReplyReader } from '../../src/relay/connection/reply.ts';
import { type SaslStep, startExchange } from '../../src/sasl/exchange.ts';
import { repairHeader } from '../../src/submission/message/header/repair.ts';
import { ALICE, headerContext } from '../support/message-situation.ts';
import { alice } from '../unit/policy/principals.ts';
import { below, type Corpus, cut, pick, type Random, randomFrom } from './long-run-mutation.ts';
import { createSessionPlayer } from './long-run-session.ts';

export interface Target extends Corpus {
  readonly name: string;
  /** How often its turn comes, beside the others. */
  readonly share: number;
  /** @throws Error on whatever must not be */
  play(input: string, random: Random): void | Promise<void>;
}

/** A failure of an earlier run: committed, it is played first in every later one. */
export interface Found {
  readonly target: string;
  readonly seed: number;
  /** Latin1. */
  readonly input: string;
}

const SEEDS = new URL('seeds/', import.meta.url);
export const FOUND = new URL('found/', SEEDS);

export async function loadTargets(): Promise<readonly Target[]> {
  const session = await createSessionPlayer();
  const corpus = (name: string, ...more: string[]): Corpus => ({
    seeds: [name, ...more].flatMap((each) => read(`${each}.json`) as string[]),
    words: (read('words.json') as Record<string, string[]>)[name] ?? [],
  });
  return [
    { name: 'session', share: 4, ...corpus('session'), play: session.play },
    { name: 'header', share: 2, ...corpus('header', 'header-block'), play: playHeader },
    { name: 'sasl', share: 1, ...corpus('sasl'), play: playSasl },
    { name: 'proxy-header', share: 1, ...corpus('proxy-header'), play: playProxyHeader },
    { name: 'upstream-reply', share: 1, ...corpus('upstream-reply'), play: playReply },
  ];
}

/** The same input is played in the same way. */
export function playFound(
  targets: readonly Target[],
  { target: name, seed, input }: Found,
): void | Promise<void> {
  const target = targets.find((each) => each.name === name);
  // Another sequence than the one that has made the input.
  return target?.play(input, randomFrom(seed ^ 0x5bd1e995));
}

export function loadFound(): readonly Found[] {
  return readdirSync(FOUND)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(new URL(name, FOUND), 'utf8')));
}

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, SEEDS), 'utf8'));

/** What goes on is what came, without whole fields, under new ones; and it can be read again. */
function playHeader(input: string, random: Random): void {
  const block = Buffer.from(input.endsWith('\r\n') || input === '' ? input : `${input}\r\n`, 'latin1');
  const context = headerContext({
    principal: pick(random, [ALICE, alice()]),
    mailFrom: pick(random, ['alice@example.org', '']),
    trace: { signedIn: random() < 0.8, utf8: random() < 0.5 },
    qualifiedDomains: pick(random, ['required', 'any'] as const),
  });
  const repaired = repairHeader(block, context);
  if (isRefusal(repaired)) {
    if (!/^\P{C}+$/u.test(repaired.reason))
      throw new Error(`control characters in ${JSON.stringify(repaired.reason)}`);
    return;
  }
  const { added, kept } = repaired;
  if (/\r(?!\n)|(?<!\r)\n|\0|(^|\n)\./.test(added))
    throw new Error(`added what may not be: ${JSON.stringify(added)}`);
  if (!isPartOf(unstuffed(kept), unstuffed(block))) throw new Error('kept what was not there');
  const whole = Buffer.concat([Buffer.from(added), kept]);
  const again = repairHeader(whole, context);
  if (isRefusal(again)) throw new Error(`its own work is refused: ${again.reason}`);
  if (isRefusal(parseHeader(Buffer.from(added)))) throw new Error('what was added cannot be read');
}

const unstuffed = (block: Buffer): string => block.toString('latin1').replace(/(^|\r\n)\./g, '$1');

/** Whether `part` is `whole` without some of its lines. */
function isPartOf(part: string, whole: string): boolean {
  const lines = whole.split('\r\n');
  let at = 0;
  for (const line of part.split('\r\n')) {
    at = lines.indexOf(line, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** It ends after at most three lines, and well only by a verdict. */
function playSasl(input: string, random: Random): void {
  const exchange = startExchange({
    mechanism: pick(random, ['OAUTHBEARER', 'XOAUTH2'] as const),
    challenge: { scope: 'mail', openidConfiguration: pick(random, [undefined, 'https://mail.example.org/']) },
  });
  const line = (): string => {
    const text = Buffer.from(input, random() < 0.5 ? 'latin1' : 'utf8');
    return pick(random, [text.toString('base64'), input, '*', '', '=', 'AQ==']);
  };
  const verdict = pick(random, [ALICE, refuse('token-expired', 'r'), refuse('issuer-unavailable', 'r')]);
  let step: SaslStep = exchange.start(random() < 0.5 ? undefined : line());
  let decided = false;
  for (let round = 0; step.step === 'challenge' || step.step === 'verify'; round += 1) {
    if (round > 4) throw new Error('the exchange does not end');
    if (step.step === 'verify') {
      decided = true;
      if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(step.token))
        throw new Error(`no token: ${JSON.stringify(step.token)}`);
      step = exchange.decide(verdict);
    } else {
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(step.data))
        throw new Error(`no base64: ${JSON.stringify(step.data)}`);
      step = exchange.receive(line());
    }
  }
  if (step.step === 'done' && !(decided && step.principal === verdict))
    throw new Error('done without a verdict');
}

/** Cut anywhere the answer is the same, and its length is bounded. */
function playProxyHeader(input: string, random: Random): void {
  const bytes = Buffer.from(input, 'latin1');
  const header = readProxyHeader(bytes);
  if (header.state === 'incomplete' && bytes.length >= MAX_HEADER_BYTES) throw new Error('waits for ever');
  if (header.state === 'fault' && !/^[ -~]+$/.test(header.reason))
    throw new Error('its reason holds what was sent');
  if (header.state === 'done' && header.length > bytes.length) throw new Error('longer than what came');
  const shorter = readProxyHeader(bytes.subarray(0, below(random, bytes.length + 1)));
  if (shorter.state !== 'incomplete' && JSON.stringify(shorter) !== JSON.stringify(header))
    throw new Error('more bytes have changed the answer');
}

/** However it is cut: the same replies, printable, or the same complaint. */
function playReply(input: string, random: Random): void {
  const bytes = Buffer.from(input, 'latin1');
  const [whole, pieces] = [readReplies([bytes]), readReplies(cut(random, bytes))];
  for (const line of whole.flatMap(({ lines }) => lines))
    if (!/^[ -~]*$/.test(line)) throw new Error(`not printable: ${JSON.stringify(line)}`);
  // A complaint drops what came before it in the same piece.
  const shorter = Math.min(whole.length, pieces.length);
  if (JSON.stringify(whole.slice(0, shorter)) !== JSON.stringify(pieces.slice(0, shorter)))
    throw new Error('the cut has changed a reply');
}

function readReplies(pieces: readonly Buffer[]) {
  const reader = new ReplyReader();
  const replies = [];
  try {
    for (const piece of pieces) replies.push(...reader.push(piece));
  } catch (error) {
    if (!(error instanceof MalformedReply)) throw error;
  }
  return replies;
}
