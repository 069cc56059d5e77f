// Clients that vanish, and stops that come, while the upstream is still thinking: the next message must not notice.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PlayableGateway } from '../support/dialogue.ts';
import { held, reply, type UpstreamStep } from '../support/scripted-upstream.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { openSession } from '../support/smtp-session.ts';
import { startTestGateway } from '../support/test-gateway.ts';

const ENVELOPE = ['MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.net>', 'DATA'];
const MESSAGE = 'From: alice@example.org\r\n\r\nText\r\n.\r\n';
const POLITE: Partial<Record<UpstreamStep, string>> = {
  MAIL: '250 2.1.0 sender ok',
  RCPT: '250 2.1.5 recipient ok',
  DATA: '354 go ahead',
  end: '250 2.0.0 queued late',
};

let gateway: PlayableGateway;
let letGo: () => void;

beforeEach(async () => {
  gateway = await startTestGateway({ relay: { maxConnections: 1, maxWait: 20_000, replyTimeout: 3000 } });
});
afterEach(async () => {
  letGo();
  await gateway.close();
});

/** Sends a whole message, one command after the other; the replies' codes. */
async function send(client: SmtpClient): Promise<string[]> {
  const codes: string[] = [];
  for (const line of ENVELOPE) codes.push((await client.command(line))[0]?.slice(0, 3) ?? '');
  if (codes.at(-1) !== '354') return codes;
  await client.write(MESSAGE);
  return [...codes, (await client.readReply())[0]?.slice(0, 3) ?? ''];
}

/** Brings a session to where the upstream has been asked and does not answer until it is let go. */
async function waitAt(step: UpstreamStep): Promise<SmtpClient> {
  const { promise, resolve } = Promise.withResolvers<void>();
  letGo = resolve;
  gateway.upstream.on(step, held(promise, reply(POLITE[step] ?? '')), { times: 1 });
  const client = await openSession(gateway, 'implicit');
  await client.write(`${ENVELOPE.join('\r\n')}\r\n${MESSAGE}`);
  const sign =
    { MAIL: 'MAIL FROM', RCPT: 'RCPT TO', DATA: 'DATA\r\n', end: '\r\n.\r\n' }[step as 'MAIL'] ?? '';
  await gateway.upstream.received(sign);
  return client;
}

/** The journal has told the end of so many sessions. */
async function sessionsClosed(count: number): Promise<void> {
  const closed = () => gateway.journal.filter((line) => line.includes('"event":"sessionClosed"')).length;
  const deadline = Date.now() + 20_000;
  while (closed() < count && Date.now() < deadline) await new Promise(setImmediate);
  expect(closed()).toBe(count);
}

describe.each<UpstreamStep>(['MAIL', 'RCPT', 'DATA', 'end'])('the upstream thinks about %s', (step) => {
  test('and the client vanishes: nothing half arrives, the next message goes through as ever', async () => {
    const gone = await waitAt(step);
    gone.destroy();
    // Behind its final dot a client may have closed its own side only: it gets its reply first.
    if (step === 'end') letGo();
    await sessionsClosed(1);
    letGo();
    const next = await openSession(gateway, 'implicit');
    expect(await send(next)).toEqual(['250', '250', '354', '250']);
    expect(await send(next)).toEqual(['250', '250', '354', '250']);
    next.destroy();
    const texts = gateway.upstream.accepted.map((message) => message.text.slice(-8));
    // At the final dot the upstream may have accepted before it noticed; the client has not been told so.
    expect(texts.length).toBeLessThanOrEqual(step === 'end' ? 3 : 2);
    expect(texts.every((text) => text === '\r\nText\r\n')).toBe(true);
  });

  test('and the client vanishes before another wants to send, while it still thinks', async () => {
    const gone = await waitAt(step);
    gone.destroy();
    if (step !== 'end') await sessionsClosed(1);
    const next = await openSession(gateway, 'implicit');
    const sending = send(next);
    letGo();
    expect(await sending).toEqual(['250', '250', '354', '250']);
    next.destroy();
  });

  test('and Postern stops: a message begun is finished first, one not begun is put off', async () => {
    const client = await waitAt(step);
    gateway.shutDown();
    letGo();
    const codes: string[] = [];
    while (codes.at(-1) !== '421') codes.push((await client.readReply())[0]?.slice(0, 3) ?? '');
    await client.readEnd();
    expect(codes).toEqual(step === 'MAIL' ? ['421'] : ['250', '250', '354', '250', '421']);
    expect(gateway.upstream.accepted).toHaveLength(step === 'MAIL' ? 0 : 1);
  });
});

test('an answer meant for a client that has vanished is not given to the next on the same connection', async () => {
  const rcpt = Promise.withResolvers<void>();
  const rset = Promise.withResolvers<void>();
  letGo = () => [rcpt, rset].map(({ resolve }) => resolve());
  const { upstream } = gateway;
  upstream.on('RCPT', held(rcpt.promise, reply('250 2.1.5 meant for the first')), { times: 1 });
  upstream.on('RSET', held(rset.promise, reply('250 2.0.0 meant for the first')), { times: 1 });
  upstream.on('RCPT', reply('550 5.1.1 no such user'), { match: 'nobody@' });
  const gone = await openSession(gateway, 'implicit');
  await gone.write('MAIL FROM:<alice@example.org>\r\nRCPT TO:<first@example.net>\r\n');
  await upstream.received('first@example.net');
  gone.destroy();
  await sessionsClosed(1);

  const next = await openSession(gateway, 'implicit');
  await next.write(
    'MAIL FROM:<alice@example.org>\r\nRCPT TO:<nobody@example.net>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n',
  );
  rcpt.resolve();
  // Whoever takes the first's RCPT reply for that of its RSET hands the connection on now.
  const second = () => upstream.connections.some(({ commands }) => commands.join().split('MAIL').length > 2);
  await upstream.until(second, 'a MAIL that is not due yet', 300).catch(() => {});
  rset.resolve();
  const codes = [
    await next.readReply(),
    await next.readReply(),
    await next.readReply(),
    await next.readReply(),
  ];
  expect(codes.map(([line]) => line)).toEqual([
    '250 2.1.0 sender ok',
    '550 5.1.1 no such user',
    '250 2.1.5 recipient ok',
    '354 End data with <CR><LF>.<CR><LF>',
  ]);
  await next.write(MESSAGE);
  expect(await next.readReply()).toEqual(['250 2.0.0 queued as 1']);
  expect(upstream.accepted.map(({ recipients }) => recipients)).toEqual([['<bob@example.net>']]);
  next.destroy();
});

test('two clients whose commands interleave get their own answers', async () => {
  letGo = () => {};
  await gateway.close();
  gateway = await startTestGateway();
  const clients = await Promise.all(Array.from({ length: 8 }, () => openSession(gateway, 'implicit')));
  gateway.upstream.on('RCPT', reply('550 5.1.1 no'), { match: 'r3@' });
  const outcomes = await Promise.all(
    clients.map(async (client, index) => {
      const codes = [await client.command('MAIL FROM:<alice@example.org>')];
      codes.push(await client.command(`RCPT TO:<r${index}@example.net>`));
      codes.push(await client.command('RCPT TO:<all@example.net>'));
      codes.push(await client.command('DATA'));
      await client.write(`From: alice@example.org\r\n\r\nNumber ${index}\r\n.\r\n`);
      codes.push(await client.readReply());
      return codes.map((lines) => lines[0]?.slice(0, 3)).join(' ');
    }),
  );
  expect(outcomes).toEqual(
    Array.from({ length: 8 }, (_, index) => `250 ${index === 3 ? '550' : '250'} 250 354 250`),
  );
  const arrived = gateway.upstream.accepted.map(({ recipients, text }) => {
    const number = /Number (\d)/.exec(text)?.[1];
    return `${number}: ${recipients.join(' ')}`;
  });
  const expected = Array.from({ length: 8 }, (_, index) =>
    index === 3 ? '3: <all@example.net>' : `${index}: <r${index}@example.net> <all@example.net>`,
  );
  expect(arrived.sort()).toEqual(expected);
  for (const client of clients) client.destroy();
});
