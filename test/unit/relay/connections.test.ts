// The kept connections to the upstream: how many, in whose hands, and when they go.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ALICE,
  BOB,
  begin,
  ORIGIN,
  relay,
  send,
  start,
  stop,
  upstream,
} from '../../support/relay-situation.ts';
import { hangUp, reply, silence } from '../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../support/steady-time.ts';

useSteadyTime();

beforeEach(() => start());
afterEach(stop);

describe('a transaction that is over', () => {
  test('touches the connection no more, which may be in other hands by then', async () => {
    await start({}, { maxConnections: 1 });
    const first = await begin();
    await first.recipient(BOB);
    await first.data();
    await first.finish(Buffer.from('Subject: first\r\n\r\n'));
    const second = await begin();
    first.abort();
    await first.reset();
    expect(await first.recipient(BOB)).toMatchObject({ refused: true });
    expect(await first.data()).toMatchObject({ refused: true });
    expect(await first.finish(undefined)).toMatchObject({ refused: true });
    expect(await second.recipient(BOB)).toMatchObject({ code: 250 });
    expect(await second.data()).toMatchObject({ code: 354 });
    first.write('first again');
    expect(await second.finish(Buffer.from('Subject: second\r\n\r\n'))).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(1);
    expect(upstream.accepted.map(({ text }) => text)).toEqual([
      'Subject: first\r\n\r\n',
      'Subject: second\r\n\r\n',
    ]);
  });

  test('whose RSET the upstream does not take leaves no connection behind', async () => {
    upstream.on('RSET', reply('500 5.5.1 what?'));
    const transaction = await begin();
    await transaction.recipient({ address: 'first@example.net', parameters: {} });
    await transaction.reset();
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(2);
    expect(upstream.accepted.map(({ recipients }) => recipients)).toEqual([['<bob@example.net>']]);
  });
});

describe('connections', () => {
  test('one on which five recipients were refused goes to nobody else, who would pay for them', async () => {
    upstream.on('RCPT', reply('550 5.1.1 no such user'));
    const transaction = await begin();
    for (let count = 0; count < 5; count += 1)
      expect(await transaction.recipient(BOB)).toMatchObject({ code: 550 });
    await transaction.reset();
    upstream.on('RCPT', reply('250 2.1.5 ok'));
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(2);
  });

  test('one that has delivered since is kept, whatever was refused on it before', async () => {
    for (let round = 0; round < 3; round += 1) {
      upstream.on('RCPT', reply('550 5.1.1 no such user'));
      const transaction = await begin();
      for (let count = 0; count < 4; count += 1) await transaction.recipient(BOB);
      await transaction.reset();
      upstream.on('RCPT', reply('250 2.1.5 ok'));
      expect(await send()).toMatchObject({ code: 250 });
    }
    expect(upstream.connections).toHaveLength(1);
  });

  test('where the upstream takes no further one, a message waits for one that comes free, and nothing is called down', async () => {
    await start({}, { maxWait: 10_000 });
    const told: unknown[] = [];
    const first = await begin();
    relay.onChange((down) => told.push(down));
    upstream.on('greeting', reply('421 4.7.0 too many connections'));
    const second = send();
    await upstream.until(() => upstream.connections.length === 2, 'a second connection');
    await first.reset();
    expect(await second).toMatchObject({ code: 250 });
    expect(told).toEqual([]);
    expect(await relay.probe()).toBeUndefined();
  });

  test('where none comes free in time, the message is put off as busy', async () => {
    await start({}, { maxWait: 500 });
    const first = await begin();
    upstream.on('greeting', reply('421 4.7.0 too many connections'));
    expect(await send()).toMatchObject({ code: 'upstream-busy' });
    first.abort();
  });

  test('one with a reply too many is asked nothing more: every later answer might be one too late', async () => {
    upstream.on('RCPT', reply('250 2.1.5 ok', '250 2.1.5 ok again'));
    const transaction = await begin();
    expect(await transaction.recipient(BOB)).toMatchObject({ code: 250 });
    expect(await transaction.recipient(ALICE)).toMatchObject({ code: 'upstream-protocol' });
    expect(upstream.connections[0]?.commands.join()).not.toContain('RCPT TO:<alice');
  });

  test('one with a reply too many goes to nobody, whether he waits or comes later', async () => {
    await start({}, { maxConnections: 1, maxWait: 10_000 });
    upstream.on('end', reply('250 2.0.0 queued', '250 2.0.0 queued again'));
    const first = await begin();
    await first.recipient(BOB);
    await first.data();
    const waiting = send();
    expect(await first.finish(Buffer.from('Subject: x\r\n\r\n'))).toMatchObject({ code: 250 });
    expect(await waiting).toMatchObject({ code: 250 });
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(3);
  });

  test('a kept one that the upstream closed is replaced without the client noticing', async () => {
    await send();
    await upstream.down();
    await upstream.up();
    expect(await send()).toMatchObject({ code: 250 });
  });

  test('a kept one that says 421 to MAIL is replaced without the client noticing', async () => {
    await send();
    upstream.on('MAIL', hangUp('421 4.4.2 idle too long'), { times: 1 });
    expect(await send()).toMatchObject({ code: 250 });
  });

  test('a kept one that does not answer MAIL in time is not tried again: the client has waited long enough', async () => {
    await start({}, { replyTimeout: 500 });
    await send();
    upstream.on('MAIL', silence());
    expect(await send()).toMatchObject({ code: 'upstream-timeout' });
    expect(upstream.connections).toHaveLength(1);
  });

  test('an upstream that is down is refused and told once', async () => {
    const changes: (string | undefined)[] = [];
    relay.onChange(({ down }) => changes.push(down?.code));
    await send();
    await upstream.down();
    expect(await send()).toMatchObject({ code: 'upstream-unavailable' });
    expect(await send()).toMatchObject({ code: 'upstream-unavailable' });
    await upstream.up();
    expect(await send()).toMatchObject({ code: 250 });
    expect(changes).toEqual([undefined, 'upstream-unavailable', undefined]);
  });

  test('never more than the limit; who waits too long is told to try again', async () => {
    await start({}, { maxConnections: 2, maxWait: 500 });
    const held = [await begin(), await begin()];
    expect(await relay.begin(ALICE, ORIGIN)).toMatchObject({ code: 'upstream-busy' });
    const waiting = relay.begin(ALICE, ORIGIN);
    await held[0]?.reset();
    expect(await waiting).toMatchObject({ reply: { code: 250 } });
    expect(upstream.connections).toHaveLength(2);
  });

  test('one lost while somebody waits makes room for him', async () => {
    await start({}, { maxConnections: 1, maxWait: 10_000 });
    const first = await begin();
    await first.recipient(BOB);
    await first.data();
    const waiting = relay.begin(ALICE, ORIGIN);
    first.abort();
    expect(await waiting).toMatchObject({ reply: { code: 250 } });
  });

  test('each serves only so many messages', async () => {
    await start({}, { maxMessagesPerConnection: 2 });
    for (let sent = 0; sent < 5; sent += 1) await send();
    expect(upstream.connections).toHaveLength(3);
    expect(upstream.accepted).toHaveLength(5);
  });
});

describe('closing', () => {
  test('turns away who waits and who comes, and lets go of what is in use when that is through', async () => {
    await start({}, { maxConnections: 1, maxWait: 10_000 });
    const inUse = await begin();
    const waiting = relay.begin(ALICE, ORIGIN);
    relay.close();
    expect(await waiting).toMatchObject({ code: 'shutting-down' });
    expect(await relay.begin(ALICE, ORIGIN)).toMatchObject({ code: 'shutting-down' });
    expect(await inUse.recipient(BOB)).toMatchObject({ code: 250 });
    await inUse.reset();
    await upstream.until(() => upstream.connections[0]?.closed === true, 'the connection to be closed');
    expect(upstream.connections[0]?.commands.at(-1)).toBe('QUIT');
  });

  test('ends the connections that are kept', async () => {
    await send();
    relay.close();
    await upstream.until(() => upstream.connections[0]?.closed === true, 'the connection to be closed');
  });
});

describe('an upstream that takes no more bytes', () => {
  test('is given up after a while: the message is not complete, and the client is told', async () => {
    const server = createServer((socket) => {
      socket.write('220 upstream.example ESMTP\r\n');
      socket.on('error', () => undefined);
      socket.on('data', (bytes) => {
        const replies: Record<string, string> = { EHLO: '250 upstream.example', DATA: '354 go ahead' };
        for (const verb of String(bytes).match(/^(EHLO|MAIL|RCPT|DATA)/gm) ?? []) {
          socket.write(`${replies[verb] ?? '250 ok'}\r\n`);
          if (verb === 'DATA') socket.pause();
        }
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await start({}, { port: (server.address() as AddressInfo).port, replyTimeout: 500, maxConnections: 1 });
    const transaction = await begin();
    await transaction.recipient(BOB);
    await transaction.data();
    const chunk = Buffer.alloc(1_000_000, 'x');
    let written = 0;
    while (!transaction.verdict && written < 100) {
      written += 1;
      if (!transaction.write(chunk)) await transaction.drained();
    }
    expect(transaction.verdict).toMatchObject({ code: 'upstream-timeout' });
    expect(await transaction.finish(undefined)).toMatchObject({ code: 'upstream-timeout' });
    expect(await begin()).toBeDefined();
    server.close();
  });
});
