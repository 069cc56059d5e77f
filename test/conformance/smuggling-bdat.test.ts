// SMTP smuggling by way of BDAT: RFC 3030 frames a message by its number of octets, but what goes on by DATA to the MTA behind
// is framed by its dots again (CVE-2023-51764, -51765, -51766; CERT VU#302671; Postfix's smtpd_forbid_bare_newline = reject covers
// BDAT for this reason). And octets that a server fails to swallow are commands (RFC 3030 §2: accept and discard).

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PlayableGateway } from '../support/dialogue.ts';
import { visible } from '../support/dialogue-text.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { openSession } from '../support/smtp-session.ts';
import { startTestGateway } from '../support/test-gateway.ts';

const HEADER =
  'From: alice@example.org\r\nDate: Sun, 1 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@client.example>\r\n\r\n';
const SMUGGLED =
  'MAIL FROM:<admin@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nFrom: admin\r\n\r\nsmuggled\r\n.\r\n';
const ENVELOPE = 'MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n';
const BINARY = 'MAIL FROM:<alice@example.org> BODY=BINARYMIME\r\nRCPT TO:<bob@example.net>\r\n';

const LINE_ENDS = ['\r\n', '\n', '\r', '\r\r\n', '\n\r', '\r\0\n', '\0\r\n', '\r\n\0'];
const DOTS = ['.', '..', '\0.', '.\0'];
const SPELLINGS = LINE_ENDS.flatMap((before) =>
  DOTS.flatMap((dot) => LINE_ENDS.map((after) => before + dot + after)),
);
const isClean = (text: string) => !/\0|\r(?!\n)|(?<!\r)\n/.test(text);

let gateway: PlayableGateway;
let client: SmtpClient;

beforeAll(async () => {
  gateway = await startTestGateway({
    upstream: { lineEndings: 'gullible', keywords: ['PIPELINING', '8BITMIME', 'CHUNKING', 'BINARYMIME'] },
    upstreamKnown: true,
    submission: { maxCommandErrors: 1_000_000 },
  });
});

beforeEach(async () => {
  client = await openSession(gateway, 'implicit');
});

afterEach(() => client.destroy());

afterAll(async () => {
  await gateway.close();
  const commands = gateway.upstream.connections.flatMap((connection) => connection.commands);
  expect(commands.filter((command) => /admin|victim/.test(command))).toEqual([]);
});

const chunk = (octets: string, last = '') => `BDAT ${octets.length}${last}\r\n${octets}`;

/** Sends it in one write; as many replies as told, and the messages that it added at the upstream. */
async function send(text: string, replies: number): Promise<{ replies: string[]; arrived: string[] }> {
  const { upstream } = gateway;
  const before = upstream.accepted.length + upstream.refused.length;
  await client.write(text);
  const heard: string[] = [];
  for (let count = 0; count < replies; count += 1) heard.push(await client.readLine());
  // Nothing else was answered, so nothing else was executed.
  expect(await client.command('RSET')).toEqual(['250 2.0.0 OK']);
  const complete = [...upstream.accepted, ...upstream.refused];
  return {
    replies: heard,
    arrived: complete.slice(before).map((message) => message.data.toString('latin1')),
  };
}

test(`each of ${SPELLINGS.length} ends in a text, true and false ones, in one chunk`, async () => {
  for (const spelling of SPELLINGS) {
    const text = `${HEADER}first${spelling}${SMUGGLED}`;
    const { replies, arrived } = await send(ENVELOPE + chunk(text, ' LAST'), 3);
    const what = visible(spelling);
    if (isClean(text)) {
      expect({ what, reply: replies.at(-1) }).toEqual({ what, reply: expect.stringMatching(/^250 /) });
      expect({ what, count: arrived.length }).toEqual({ what, count: 1 });
      expect(arrived[0]?.endsWith(text)).toBe(true);
    } else {
      expect({ what, arrived }).toEqual({ what, arrived: [] });
      expect(replies.at(-1)).toMatch(/^550 5\.6\.0 Message contains a (bare CR or LF|NUL byte) /);
    }
  }
});

test('those that have been used in attacks, with a chunk’s border at every position', async () => {
  const used = SPELLINGS.filter((spelling) => /^[\r\n]+\0?\.\0?[\r\n]+$/.test(spelling));
  for (const spelling of used) {
    const text = `${HEADER}first${spelling}${SMUGGLED}`;
    const from = HEADER.length + 'first'.length;
    for (let cut = from; cut <= from + spelling.length; cut++) {
      const { replies, arrived } = await send(
        ENVELOPE + chunk(text.slice(0, cut)) + chunk(text.slice(cut), ' LAST'),
        4,
      );
      const what = { spelling: visible(spelling), cut: cut - from };
      expect({ ...what, count: arrived.length }).toEqual({ ...what, count: isClean(text) ? 1 : 0 });
      if (isClean(text)) expect(arrived[0]?.endsWith(text)).toBe(true);
      else expect(replies.at(-1)).toMatch(/^550 5\.6\.0 /);
    }
  }
});

test('in a chunk for each octet', async () => {
  for (const spelling of ['\r\n.\r\n', '\n.\n', '\r.\r', '\r\n.\r', '\n.\r\n', '\r\n..\r\n']) {
    const text = `${HEADER}first${spelling}${SMUGGLED}`;
    const chunks = [...text].map((octet) => chunk(octet)).join('');
    const { arrived } = await send(`${ENVELOPE}${chunks}BDAT 0 LAST\r\n`, 3 + text.length);
    expect({ spelling: visible(spelling), count: arrived.length }).toEqual({
      spelling: visible(spelling),
      count: isClean(text) ? 1 : 0,
    });
    if (isClean(text)) expect(arrived[0]?.endsWith(text)).toBe(true);
  }
});

test('in a message of octets every one is text, and goes by its number of octets', async () => {
  for (const spelling of SPELLINGS) {
    const text = `${HEADER}first${spelling}${SMUGGLED}BDAT 4 LAST\r\nRSET`;
    const { replies, arrived } = await send(BINARY + chunk(text, ' LAST'), 3);
    expect(replies.at(-1)).toMatch(/^250 /);
    expect({ spelling: visible(spelling), count: arrived.length }).toEqual({
      spelling: visible(spelling),
      count: 1,
    });
    expect(arrived[0]?.endsWith(text)).toBe(true);
  }
});

describe('octets of a chunk that is refused are no commands:', () => {
  test.each<[string, string, (RegExp | string)[]]>([
    ['outside a transaction', chunk(SMUGGLED, ' LAST'), [/^503 5\.5\.1 /]],
    ['outside a transaction, with more to come', chunk(SMUGGLED) + chunk(SMUGGLED), [/^503 /, /^503 /]],
    [
      'without a recipient',
      `MAIL FROM:<alice@example.org>\r\n${chunk(SMUGGLED, ' LAST')}`,
      [/^250 /, /^503 /],
    ],
    [
      'behind a sender who was refused',
      `MAIL FROM:<admin@example.org>\r\nRCPT TO:<bob@example.net>\r\n${chunk(SMUGGLED, ' LAST')}`,
      [/^550 5\.7\.1 /, /^503 /, /^503 /],
    ],
    [
      'behind a chunk that was refused',
      `${ENVELOPE}${chunk('Bare\nline')}${chunk(SMUGGLED)}${chunk(SMUGGLED, ' LAST')}`,
      [/^250 /, /^250 /, /^550 5\.6\.0 /, /^550 5\.6\.0 /, /^550 5\.6\.0 /],
    ],
    [
      'behind the last one',
      `${ENVELOPE}${chunk(HEADER, ' LAST')}${chunk(SMUGGLED, ' LAST')}`,
      [/^250 /, /^250 /, /^250 /, /^503 /],
    ],
    [
      'where RSET came between',
      `${ENVELOPE}${chunk(HEADER)}RSET\r\n${chunk(SMUGGLED, ' LAST')}`,
      [/^250 /, /^250 /, /^250 /, '250 2.0.0 OK', /^503 /],
    ],
    [
      'where DATA came between',
      `${ENVELOPE}${chunk(HEADER)}DATA\r\n${chunk(`text${SMUGGLED.replace('DATA', 'BDAT 9')}`, ' LAST')}`,
      [/^250 /, /^250 /, /^250 /, /^503 /, /^250 /],
    ],
  ])('%s', async (_where, text, expected) => {
    const { replies } = await send(text, expected.length);
    expect(replies).toEqual(
      expected.map((reply) => (typeof reply === 'string' ? reply : expect.stringMatching(reply))),
    );
  });
});

describe('a size that cannot be read leaves nobody knowing where commands begin, so nothing more is read:', () => {
  test.each([
    'BDAT',
    'BDAT ',
    'BDAT LAST',
    'BDAT -6',
    'BDAT +6',
    'BDAT 6.0',
    'BDAT 0x6',
    'BDAT 6, LAST',
    'BDAT 6 last last',
    'BDAT 6 MORE',
    'BDAT 6\tLAST',
    'BDAT\t6',
    'BDAT 6\0',
    'BDAT 000000000000000000006',
    'BDAT 6\n',
    'BDAT 6\r',
    'BDAT 6 LAST\n',
    `BDAT 6${' '.repeat(40_000)}`,
  ])('%j', async (command) => {
    await client.write(`${ENVELOPE}${command}\r\n${SMUGGLED}`);
    for (const code of [/^250 /, /^250 /, /^421 4\.5\.[24] /]) expect(await client.readLine()).toMatch(code);
    await client.readEnd();
  });
});
