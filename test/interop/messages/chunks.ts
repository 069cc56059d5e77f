// Owns the messages that are sent with BDAT (RFC 3030).

import { ALICE, DOTS, type Kind, large, plain, SENDER, to, utf8 } from './kind.ts';

const chunked = ['CHUNKING'];
const TRICKY = plain('text', ...DOTS, 'QUIT');

export const CHUNKS: readonly Kind[] = [
  { name: 'one chunk', needs: chunked, ...to(ALICE), message: TRICKY, chunks: [] },
  { name: 'an empty last chunk', needs: chunked, ...to(ALICE), message: TRICKY, chunks: [TRICKY.length] },
  {
    name: 'a chunk for every octet around the line ends',
    needs: chunked,
    ...to(ALICE),
    message: TRICKY,
    chunks: Array.from({ length: 80 }, (_, at) => (at === 0 ? TRICKY.length - 79 : 1)),
  },
  {
    name: 'a header cut in the middle of a name',
    needs: chunked,
    ...to(ALICE, '<nobody@example.org>'),
    message: TRICKY,
    chunks: [2, 100, 30],
  },
  {
    name: 'chunks and no final newline',
    needs: chunked,
    ...to(ALICE),
    message: Buffer.concat([plain('text'), Buffer.from('.')]),
    chunks: [20],
  },
  {
    name: 'chunks of 8-bit text',
    needs: [...chunked, '8BITMIME'],
    mailFrom: `${SENDER} BODY=8BITMIME`,
    recipients: [ALICE],
    message: utf8('Grüße', '.', 'Ж'),
    chunks: [100, 111],
  },
  {
    name: '5 MB in chunks of 500 kB',
    needs: chunked,
    ...to(ALICE),
    message: large(5_000_000),
    chunks: Array.from({ length: 10 }, () => 500_000),
  },
];
