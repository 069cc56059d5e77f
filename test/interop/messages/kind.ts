// Owns what a kind of message is, and what all of them are made of.

import type { Mail } from '../submit.ts';

export interface Kind extends Mail {
  readonly name: string;
  /** EHLO keywords it needs: sent where the server offers them all. */
  readonly needs?: readonly string[];
}

export const SENDER = '<app@example.org>';
export const ALICE = '<alice@example.org>';
export const BOB = '<bob@example.org>';

export const HEADER = [
  'From: Postern Tester <app@example.org>',
  'To: alice@example.org',
  'Subject: a message',
  'Date: Sat, 21 Nov 2026 10:00:00 +0100',
  'Message-ID: <a-message@client.example.org>',
];
export const MIME = [
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: 8bit',
];

/** Lines joined with CRLF, the last one ended too. */
export function lines(...all: readonly string[]): Buffer {
  return Buffer.from(all.map((line) => `${line}\r\n`).join(''));
}

export const plain = (...body: readonly string[]): Buffer => lines(...HEADER, '', ...body);

export const utf8 = (...body: readonly string[]): Buffer => lines(...HEADER, ...MIME, '', ...body);

export function to(...recipients: readonly string[]): Pick<Mail, 'mailFrom' | 'recipients'> {
  return { mailFrom: SENDER, recipients };
}

/** Lines that dot-stuffing may damage (RFC 5321 §4.5.2). */
export const DOTS = ['.', '..', '...', '.x', '..x', '. ', '.\t', ' .', '', '.', '', 'last.', '.'];

/** Lines that begin with a dot, as many as make the message this large. */
export function large(bytes: number): Buffer {
  const line = Buffer.from(`.${'The quick brown fox jumps over the lazy dog. '.padEnd(73, '=')}\r\n`);
  return Buffer.concat([plain(), Buffer.alloc(Math.ceil(bytes / line.length) * line.length, line)]);
}
