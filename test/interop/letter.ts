// Owns the messages that are sent, made of everything a way may damage, and the comparison with what has arrived.

import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';

export interface Letter {
  /** Stands in its subject; by it the arrived message is found. */
  readonly mark: string;
  /** As it is to arrive: lines end in CRLF, no dot is stuffed. */
  readonly bytes: Buffer;
}

/** Bodies whose lines are easily damaged: dots at their start, blanks at their end, nearly as long as RFC 5322 §2.1.1 allows. */
const LINES = [
  'Grüße aus dem Postern – 8 bit, as it is.',
  '.',
  '..',
  '.a dot at the start',
  'blanks at the end   \t',
  '',
  `a long line ${'x'.repeat(960)}`,
  'From the start of a line, which mailboxes quote',
  '',
  'the last line but two, then blank ones',
  '',
  '',
];

/** @param options.bytes least size; filled up with lines */
export function composeLetter(options: { from: string; to: readonly string[]; bytes?: number }): Letter {
  const mark = randomUUID();
  const header = [
    `From: Postern Tester <${options.from}>`,
    `To: ${options.to.join(',\r\n ')}`,
    `Subject: letter ${mark}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${mark}@example.org>`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    'X-Folded: one',
    '\ttwo',
  ];
  const text = `${header.join('\r\n')}\r\n\r\n${LINES.join('\r\n')}\r\n`;
  return { mark, bytes: Buffer.concat([Buffer.from(text), filling(options.bytes ?? 0)]) };
}

function filling(bytes: number): Buffer {
  const line = `${'The quick brown fox jumps over the lazy dog. '.padEnd(74, '=')}\r\n`;
  return Buffer.alloc(Math.ceil(bytes / line.length) * line.length, line);
}

/**
 * The letter is there byte for byte; before it stand these header fields and nothing else, but for Postern's word on the sign-in
 * (RFC 8601) above its own Received, which is the last of them.
 * @param byClient what a client that relays has put below those, on top of the letter
 */
export function expectIntact(
  content: Buffer,
  letter: Pick<Letter, 'bytes'>,
  added: readonly string[],
  byClient: readonly string[] = [],
): void {
  const at = content.length - letter.bytes.length;
  // Compared as a whole first: the difference of two large buffers says nothing and takes long to print.
  if (at < 0 || !content.subarray(at).equals(letter.bytes)) {
    expect(excerpt(content)).toBe(excerpt(letter.bytes));
    expect.fail('the letter has changed on its way, beyond its beginning');
  }
  expect(fieldNames(content.subarray(0, at).toString())).toEqual([
    ...added.slice(0, -1),
    'Authentication-Results',
    ...added.slice(-1),
    ...byClient,
  ]);
}

export function fieldNames(block: string): string[] {
  return block
    .split(/\r\n(?![ \t])/)
    .filter((field) => field !== '')
    .map((field) => field.slice(0, field.indexOf(':')));
}

/** As a mail client on Unix reads it from a file: lines end in LF. */
export const inUnixForm = (letter: Letter): Buffer =>
  Buffer.from(letter.bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1');

const excerpt = (bytes: Buffer): string => bytes.subarray(0, 4000).toString();
