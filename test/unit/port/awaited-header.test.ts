// The wait for a PROXY header on a real socket: read whole in whatever pieces it comes, and no byte behind it is lost.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, vi } from 'vitest';
import { awaitHeader } from '../../../src/port/awaited-header.ts';
import type { Incoming } from '../../../src/port/port.ts';
import { useSteadyTime } from '../../support/steady-time.ts';
import { v1, v2, v2Block } from './headers.ts';
import { closed, openTestPort, readAll } from './port-situation.ts';

useSteadyTime();

const CLIENT = { address: '192.0.2.1', port: 56324 };
const HEADERS: [string, Buffer][] = [
  ['v1', v1({ source: CLIENT.address })],
  ['v2', v2({ source: CLIENT.address, checksum: true })],
];
const LOCAL: [string, Buffer][] = [
  ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
  ['v2 LOCAL', v2Block({ versionAndCommand: 0x20, familyAndTransport: 0 })],
];
const WAYS_TO_READ: { by: string; read: (socket: Socket) => Promise<Buffer> }[] = [
  { by: 'iterating', read: readAll },
  { by: 'pipe', read: (socket) => buffer(socket.pipe(new PassThrough())) },
  {
    by: 'data',
    read: async (socket) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      await once(socket, 'end');
      return Buffer.concat(chunks);
    },
  },
  {
    by: 'data, after a while',
    read: async (socket) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      await once(socket, 'end');
      return Buffer.concat(chunks);
    },
  },
  {
    by: 'readable',
    read: async (socket) => {
      const chunks: Buffer[] = [];
      socket.on('readable', () => {
        for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
      });
      await once(socket, 'end');
      return Buffer.concat(chunks);
    },
  },
];
const LETTER = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));

describe.each(HEADERS)('a %s header', (_, header) => {
  it('tells the client, and by whom it came', async () => {
    const { connect, next } = await openTestPort();
    (await connect()).write(header);
    const { peer, proxy, local } = await next();
    expect({ peer, proxy, local }).toEqual({ peer: CLIENT, proxy: '127.0.0.1', local: false });
  });

  it.each(WAYS_TO_READ)('leaves every byte behind it to who reads by $by', async ({ read }) => {
    const { connect, next } = await openTestPort();
    const client = await connect();
    client.end(Buffer.concat([header, LETTER]));
    expect((await read((await next()).socket)).equals(LETTER)).toBe(true);
  });

  it('may come byte by byte, and the client’s bytes likewise', async () => {
    const { connect, next } = await openTestPort();
    const client = await connect();
    const incoming = next();
    for (const octet of Buffer.concat([header, Buffer.from('EHLO client.example.org\r\n')])) {
      client.write(Buffer.of(octet));
      await new Promise(setImmediate);
    }
    client.end();
    const { socket, peer } = await incoming;
    expect(peer).toEqual(CLIENT);
    expect((await readAll(socket)).toString()).toBe('EHLO client.example.org\r\n');
  });

  it.each([1, 12, 13, 16, header.length - 1])('may be cut after %i bytes', async (cut) => {
    const { connect, next, handed } = await openTestPort();
    const client = await connect();
    client.write(header.subarray(0, cut));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(handed).toEqual([]);
    client.end(Buffer.concat([header.subarray(cut), Buffer.from('QUIT\r\n')]));
    expect((await readAll((await next()).socket)).toString()).toBe('QUIT\r\n');
  });

  it('is asked for once: a second one is the client’s own', async () => {
    const { connect, next } = await openTestPort();
    const forged = v1({ source: '198.51.100.1' });
    (await connect()).end(Buffer.concat([header, forged]));
    const { socket, peer } = await next();
    expect(peer).toEqual(CLIENT);
    expect(await readAll(socket)).toEqual(forged);
  });
});

it('has no time limit for what comes after it', async () => {
  const { connect, next, refused } = await openTestPort({ headerTimeout: 500 });
  const client = await connect();
  client.write(v1({ source: CLIENT.address }));
  const { socket } = await next();
  await new Promise((resolve) => setTimeout(resolve, 900));
  expect([socket.destroyed, refused]).toEqual([false, []]);
  client.end('QUIT\r\n');
  expect((await readAll(socket)).toString()).toBe('QUIT\r\n');
});

it('hands a socket over as if nothing had been read', async () => {
  const plain = await openTestPort({ proxyFrom: [] });
  const proxied = await openTestPort();
  const seen: object[] = [];
  const look = ({ socket }: Incoming) => {
    seen.push({
      flowing: socket.readableFlowing,
      paused: socket.isPaused(),
      listeners: Object.fromEntries(
        socket.eventNames().map((event) => [event, socket.listenerCount(event as string)]),
      ),
      timeout: socket.timeout,
      encoding: socket.readableEncoding,
    });
  };
  for (const { port, connect } of [plain, proxied]) {
    const handed = new Promise<void>((resolve) => {
      port.handTo((incoming) => {
        look(incoming);
        incoming.socket.destroy();
        resolve();
      });
    });
    (await connect()).write(v1({ source: CLIENT.address }));
    await handed;
  }
  expect(seen[1]).toEqual(seen[0]);
});

it.each(LOCAL)('after %s tells the proxy’s own address', async (_, header) => {
  const { connect, next } = await openTestPort();
  const client = await connect();
  client.write(header);
  const { peer, proxy, local } = await next();
  expect(peer).toEqual({ address: '127.0.0.1', port: client.localPort });
  expect([proxy, local]).toEqual([undefined, true]);
});

describe('a proxy is refused, and nobody hears of its connection,', () => {
  it.each([
    ['that sends none', Buffer.from('EHLO client.example.org\r\n'), 'no PROXY header'],
    ['that begins TLS', Buffer.from('16030100', 'hex'), 'no PROXY header'],
    ['with a broken line', Buffer.from('PROXY TCP4 nobody nowhere 1 2\r\n'), 'broken address'],
    ['with a line that never ends', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(5000)}`), 'too long'],
    ['with a header that never ends', v2Block({ length: 65_535 }), 'too long'],
    ['for datagrams', v2Block({ familyAndTransport: 0x12, block: Buffer.alloc(12) }), 'datagrams'],
  ])('%s', async (_, bytes, reason) => {
    const { connect, nextRefusal, refused, handed } = await openTestPort();
    const client = await connect();
    client.write(bytes);
    await closed(client);
    expect(await nextRefusal()).toEqual({ peer: '127.0.0.1', reason: expect.stringContaining(reason) });
    // Silently: a word from us would be taken for the server's.
    expect(client.bytesRead).toBe(0);
    expect([refused.length, handed.length]).toEqual([1, 0]);
  });

  it.each([
    ['says nothing in time', Buffer.alloc(0)],
    ['says half of it in time', HEADERS[1]?.[1].subarray(0, 20) ?? Buffer.alloc(0)],
  ])('that %s', async (_, bytes) => {
    const { connect, nextRefusal, handed } = await openTestPort({ headerTimeout: 60 });
    const client = await connect();
    client.write(bytes);
    await closed(client);
    expect((await nextRefusal()).reason).toBe('no whole header within 60 ms');
    expect(handed).toEqual([]);
  });

  it('that keeps the time limit off byte by byte', async () => {
    const { connect, nextRefusal } = await openTestPort({ headerTimeout: 150 });
    const client = await connect();
    const trickle = setInterval(() => client.write('x'), 20);
    client.write('PROXY UNKNOWN ');
    await closed(client);
    clearInterval(trickle);
    expect((await nextRefusal()).reason).toBe('no whole header within 150 ms');
  });

  it.each(['end', 'resetAndDestroy'] as const)('that breaks off within it (%s)', async (leave) => {
    const { connect, nextRefusal, handed } = await openTestPort();
    const client = await connect();
    await new Promise<void>((resolve) => client.write('PROXY TC', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 20));
    client[leave]();
    expect((await nextRefusal()).reason).toBe('closed within its header');
    expect(handed).toEqual([]);
  });

  it('beyond as many as may wait; a place is free again when one has spoken', async () => {
    const { port, connect, next, nextRefusal, refused } = await openTestPort({ maxWaiting: 2 });
    const [first] = [await connect(), await connect()];
    await closed(await connect());
    expect(await nextRefusal()).toEqual({
      peer: '127.0.0.1',
      reason: '2 connections await their PROXY header',
    });
    first?.write(v1({ source: CLIENT.address }));
    await next();
    (await connect()).write(v1({ source: '192.0.2.9' }));
    expect((await next()).peer.address).toBe('192.0.2.9');
    expect(refused).toHaveLength(1);
    await port.close();
  });
});

it.each(['end', 'resetAndDestroy'] as const)(
  'a health check that connects and leaves (%s) is no refusal, and gives its place back',
  async (leave) => {
    const { connect, next, refused, handed } = await openTestPort({ maxWaiting: 1 });
    (await connect())[leave]();
    const first = next();
    // Whether the place is free is known only by trying; each try that is refused says so.
    await vi.waitFor(async () => {
      const client = await connect();
      client.write(v1({ source: CLIENT.address }));
      await Promise.race([first, closed(client).then(() => Promise.reject(new Error('refused')))]);
    }, 20_000);
    expect(handed.map(({ peer }) => peer)).toEqual([CLIENT]);
    expect(refused.filter(({ reason }) => !reason.includes('await'))).toEqual([]);
  },
);

describe('a proxy that has left when its header is read', () => {
  const settledOf = (bytes: Buffer) => {
    // A net.Socket in all that matters here, with its end in the buffer along with the header.
    const socket = new Duplex({
      allowHalfOpen: false,
      read: () => undefined,
      write: (_, __, done) => done(),
    });
    socket.push(bytes);
    socket.push(null);
    return new Promise<{ outcome: string; rest: Promise<Buffer> }>((resolve) => {
      awaitHeader({
        socket: socket as Socket,
        milliseconds: 1000,
        settle: ({ outcome }) => resolve({ outcome, rest: buffer(socket) }),
      });
    });
  };

  it.each(HEADERS)('is not handed on (%s)', async (_, header) => {
    expect((await settledOf(header)).outcome).toBe('gone');
  });

  it.each(HEADERS)('is heard out where it has said something (%s)', async (_, header) => {
    const { outcome, rest } = await settledOf(Buffer.concat([header, Buffer.from('QUIT\r\n')]));
    expect([outcome, (await rest).toString()]).toEqual(['header', 'QUIT\r\n']);
  });
});
