// Owns the messages that Postern refuses and Postfix takes.

import { ALICE, HEADER, type Kind, large, lines, plain, to } from './kind.ts';

/** What Postern refuses and Postfix takes. */
export const REFUSED: readonly Kind[] = [
  {
    name: 'a bare LF in the body',
    ...to(ALICE),
    message: Buffer.concat([plain('a'), Buffer.from('b\nc\r\n')]),
  },
  {
    name: 'a bare CR in the body',
    ...to(ALICE),
    message: Buffer.concat([plain('a'), Buffer.from('b\rc\r\n')]),
  },
  { name: 'a NUL in the body', ...to(ALICE), message: plain('a\0b') },
  { name: 'a bare LF in the header', ...to(ALICE), message: lines(...HEADER, 'X-A: b\nX-C: d', '', 'text') },
  { name: 'an empty message', ...to(ALICE), message: Buffer.alloc(0) },
  { name: 'a body and no header', ...to(ALICE), message: lines('', 'text') },
  { name: 'no From', ...to(ALICE), message: lines(...HEADER.slice(1), '', 'text') },
  { name: 'two From fields', ...to(ALICE), message: lines('From: app@example.org', ...HEADER, '', 'text') },
  {
    name: 'a From of somebody else',
    ...to(ALICE),
    message: lines('From: boss@example.org', ...HEADER.slice(1), '', 'text'),
  },
  {
    name: 'a Sender of somebody else',
    ...to(ALICE),
    message: lines('Sender: boss@example.org', ...HEADER, '', 'text'),
  },
  {
    name: 'a Resent-From of somebody else',
    ...to(ALICE),
    message: lines('Resent-From: boss@example.org', ...HEADER, '', 'text'),
  },
  { name: 'a header line without a colon', ...to(ALICE), message: lines(...HEADER, 'no field', '', 'text') },
  {
    name: 'a header that begins with a folded line',
    ...to(ALICE),
    message: lines(' folded', ...HEADER, '', 'text'),
  },
  {
    name: 'a recipient in the header without a complete domain',
    ...to(ALICE),
    message: lines(...HEADER, 'Cc: bob@local', '', 'text'),
  },
  {
    name: 'a header of 300,000 octets',
    ...to(ALICE),
    message: lines(
      ...HEADER,
      ...Array.from({ length: 400 }, (_, at) => `X-${at}: ${'x'.repeat(740)}`),
      '',
      'text',
    ),
  },
  { name: 'more than it takes', ...to(ALICE), message: large(56_000_000) },
];
