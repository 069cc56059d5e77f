// Bounds on a client that no written dialogue can show: bytes that trickle, handshakes that never come, old TLS.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type SecureVersion, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { PlayableGateway } from '../support/dialogue.ts';
import type { Listener } from '../support/dialogue-script.ts';
import { held, reply, type UpstreamStep } from '../support/scripted-upstream.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { connectTo, openSession, signIn, signInCommand } from '../support/smtp-session.ts';
import { startTestGateway } from '../support/test-gateway.ts';

/** For what must happen, however busy the machine is; milliseconds. */
const PATIENCE = 20_000;

let gateway: PlayableGateway;
afterEach(() => gateway.close());

/** Writes one byte every 30 ms until the connection is closed or the test says so. */
function trickle(write: (byte: string) => unknown): () => void {
  const timer = setInterval(() => write('x'), 30);
  return () => clearInterval(timer);
}

describe('a client that is slow on purpose', () => {
  test.each([
    ['before sign-in', connectTo, { loginTimeout: 3000 }],
    ['after sign-in', openSession, { idleTimeout: 3000 }],
  ])('%s: a command that comes byte by byte has an end', async (_when, open, submission) => {
    gateway = await startTestGateway({ submission });
    const client = await open(gateway, 'implicit');
    const stop = trickle((byte) => client.write(byte));
    try {
      expect(await client.readLine()).toMatch(/^421 4\.4\.2 /);
      await client.readEnd();
    } finally {
      stop();
      client.destroy();
    }
  });

  test('a TLS handshake that never comes has an end: implicit TLS', async () => {
    gateway = await startTestGateway({ submission: { loginTimeout: 3000 } });
    await ended(connect(gateway.ports.implicit, gateway.host));
  });

  test('a TLS handshake that never comes has an end: STARTTLS', async () => {
    gateway = await startTestGateway({ submission: { loginTimeout: 3000 } });
    const client = await connectTo(gateway, 'starttls');
    expect(await client.command('STARTTLS')).toEqual([expect.stringMatching(/^220 /)]);
    await client.readEnd();
    client.destroy();
  });

  test('a TLS handshake that trickles has an end', async () => {
    gateway = await startTestGateway({ submission: { loginTimeout: 3000 } });
    const socket = connect(gateway.ports.implicit, gateway.host);
    // A record header that promises 16 KiB of handshake.
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x40, 0x00]));
    const stop = trickle((byte) => socket.write(byte));
    await ended(socket).finally(stop);
  });

  test('chatter without mail has an end after sign-in too', async () => {
    gateway = await startTestGateway();
    const client = await openSession(gateway, 'implicit');
    await client.write('NOOP\r\n'.repeat(5000));
    const replies: string[] = [];
    while (!client.ended || client.unread.includes('\n')) {
      const line = await client.readLine().catch(() => undefined);
      if (line === undefined) break;
      replies.push(line);
    }
    expect(replies.length).toBeLessThan(1000);
    expect(replies.at(-1)).toMatch(/^421 4\.7\.0 Too many commands /);
    client.destroy();
  });

  test('handshakes that never come from one address leave room for the others', async () => {
    gateway = await startTestGateway({ submission: { maxConnections: 8, maxConnectionsPerAddress: 3 } });
    const idlers = Array.from({ length: 12 }, () => connect(gateway.ports.implicit, gateway.host));
    const cut = idlers.map((socket) => ended(socket));
    // All but three are cut at once, not after the time limit.
    for (let left = cut.length; left > 3; left -= 1) cut.splice(await firstOf(cut), 1);
    const still = Symbol('still held');
    const turn = new Promise((resolve) => setTimeout(resolve, 50, still));
    expect(await Promise.race([...cut, turn])).toBe(still);
    for (const socket of idlers) socket.destroy();
    await Promise.allSettled(cut);
    const client = await openSession(gateway, 'implicit');
    client.destroy();
  });
});

describe('a connection that gives way to another', () => {
  beforeEach(async () => {
    gateway = await startTestGateway({ submission: { maxConnectionsPerAddress: 1 } });
  });

  const closedSessions = () => gateway.journal.filter((line) => line.includes('"sessionClosed"')).length;

  test('is not waited for where it neither reads nor closes', async () => {
    const deaf = connect({ port: gateway.ports.starttls, host: gateway.host, allowHalfOpen: true });
    await vi.waitUntil(() => gateway.journal.some((line) => line.includes('"sessionOpened"')), PATIENCE);
    const next = await connectTo(gateway, 'starttls');
    // Half as long as a client that is shut out by its own QUIT may take.
    await vi.waitUntil(() => closedSessions() === 1, { timeout: 4500 });
    expect((await next.command('NOOP'))[0]).toMatch(/^250 /);
    for (const each of [deaf, next]) each.destroy();
  });

  test.each([
    ['has not begun', ''],
    ['is half done', '\x16\x03\x01\x40\x00\x01\x02\x03'],
  ])('goes in the middle of its TLS handshake too, which %s', async (_what, bytes) => {
    const first = await connectTo(gateway, 'starttls');
    expect((await first.command('STARTTLS'))[0]).toMatch(/^220 /);
    await first.write(bytes);
    const next = await connectTo(gateway, 'starttls');
    // A 421 in clear text would break the client's TLS.
    await first.readEnd();
    expect((await next.command('NOOP'))[0]).toMatch(/^250 /);
    for (const each of [first, next]) each.destroy();
  });
});

test('bad tokens slow down only themselves: a good one from the same address is through before their answers', async () => {
  gateway = await startTestGateway();
  const badToken = await signInCommand(gateway, 'bad-signature');
  const failing = await Promise.all(Array.from({ length: 46 }, () => connectTo(gateway, 'implicit')));
  const good = await Promise.all(Array.from({ length: 3 }, () => connectTo(gateway, 'implicit')));
  // From the twenty-first on each waits longer than the one before; the last of them 1.3 seconds.
  const answers = failing.map((client) => client.command(badToken));
  const order: string[] = [];
  const last = Promise.all(answers).then(() => order.push('bad'));
  const through = async (client: SmtpClient): Promise<void> => {
    await signIn(gateway, client);
    order.push('good');
    client.destroy();
  };
  await Promise.all(good.map(through));
  await last;
  expect(order).toEqual(['good', 'good', 'good', 'bad']);
  expect((await Promise.all(answers)).every(([line]) => line?.startsWith('334 '))).toBe(true);
  for (const client of failing) client.destroy();
});

test('sixty messages in one session are no chatter', async () => {
  gateway = await startTestGateway();
  const client = await openSession(gateway, 'implicit');
  const message =
    'MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\nFrom: alice@example.org\r\n\r\n.\r\n';
  await client.write(message.repeat(60));
  for (let replies = 0; replies < 240; replies += 1) {
    expect((await client.readReply())[0]).toMatch(/^(250|354) /);
  }
  expect(gateway.upstream.accepted).toHaveLength(60);
  client.destroy();
});

test.each(['implicit', 'starttls'] as const)(
  '%s: a place is free again when its session has ended, however it did',
  async (listener) => {
    gateway = await startTestGateway({ submission: { maxConnections: 2, maxConnectionsPerAddress: 1 } });
    for (const end of ['quit', 'vanish', 'quit', 'vanish']) {
      const client = await openSession(gateway, listener);
      const before = gateway.journal.length;
      if (end === 'quit') expect((await client.command('QUIT'))[0]).toMatch(/^221 /);
      client.destroy();
      const ended = () => gateway.journal.slice(before).some((line) => line.includes('sessionClosed'));
      await vi.waitUntil(ended, PATIENCE);
    }
    const last = await openSession(gateway, listener);
    last.destroy();
  },
);

describe('one message to many', () => {
  beforeEach(async () => {
    gateway = await startTestGateway({ submission: { maxRecipients: 300 } });
  });

  async function askFor(client: SmtpClient, count: number): Promise<Record<string, number>> {
    await client.write('MAIL FROM:<alice@example.org>\r\n');
    expect((await client.readReply())[0]).toMatch(/^250/);
    await client.write('RCPT TO:<bob@example.net>\r\n'.repeat(count));
    const codes: Record<string, number> = {};
    for (let answered = 0; answered < count; answered += 1) {
      const code = (await client.readLine()).slice(0, 3);
      codes[code] = (codes[code] ?? 0) + 1;
      if (code === '421') break;
    }
    return codes;
  }

  test('as many recipients as the settings allow, and 452 for those above', async () => {
    const client = await openSession(gateway, 'implicit');
    expect(await askFor(client, 450)).toEqual({ 250: 300, 452: 150 });
    expect((await client.command('DATA'))[0]).toMatch(/^354/);
    await client.write('From: alice@example.org\r\n\r\n.\r\n');
    expect((await client.readReply())[0]).toMatch(/^250/);
    expect(gateway.upstream.accepted[0]?.recipients).toHaveLength(300);
    client.destroy();
  });

  test('recipients without end have an end', async () => {
    const client = await openSession(gateway, 'implicit');
    expect(await askFor(client, 5000)).toEqual({ 250: 300, 452: 1000, 421: 1 });
    await client.readEnd();
    client.destroy();
  });
});

describe('a client that waits for the upstream is not idle', () => {
  const BEGINNING = 'MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n';
  const MESSAGE = 'From: alice@example.org\r\n\r\nText\r\n';
  const POLITE: Partial<Record<UpstreamStep, string>> = {
    MAIL: '250 2.1.0 ok',
    RCPT: '250 2.1.5 ok',
    DATA: '354 go ahead',
    end: '250 2.0.0 queued',
  };

  test.each(Object.entries(POLITE) as [UpstreamStep, string][])('%s', async (step, line) => {
    gateway = await startTestGateway({ submission: { idleTimeout: 200 } });
    const answer = Promise.withResolvers<void>();
    gateway.upstream.on(step, held(answer.promise, reply(line)));
    const client = await openSession(gateway, 'implicit');
    await client.write(`${BEGINNING}${MESSAGE}`);
    // The upstream is asked for a place to put the message into before its end has come.
    if (step === 'DATA') await gateway.upstream.received('DATA\r\n');
    await client.write('.\r\n');
    setTimeout(answer.resolve, 600);
    for (const code of ['250', '250', '354', '250']) {
      expect((await client.readReply())[0]?.slice(0, 3)).toBe(code);
    }
    client.destroy();
  });
});

describe('TLS', () => {
  test.each(['implicit', 'starttls'] as const)(
    '%s: a client’s wish to negotiate anew is not granted',
    async (listener) => {
      gateway = await startTestGateway();
      const socket = await secureSocket(listener);
      const outcome = new Promise((resolve) => {
        socket.once('error', () => resolve('refused'));
        socket.once('close', () => resolve('closed'));
        socket.renegotiate({}, (error) => resolve(error ? 'refused' : 'granted'));
      });
      expect(await outcome).toBe('refused');
      socket.destroy();
    },
  );

  /** By TLS 1.2, the last that can be negotiated anew. */
  async function secureSocket(listener: Listener): Promise<TLSSocket> {
    const plain = connect(gateway.ports[listener], gateway.host);
    if (listener === 'starttls') {
      plain.write('EHLO client.example\r\nSTARTTLS\r\n');
      for (let text = ''; !text.includes('220 2.0.0'); ) text += String(await once(plain, 'data'));
    }
    const { ca } = gateway;
    const socket = connectTls({ socket: plain, ca, servername: 'localhost', maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    return socket.resume();
  }

  test.each<[SecureVersion, boolean]>([
    ['TLSv1.3', true],
    ['TLSv1.2', true],
    ['TLSv1.1', false],
    ['TLSv1', false],
  ])('%s: %s (RFC 8996, RFC 8997)', async (version, taken) => {
    gateway = await startTestGateway();
    const socket = connectTls({
      host: gateway.host,
      port: gateway.ports.implicit,
      ca: gateway.ca,
      servername: 'localhost',
      minVersion: version,
      maxVersion: version,
      // Else this side would refuse the old versions itself.
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    const outcome = await once(socket, 'secureConnect').then(
      () => true,
      () => false,
    );
    expect(outcome).toBe(taken);
    socket.destroy();
  });

  test('a cipher suite without forward secrecy is not taken (RFC 9325 §4.1)', async () => {
    gateway = await startTestGateway();
    const { host, ca } = gateway;
    const port = gateway.ports.implicit;
    const maxVersion = 'TLSv1.2';
    const ciphers = 'AES128-GCM-SHA256:AES256-SHA:ECDHE-ECDSA-AES128-SHA';
    const socket = connectTls({ host, port, ca, servername: 'localhost', maxVersion, ciphers });
    await expect(once(socket, 'secureConnect')).rejects.toThrow(/handshake failure/i);
    socket.destroy();
  });
});

/** The place of the first that is fulfilled. */
function firstOf(promises: readonly Promise<unknown>[]): Promise<number> {
  return Promise.race(promises.map((promise, index) => promise.then(() => index)));
}

/** A reset is an end too. */
async function ended(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.resume();
  socket.on('error', () => {});
  socket.once('close', () => resolve());
  const limit = setTimeout(() => reject(new Error('the connection is still open')), PATIENCE);
  await promise.finally(() => {
    clearTimeout(limit);
    socket.destroy();
  });
}
