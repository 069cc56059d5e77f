// How long a transaction may take: the envelope by the clock, the message by its pace.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { openSession } from '../../support/smtp-session.ts';
import { useSteadyTime } from '../../support/steady-time.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';

useSteadyTime();

const HEADER = 'From: alice@example.org\r\n';

let gateway: TestGateway;
let client: SmtpClient;

beforeEach(async () => {
  gateway = await startTestGateway({
    submission: { maxTransaction: 600, maxRecipients: 1_000_000 },
    upstream: { keywords: ['CHUNKING'] },
    upstreamKnown: true,
  });
  client = await openSession(gateway, 'implicit');
  await beginEnvelope(client);
});
afterEach(async () => {
  client.destroy();
  await gateway.close();
});

async function beginEnvelope(by: SmtpClient): Promise<void> {
  await by.command('MAIL FROM:<alice@example.org>');
  expect((await by.command('RCPT TO:<bob@example.net>'))[0]).toMatch(/^250/);
}

/** Another client begins now and is told when its time is over: that of who began before it is over too. */
async function untilOver(): Promise<void> {
  const other = await openSession(gateway, 'implicit');
  await beginEnvelope(other);
  expect((await other.readReply())[0]).toMatch(
    /^421 4\.4\.2 Transaction has lasted too long, connect again \[/,
  );
  await other.readEnd();
}

test('a client that names recipient after recipient is cut off, and the upstream’s connection is free again', async () => {
  const answers: string[] = [];
  do answers.push(...(await client.command('RCPT TO:<bob@example.net>')));
  while (answers.at(-1)?.startsWith('250'));
  expect(answers.at(-1)).toMatch(/^421 4\.4\.2 /);
  await client.readEnd();
  await gateway.upstream.received('RSET\r\n');
});

describe('a message has its pace to keep instead', () => {
  test('by DATA', async () => {
    expect((await client.command('DATA'))[0]).toMatch(/^354/);
    await client.write(HEADER);
    await untilOver();
    expect((await client.command('\r\nText\r\n.'))[0]).toMatch(/^250/);
  });

  test('by BDAT', async () => {
    await client.write(`BDAT ${HEADER.length}\r\n${HEADER}`);
    expect((await client.readReply())[0]).toMatch(/^250/);
    await untilOver();
    expect((await client.command('BDAT 0 LAST'))[0]).toMatch(/^250/);
  });
});

test('after RSET no time runs', async () => {
  await client.command('RSET');
  await untilOver();
  expect((await client.command('NOOP'))[0]).toMatch(/^250/);
});
