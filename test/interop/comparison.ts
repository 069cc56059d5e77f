// Owns the comparison of what came of a message sent directly and of the same one sent through Postern.

import { expect } from 'vitest';
import { fieldNames } from './letter.ts';
import type { Kind } from './messages/kind.ts';
import type { Arrival } from './sink.ts';
import type { Answers } from './submit.ts';
import { writtenRows } from './written-differences.ts';

/** What Postern does to the header of a kind of message, in the order in which it puts fields on top. */
const EDITS = new Map(
  writtenRows('Header fields').map(([name = '', added = '', removed = '']) => [
    name,
    { added: names(added), removed: names(removed) },
  ]),
);

function names(cell: string): string[] {
  return cell.split(/[\s,`]+/).filter((name) => name !== '');
}

/** Kinds of message that the page names; `every message` is not one of them. */
export const EDITED = [...EDITS.keys()].filter((name) => name !== 'every message');

export interface Outcome {
  readonly answers: Answers;
  readonly arrivals: readonly Arrival[];
}

/** The same answers, the same envelopes with the same parameters, the same bytes but for what Postern is known to change. */
export function expectSame(kind: Kind, { direct, through }: { direct: Outcome; through: Outcome }): void {
  expect(comparable(kind, through.answers)).toEqual(comparable(kind, direct.answers));
  expect(through.arrivals.map(envelope)).toEqual(direct.arrivals.map(envelope));
  for (const [at, arrival] of through.arrivals.entries()) {
    const twin = direct.arrivals[at];
    if (twin) expectSameContent(kind, { direct: twin.content(), through: arrival.content() });
  }
}

/**
 * Ids of the queue are each server's own. DATA is answered by Postern, and of chunks it makes a message of DATA again, of which the
 * server then says something else: there only the code counts.
 */
function comparable(kind: Kind, { mailFrom, recipients, message }: Answers): object {
  const codes = message.map((answer) => answer.slice(0, 3));
  const last = kind.chunks ? [] : message.slice(-1).map(withoutId);
  return { mailFrom, recipients, message: [...codes, ...last] };
}

function withoutId(answer: string): string {
  return answer
    .replace(/(queued as |id=)\S+/, '$1…')
    .replace(/(?<=250 2\.0\.0 )\S+(?= Message accepted)/, '…');
}

/** Sender and recipients with their parameters, the size left out: the trace counts for it. The order is the server's own. */
function envelope({ commands }: Arrival): object {
  const [mailFrom = '', ...recipients] = commands;
  return { mailFrom: mailFrom.replace(/ SIZE=\d+/, ''), recipients: recipients.toSorted() };
}

function expectSameContent(kind: Kind, { direct, through }: { direct: Buffer; through: Buffer }): void {
  const { added, removed } = EDITS.get(kind.name) ?? { added: [], removed: [] };
  const always = EDITS.get('every message')?.added ?? [];
  // Sendmail adds a missing Date by itself.
  const kept = withoutFields(withoutTop(direct, ['Received']), [...removed, ...added]);
  const got = withoutTop(through, ['Received', ...always, ...added]);
  // Compared as a whole first: the difference of two large buffers says nothing and takes long to print.
  if (got.equals(kept)) return;
  const at = firstDifference(got, kept);
  expect(excerpt(got, at)).toBe(excerpt(kept, at));
  expect.fail(`one is ${got.length} octets long, the other ${kept.length}`);
}

/** What follows these fields, which must stand on top, in this order. */
function withoutTop(content: Buffer, names: readonly string[]): Buffer {
  let at = 0;
  const found: string[] = [];
  for (const _ of names) {
    const end = endOfField(content, at);
    found.push(...fieldNames(content.toString('latin1', at, end)));
    at = end;
  }
  expect(found).toEqual(names);
  return content.subarray(at);
}

function withoutFields(content: Buffer, names: readonly string[]): Buffer {
  if (names.length === 0) return content;
  const unwanted = new Set(names.map((name) => name.toLowerCase()));
  const kept: Buffer[] = [];
  let at = 0;
  while (at < content.length && content[at] !== CR) {
    const end = endOfField(content, at);
    const [name = ''] = fieldNames(content.toString('latin1', at, end));
    if (!unwanted.has(name.toLowerCase())) kept.push(content.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...kept, content.subarray(at)]);
}

const CR = 0x0d;
const BLANKS = new Set([0x20, 0x09]);

/** Behind the last line of the field that begins there. */
function endOfField(content: Buffer, start: number): number {
  for (let at = start; ; ) {
    const end = content.indexOf('\r\n', at);
    if (end === -1) return content.length;
    at = end + 2;
    if (!BLANKS.has(content[at] ?? 0)) return at;
  }
}

function firstDifference(one: Buffer, other: Buffer): number {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  return at;
}

const excerpt = (bytes: Buffer, at: number): string =>
  JSON.stringify(bytes.toString('latin1', Math.max(0, at - 100), at + 200));
