// Owns the messages whose text may suffer on the way: its dots, its line ends, its octets.

import { ALICE, BOB, DOTS, HEADER, type Kind, lines, MIME, plain, SENDER, to, utf8 } from './kind.ts';

export const TEXTS: readonly Kind[] = [
  { name: '7-bit text', ...to(ALICE), message: plain('Hello', '', 'Goodbye') },
  {
    name: '8-bit text',
    ...to(ALICE),
    mailFrom: `${SENDER} BODY=8BITMIME`,
    message: utf8('Grüße', 'Ж', '日本'),
  },
  { name: '8-bit text that is not announced', ...to(ALICE), message: utf8('Grüße') },
  { name: 'several recipients', ...to(ALICE, BOB), message: plain('Hello') },
  { name: 'an announced size', ...to(ALICE), mailFrom: `${SENDER} SIZE=2000`, message: plain('Hello') },
  { name: 'every way a dot can stand', ...to(ALICE), message: plain(...DOTS) },
  {
    name: '10,000 short lines that all begin with a dot',
    ...to(ALICE),
    message: plain(...Array.from({ length: 10_000 }, (_, at) => (at % 3 === 0 ? '.' : `.${at}`))),
  },
  {
    name: 'lines that something on the way might take for its own',
    ...to(ALICE),
    message: plain(
      'From the start',
      '>From',
      'QUIT',
      'RSET',
      'BDAT 0 LAST',
      '220 ready',
      '--',
      '\x1a',
      '\x04',
    ),
  },
  {
    name: 'blanks at the ends of lines, tabs, and other control characters',
    ...to(ALICE),
    message: plain('one ', 'two\t', '   ', '\t', '\x01\x07\x08\x0b\x0c\x1b\x7f', 'last  '),
  },
  {
    name: 'every octet but NUL, CR and LF',
    ...to(ALICE),
    mailFrom: `${SENDER} BODY=8BITMIME`,
    message: Buffer.concat([
      lines(...HEADER, ...MIME, ''),
      Buffer.from(
        Array.from({ length: 255 }, (_, at) => at + 1).filter((octet) => octet !== 10 && octet !== 13),
      ),
      Buffer.from('\r\n'),
    ]),
  },
  { name: 'blank lines at the end', ...to(ALICE), message: plain('text', '', '', '', '') },
  { name: 'no final newline', ...to(ALICE), message: Buffer.concat([plain('text'), Buffer.from('the end')]) },
  { name: 'a header and no body', ...to(ALICE), message: plain() },
  { name: 'a header and nothing behind it, not even a blank line', ...to(ALICE), message: lines(...HEADER) },
  { name: 'a last line of 998 octets', ...to(ALICE), message: plain('text', 'x'.repeat(998)) },
  { name: 'a line of 999 octets', ...to(ALICE), message: plain('x'.repeat(999), 'text') },
  { name: 'a line of 5,000 octets', ...to(ALICE), message: plain('x'.repeat(5000), '.', 'text') },
  { name: 'a line of 200,000 octets', ...to(ALICE), message: plain('y'.repeat(200_000), '.', 'text') },
];
