// Fuzzes BDAT: any message in any chunks and any segments is the message that DATA would have brought, octets that go by BDAT
// are never commands, and what the client hears does not depend on how TCP has cut it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readChunk } from '../../src/submission/message/chunks.ts';
import { type Exchange, playMail } from '../support/mail-situation.ts';
import { effort, mutations, PATIENCE, readSeeds } from './seeds/seeds.ts';

const seeds = readSeeds('bdat');
const MAX_MESSAGE = 2000;
const ENVELOPE = 'MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n';
const BINARY_ENVELOPE = ENVELOPE.replace('org>', 'org> BODY=BINARYMIME');
const FIELDS =
  'From: alice@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@client.example>\r\n';

const octets = fc
  .array(
    fc.constantFrom(
      '\r\n',
      '\r\n',
      '\r',
      '\n',
      '.',
      '..',
      '\0',
      'x',
      'é',
      '\r\n.\r\n',
      'RSET\r\n',
      'BDAT 5\r\n',
      ':',
    ),
    {
      maxLength: 20,
    },
  )
  .map((parts) => parts.join(''));
const clean = octets.map((text) => text.replaceAll('\0', '').replaceAll(/\r(?!\n)|(?<!\r)\n/g, '\r\n'));
const message = fc.oneof(
  { weight: 5, arbitrary: clean.map((body) => `${FIELDS}\r\n${body}`) },
  { weight: 2, arbitrary: octets.map((body) => `${FIELDS}\r\n${body}`) },
  { weight: 2, arbitrary: clean.map((rest) => `${FIELDS}${rest}`) },
  octets,
);
const places = fc.array(fc.nat(400), { maxLength: 8 });

/** The text, cut at these places. */
function cutAt(text: string, at: readonly number[]): string[] {
  const places = [...new Set(at.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => text.slice(from, places[index]));
}

const inSegments = (text: string, at: readonly number[]) =>
  cutAt(text, at)
    .filter((piece) => piece !== '')
    .map((piece) => Buffer.from(piece, 'latin1'));

/** The message by BDAT; where cut at the end, with an empty last chunk. */
function chunked(text: string, at: readonly number[]): string {
  const chunks = cutAt(text, at);
  return chunks
    .map((chunk, index) => `BDAT ${chunk.length}${index === chunks.length - 1 ? ' LAST' : ''}\r\n${chunk}`)
    .join('');
}

/** The message by DATA (RFC 5321 §4.5.2); BDAT puts a line end where one is missing. */
function byData(text: string): string {
  const whole = text === '' || text.endsWith('\r\n') ? text : `${text}\r\n`;
  return `DATA\r\n${whole.replaceAll(/(^|\r\n)\./g, '$1..')}.\r\n`;
}

/** What Postern makes up anew for each message is the same for all. */
const comparable = ({ messages }: Exchange) =>
  messages.map((text) => text.replaceAll(/<[0-9a-f-]{36}@mail\.example\.org>/g, '<made@up>'));

test(
  'a text is what DATA makes of it, whatever its chunks and segments are',
  async () => {
    await fc.assert(
      fc.asyncProperty(message, places, places, async (text, chunks, segments) => {
        const data = await playMail([Buffer.from(`${ENVELOPE}${byData(text)}`, 'latin1')], MAX_MESSAGE);
        const bdat = await playMail(
          inSegments(`${ENVELOPE}${chunked(text, chunks)}RSET\r\n`, segments),
          MAX_MESSAGE,
        );
        expect(comparable(bdat)).toEqual(comparable(data));
        const refused = data.replies.at(-1)?.startsWith('250') ? undefined : data.replies.at(-1);
        const verdict = bdat.replies.at(-2);
        // Several reasons may hold at once, and the first to be met is told.
        if (refused) expect(verdict).toMatch(/^5/);
        else expect(verdict).toBe(data.replies.at(-1));
        expect(bdat.replies.at(-1)).toBe('250 2.0.0 OK');
        expect(bdat.commands.filter((line) => !/^(MAIL|RCPT|BDAT|RSET)/.test(line))).toEqual([]);
      }),
      effort<[string, number[], number[]]>(2_000),
    );
  },
  PATIENCE,
);

test(
  'octets go through as they are, behind a clean header',
  async () => {
    await fc.assert(
      fc.asyncProperty(octets, places, places, async (body, chunks, segments) => {
        const text = `${FIELDS}\r\n${body}`;
        const { messages, replies } = await playMail(
          inSegments(`${BINARY_ENVELOPE}${chunked(text, chunks)}`, segments),
          MAX_MESSAGE,
        );
        expect(replies.at(-1)).toBe('250 2.0.0 queued');
        expect(messages).toHaveLength(1);
        expect(messages[0]?.endsWith(text)).toBe(true);
        expect(messages[0]?.slice(0, -text.length)).toMatch(
          /^Authentication-Results: [\s\S]+\r\nReceived: [\s\S]+\r\n$/,
        );
      }),
      effort<[string, number[], number[]]>(1_000),
    );
  },
  PATIENCE,
);

const command = fc.oneof(
  fc.constantFrom(
    ENVELOPE,
    BINARY_ENVELOPE,
    'MAIL FROM:<alice@example.org>\r\n',
    'MAIL FROM:<eve@evil.net>\r\n',
    'RCPT TO:<bob@example.net>\r\n',
    'DATA\r\n',
    '\r\n.\r\n',
    'RSET\r\n',
    'BDAT 0 LAST\r\n',
    'BDAT 0\r\n',
    'bdat 3\r\nabc',
    `BDAT ${FIELDS.length} LAST\r\n${FIELDS}`,
    `BDAT ${FIELDS.length}\r\n${FIELDS}`,
  ),
  // A count that is right, too small or too large for what follows it.
  fc
    .tuple(
      fc.constantFrom(-7, -1, 0, 0, 0, 1, 9),
      fc.constantFrom('', ' LAST'),
      fc.constantFrom('RSET\r\n', 'BDAT 4\r\nRSET\r\n', '\r\n.\r\nMAIL FROM:<alice@example.org>\r\n'),
    )
    .map(([off, last, text]) => `BDAT ${Math.max(0, text.length + off)}${last}\r\n${text}`),
  fc.constantFrom(
    'BDAT\r\n',
    'BDAT 5 FIRST\r\n',
    'BDAT 99999999999999999999\r\n',
    'BDAT 5\n',
    'BDAT\0 5\r\n',
  ),
  mutations(seeds),
);
const session = fc
  .array(command, { maxLength: 12 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1').toString('latin1'));

/** Where several things are wrong with a message, the first to be met is told: which that is may depend on the cut. */
const outcomes = ({ replies }: Exchange) => replies.map((reply) => reply.replace(/^55.*/, '55x'));

/** The lines of a session where every BDAT is obeyed by its number alone, and DATA by its final dot. */
function framed(text: string, { replies }: Exchange): string[] {
  const lines: string[] = [];
  let answered = 0;
  for (let rest = text; rest.includes('\r\n'); ) {
    const line = rest.slice(0, rest.indexOf('\n') + 1);
    rest = rest.slice(line.length);
    const reply = replies[answered] ?? '';
    answered += 1;
    // A line that ends in a bare LF or holds a bare CR is none.
    if (!/^[^\r\n]*\r\n$/.test(line)) {
      if (/^bdat/i.test(line)) return lines;
      continue;
    }
    lines.push(line.slice(0, -2));
    if (/^BDAT/i.test(line)) {
      const chunk = readChunk(line.slice(0, -2));
      if ('refused' in chunk || reply.startsWith('421')) return lines;
      rest = rest.slice(chunk.octets);
    }
    if (!reply.startsWith('354')) continue;
    const end = `\r\n${rest}`.indexOf('\r\n.\r\n');
    if (end === -1) return lines;
    rest = rest.slice(end + 3);
    answered += 1;
  }
  return lines;
}

test(
  'no octet of a chunk is read as a command, however the session goes and is cut',
  async () => {
    await fc.assert(
      fc.asyncProperty(session, places, async (text, segments) => {
        const whole = await playMail([Buffer.from(text, 'latin1')], MAX_MESSAGE);
        const cut = await playMail(inSegments(text, segments), MAX_MESSAGE);
        expect(outcomes(cut)).toEqual(outcomes(whole));
        expect(comparable(cut)).toEqual(comparable(whole));
        // Behind a hanging up nothing is read, at whatever point of a segment it came.
        const expected = framed(text, whole);
        expect(whole.commands).toEqual(whole.hungUp ? expected.slice(0, whole.commands.length) : expected);
      }),
      {
        ...effort<[string, number[]]>(3_000),
        examples: seeds.map((seed): [string, number[]] => [seed, [3, 20]]),
      },
    );
  },
  PATIENCE,
);
