// SMTP smuggling by BDAT through Postern to real mail servers: no octet of a chunk is a command, nor the end of a message.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SmtpClient } from '../support/smtp-client.ts';
import { chunkedFalseEnds, chunkedTexts, TRUE_END } from '../support/smuggling.ts';
import {
  ALICE,
  ATTACK,
  beginEnvelope,
  EXIM,
  envelope,
  HEADER,
  POSTFIX,
  REFUSED,
  SENDER,
} from './attacked-servers.ts';
import { initialResponse } from './session.ts';
import { read } from './submit.ts';
import { openTwoWays, type TwoWays } from './two-ways.ts';
import { until } from './until.ts';

// Sendmail of Debian 12 and OpenSMTPD offer no CHUNKING, so that Postern in front of them offers none either (faithful.test.ts).
describe.each([POSTFIX, EXIM])('$name', ({ startServer }) => {
  let ways: TwoWays;
  let client: SmtpClient;

  beforeAll(async () => {
    ways = await openTwoWays({ startServer, submission: { maxCommandErrors: 1_000_000 } });
    client = await ways.connect('through');
  });
  afterAll(async () => {
    client?.destroy();
    await ways?.close();
  });

  async function sendChunks(chunks: readonly string[]): Promise<string> {
    await beginEnvelope(client);
    let reply = '';
    for (const [at, chunk] of chunks.entries()) {
      const last = at === chunks.length - 1 ? ' LAST' : '';
      await client.write(`BDAT ${chunk.length}${last}\r\n${chunk}`);
      reply = await read(client);
    }
    expect(await client.command('NOOP')).toEqual(['250 2.0.0 OK']);
    return reply;
  }

  test('gets one message for an end and commands in its text, as it is', async () => {
    const texts = chunkedTexts(HEADER, ATTACK);
    for (const { name: what, chunks } of texts) {
      const { result, arrivals } = await ways.arrivalsOf(() => sendChunks(chunks));
      expect([what, result.slice(0, 3), arrivals.map(envelope)]).toEqual([what, '250', [[SENDER, ALICE]]]);
      const text = chunks.join('');
      const whole = text.endsWith('\r\n') ? text : `${text}\r\n`;
      expect(arrivals[0]?.content().toString('latin1').endsWith(`\r\n${whole}`)).toBe(true);
    }
  });

  test('gets nothing of false ends', async () => {
    const { arrivals } = await ways.arrivalsOf(async () => {
      for (const { name: what, chunks } of chunkedFalseEnds(HEADER, ATTACK)) {
        expect([what, await sendChunks(chunks)]).toEqual([what, expect.stringMatching(REFUSED)]);
      }
    });
    expect(arrivals.map(envelope)).toEqual([]);
  });

  test.each([
    { what: 'without MAIL', before: [] },
    { what: 'without a recipient', before: [`MAIL FROM:<${SENDER}>`] },
    {
      what: 'with nobody but unknown recipients',
      before: [`MAIL FROM:<${SENDER}>`, 'RCPT TO:<nobody@example.org>'],
    },
  ])('executes nothing of a chunk that comes $what', async ({ before }) => {
    const { arrivals } = await ways.arrivalsOf(async () => {
      for (const line of before) await client.command(line);
      const commands = `RSET\r\nMAIL FROM:<${SENDER}>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n${HEADER}\r\nx${TRUE_END}`;
      await client.write(`BDAT ${commands.length} LAST\r\n${commands}`);
      expect(await read(client)).toMatch(/^5/);
      expect(await client.command('NOOP')).toEqual(['250 2.0.0 OK']);
      await client.command('RSET');
    });
    expect(arrivals.map(envelope)).toEqual([]);
  });

  test('gets nothing of a chunk in whose middle TLS ends and clear text follows (CVE-2026-45185 Exim)', async () => {
    const { arrivals } = await ways.arrivalsOf(async () => {
      const { secure, clear } = await connectOverDuplex(ways.gate.ports.implicit, ways.gate.ca);
      const token = initialResponse(await ways.gate.token());
      const commands = `EHLO c\r\nAUTH XOAUTH2 ${token}\r\nMAIL FROM:<${SENDER}>\r\nRCPT TO:<${ALICE}>\r\n`;
      const text = `${HEADER}\r\ntext\r\n`;
      secure.write(`${commands}BDAT ${text.length} LAST\r\n${text.slice(0, -10)}`);
      let heard = '';
      secure.on('data', (bytes) => {
        heard += bytes;
      });
      await until(() => /^250 2\.1\.5|^250 Accepted/m.test(heard), 'the recipient to be taken');
      secure.end();
      clear.write(text.slice(-10));
      await until(() => clear.destroyed || clear.readableEnded, 'Postern to hang up');
      clear.destroy();
    });
    expect(arrivals.map(envelope)).toEqual([]);
    // And Postern is still there for others.
    expect(await client.command('NOOP')).toEqual(['250 2.0.0 OK']);
  });

  test.each([
    'BDAT',
    'BDAT x',
    'BDAT -1 LAST',
    'BDAT 0x40 LAST',
    'BDAT 1e2',
    'BDAT 64 FIRST',
    'BDAT 64LAST',
    'BDAT +64',
  ])('executes nothing behind "%s"', async (line) => {
    const other = await ways.connect('through');
    await beginEnvelope(other);
    await other.write(`${line}\r\nRSET\r\nMAIL FROM:<${SENDER}>\r\n`);
    expect(await read(other)).toMatch(/^421/);
    expect(await read(other)).toBe('closed');
    other.destroy();
  });
});

/** TLS whose end does not end the connection under it. */
async function connectOverDuplex(port: number, ca: string): Promise<{ secure: TLSSocket; clear: Socket }> {
  const clear = connect({ host: '127.0.0.1', port });
  const between = new Duplex({
    read() {},
    write: (bytes: Buffer, _encoding, done) => clear.write(bytes, () => done()),
    final: (done) => done(),
  });
  clear.on('data', (bytes) => between.push(bytes));
  clear.on('error', () => undefined);
  const secure = connectTls({ socket: between, ca: readFileSync(ca), servername: 'localhost' });
  secure.on('error', () => undefined);
  await once(secure, 'secureConnect');
  return { secure, clear };
}
