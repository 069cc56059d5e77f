// BDAT under load: a large message in one chunk and in chunks of one octet costs bounded memory, who does not read is not
// answered for ever, and nobody else waits.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { memoryInUse } from '../../support/memory-in-use.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { openSession } from '../../support/smtp-session.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';

const KEYWORDS = ['PIPELINING', '8BITMIME', 'CHUNKING', 'BINARYMIME'];
const HEADER =
  'From: alice@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@client.example>\r\n\r\n';
const MEGABYTE = 1_048_576;

let gateway: TestGateway;
let client: SmtpClient;
let sink: Server | undefined;

afterEach(async () => {
  client.destroy();
  await gateway.close();
  sink?.close();
  sink = undefined;
});

/** An upstream that keeps nothing; `reads` says whether it takes what comes behind DATA or BDAT. */
async function startSink({ reads }: { reads: boolean }): Promise<{ port: number; octets: () => number }> {
  let octets = 0;
  sink = createServer((socket) => {
    socket.write('220 sink ESMTP\r\n');
    let inMessage = false;
    let tail = '';
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      octets += bytes.length;
      if (inMessage) {
        tail = (tail + bytes.subarray(-8).toString('latin1')).slice(-8);
        if (!tail.endsWith('\r\n.\r\n')) return;
        inMessage = false;
        return void socket.write('250 2.0.0 queued\r\n');
      }
      for (const line of bytes.toString('latin1').split('\r\n').slice(0, -1)) {
        if (line.startsWith('EHLO'))
          socket.write(`${KEYWORDS.map((keyword) => `250-${keyword}\r\n`).join('')}250 SIZE 100000000\r\n`);
        else if (line !== 'DATA') socket.write('250 2.0.0 ok\r\n');
        else {
          inMessage = true;
          socket.write('354 go\r\n');
          if (!reads) socket.pause();
        }
      }
    });
  }).listen(0, '127.0.0.1');
  await once(sink, 'listening');
  return { port: (sink.address() as AddressInfo).port, octets: () => octets };
}

async function startWith(port: number): Promise<void> {
  gateway = await startTestGateway({
    submission: { drainTimeout: 1_000 },
    relay: { port },
    upstreamKnown: true,
  });
  client = await openSession(gateway, 'implicit');
  await client.command('MAIL FROM:<alice@example.org>');
  expect((await client.command('RCPT TO:<bob@example.net>'))[0]).toMatch(/^250/);
}

/** Pieces that the other side has taken when it takes no more, and the octets that all this holds then. */
async function standstill(write: () => Promise<void>): Promise<{ taken: number; held: number }> {
  const before = memoryInUse();
  let taken = 0;
  let standing = false;
  const writing = (async () => {
    while (!standing && taken < 60) {
      await write();
      taken += 1;
    }
  })();
  for (let before = -1; before !== taken; ) {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  standing = true;
  const held = memoryInUse() - before;
  client.destroy();
  await writing;
  return { taken, held };
}

describe('a chunk of 50 MB', () => {
  test('waits while the upstream takes no more', async () => {
    await startWith((await startSink({ reads: false })).port);
    await client.write(`BDAT ${50 * MEGABYTE}\r\n${HEADER}`);
    const piece = Buffer.alloc(MEGABYTE, 'x\r\n');
    const { taken, held } = await standstill(() => client.write(piece));
    expect(taken).toBeLessThan(25);
    expect(held).toBeLessThan(32 * MEGABYTE);
  });
});

describe('replies', () => {
  test('that the client does not read stop it', async () => {
    await startWith((await startSink({ reads: true })).port);
    await client.write(`BDAT ${HEADER.length}\r\n${HEADER}`);
    client.stopReading();
    const piece = Buffer.from('BDAT 1\r\nx'.repeat(MEGABYTE / 9));
    const { taken, held } = await standstill(() => client.write(piece));
    expect(taken).toBeLessThan(25);
    expect(held).toBeLessThan(32 * MEGABYTE);
  });
});

test('100,000 chunks of one octet go to the upstream in pieces of a size, and nobody waits for them', async () => {
  const { port, octets } = await startSink({ reads: true });
  await startWith(port);
  const chunks = 100_000;
  const bystander = await openSession(gateway, 'implicit');
  await client.write(`BDAT ${HEADER.length}\r\n${HEADER}`);
  const flood = client.write(`${'BDAT 1\r\nx'.repeat(chunks)}BDAT 2 LAST\r\n\r\n`);
  let most = 0;
  let answered = 0;
  const counting = (async () => {
    while (answered <= chunks) {
      expect(await client.readLine()).toMatch(/^250 2\.0\.0 \d+ octets received$/);
      answered += 1;
    }
    expect(await client.readLine()).toBe('250 2.0.0 queued');
  })();
  while (answered < chunks / 2) {
    const before = answered;
    await bystander.command('RSET');
    most = Math.max(most, answered - before);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await Promise.all([flood, counting]);
  bystander.destroy();
  // One command of another client's waits for so many chunks at most.
  expect(most).toBeLessThan(chunks / 20);
  expect(octets()).toBeGreaterThan(chunks);
}, 300_000);
