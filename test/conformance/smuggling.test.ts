// SMTP smuggling (CVE-2023-51764, -51765, -51766; CERT VU#302671): one message in is one message out, or none, however its
// end is spelled and however TCP cuts it, even when the MTA behind takes every spelling for an end.

import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PlayableGateway } from '../support/dialogue.ts';
import type { Listener } from '../support/dialogue-script.ts';
import { visible } from '../support/dialogue-text.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { openSession } from '../support/smtp-session.ts';
import { TRUE_END as END, FALSE_ENDS, PUBLISHED_ENDS, smuggled, UNICODE_ENDS } from '../support/smuggling.ts';
import { startTestGateway } from '../support/test-gateway.ts';

const HEADER =
  'From: alice@example.org\r\nDate: Sun, 1 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@client.example>\r\n';
const SMUGGLED = smuggled({ mailFrom: 'admin@example.org', recipient: 'victim@example.net' });

const listeners: Listener[] = ['starttls', 'implicit'];

describe.each(listeners)('%s', (listener) => {
  let gateway: PlayableGateway;
  let client: SmtpClient;

  beforeAll(async () => {
    gateway = await startTestGateway({
      upstream: { lineEndings: 'gullible' },
      submission: { maxCommandErrors: 1_000_000 },
    });
  });

  beforeEach(async () => {
    client = await openSession(gateway, listener);
  });

  afterEach(() => client.destroy());

  afterAll(async () => {
    await gateway.close();
    // Whatever happened above: nothing of what was smuggled was ever said to the upstream as a command.
    const commands = gateway.upstream.connections.flatMap((connection) => connection.commands);
    expect(commands.filter((command) => /admin|victim/.test(command))).toEqual([]);
  });

  /** Sends one message in the given pieces; the one reply to it, and what it added to the upstream's messages. */
  async function send(pieces: readonly string[]): Promise<{ reply: string; arrived: string[] }> {
    const before = gateway.upstream.accepted.length + gateway.upstream.refused.length;
    await client.write('MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n');
    const codes = [await client.readLine(), await client.readLine(), await client.readLine()];
    expect(codes.map((line) => line.slice(0, 3))).toEqual(['250', '250', '354']);
    await client.writeParts(pieces);
    const reply = await client.readLine();
    // Nothing else was answered, so nothing else was executed.
    expect(await client.command('NOOP')).toEqual(['250 2.0.0 OK']);
    const complete = [...gateway.upstream.accepted, ...gateway.upstream.refused];
    return { reply, arrived: complete.slice(before).map((message) => message.data.toString('latin1')) };
  }

  test(`each of ${FALSE_ENDS.length} false ends, in body and header, in one piece`, async () => {
    for (const spelling of FALSE_ENDS) {
      for (const place of ['\r\n', '']) {
        const message = `${HEADER}${place}first${spelling}${SMUGGLED}${END}`;
        const { reply, arrived } = await send([message]);
        expect({ spelling: visible(spelling), arrived }).toEqual({
          spelling: visible(spelling),
          arrived: [],
        });
        expect(reply).toMatch(/^550 5\.6\.0 Message contains a (bare CR or LF|NUL byte) /);
      }
    }
  });

  test('the false ends that have been used in attacks, cut at every position, and byte by byte', async () => {
    const others = FALSE_ENDS.filter((spelling) => /^[\r\n]+\0?\.\0?[\r\n]+$/.test(spelling));
    for (const spelling of new Set([...PUBLISHED_ENDS.map(({ bytes }) => bytes), ...others])) {
      const begin = `${HEADER}\r\nfirst`;
      const rest = `${spelling}${SMUGGLED}${END}`;
      for (let cut = 0; cut <= spelling.length; cut++) {
        const { reply, arrived } = await send([begin + rest.slice(0, cut), rest.slice(cut)]);
        expect({ spelling: visible(spelling), cut, arrived }).toEqual({
          spelling: visible(spelling),
          cut,
          arrived: [],
        });
        expect(reply).toMatch(/^550 5\.6\.0 /);
      }
      const { reply } = await send([begin, ...spelling, `${SMUGGLED}${END}`]);
      expect(reply).toMatch(/^550 5\.6\.0 /);
    }
  });

  test('the true end, cut at every position, after every ending of the last line', async () => {
    for (const last of ['last', 'last.', '..', '..last', '...', '']) {
      const message = `${HEADER}\r\n${last}${END}`;
      for (let cut = message.length - last.length - 6; cut <= message.length; cut++) {
        const { reply, arrived } = await send([message.slice(0, cut), message.slice(cut)]);
        expect({ last, cut, reply }).toEqual({ last, cut, reply: expect.stringMatching(/^250 /) });
        expect(arrived).toHaveLength(1);
        expect(arrived[0]?.endsWith(`${HEADER}\r\n${last.replace(/^\./, '')}\r\n`)).toBe(true);
      }
    }
  });

  test('bytes that only Unicode takes for line ends are text', async () => {
    for (const spelling of UNICODE_ENDS) {
      const { reply, arrived } = await send([`${HEADER}\r\nfirst${spelling}second${END}`]);
      expect(reply).toMatch(/^250 /);
      expect(arrived.map((text) => text.endsWith(`first${spelling}second\r\n`))).toEqual([true]);
    }
  });

  test('any message of line ends, dots and NULs, in any pieces: arrives exactly, or is refused', async () => {
    const fragment = fc.constantFrom(
      '\r\n',
      '\r\n',
      '\r\n',
      '\n',
      '\r',
      '.',
      '.',
      '\0',
      'a',
      '\r\n.',
      '\r\n..',
    );
    const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(fragment, { maxLength: 14 }), cuts, async (fragments, positions) => {
        const body = upToTrueEnd(`\r\n${fragments.join('')}${END}`);
        const { reply, arrived } = await send(cutAt(`${HEADER}${body}`, positions, HEADER.length));
        const message = body.slice(0, -3);
        if (/\0|\r(?!\n)|(?<!\r)\n/.test(message)) {
          expect(arrived).toEqual([]);
          expect(reply).toMatch(/^550 5\.6\.0 /);
          return;
        }
        expect(reply).toMatch(/^250 /);
        expect(arrived).toHaveLength(1);
        expect(arrived[0]?.endsWith(HEADER + message.replaceAll(/(^|\r\n)\./g, '$1'))).toBe(true);
      }),
      { numRuns: 250, seed: 302671 },
    );
  });
});

/** Everything up to and with the first `<CRLF>.<CRLF>`: what lies behind it is no part of the message. */
function upToTrueEnd(text: string): string {
  return text.slice(0, text.indexOf(END) + END.length);
}

function cutAt(text: string, positions: readonly number[], offset: number): string[] {
  const at = [...new Set(positions.map((position) => Math.min(offset + position, text.length)))].sort(
    (a, b) => a - b,
  );
  return [0, ...at].map((from, index) => text.slice(from, at[index])).filter((piece) => piece !== '');
}
