// A bound port: who gets its connections, whose true address it tells, whom it refuses, and that no byte is lost on the way.

import { once } from 'node:events';
import { connect, createServer, Server, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { type Incoming, openPort } from '../../../src/port/port.ts';
import { v1 } from './headers.ts';
import { closed, openTestPort, readAll } from './port-situation.ts';

const CLIENT = { address: '192.0.2.1', port: 56324 };

describe('a peer that is no proxy', () => {
  it('is handed on at once, whatever it says', async () => {
    const { connect, next } = await openTestPort({ proxyFrom: ['127.0.0.1', '2001:db8::/32'] });
    const client = await connect({ from: '127.0.0.2' });
    const { socket, peer, proxy, local } = await next();
    expect(peer).toEqual({ address: '127.0.0.2', port: client.localPort });
    expect([proxy, local]).toEqual([undefined, false]);
    const forged = v1({ source: CLIENT.address });
    client.end(forged);
    expect(await readAll(socket)).toEqual(forged);
  });

  it('is so everywhere where no proxies are named', async () => {
    const { connect, next } = await openTestPort({ proxyFrom: [] });
    const client = await connect();
    expect((await next()).peer).toEqual({ address: '127.0.0.1', port: client.localPort });
  });
});

it('knows an IPv4 proxy on a port of both families', async (context) => {
  const listen = { host: '::', port: 0 };
  const probe = createServer().listen(0, '::');
  const hasIPv6 = await Promise.race([
    once(probe, 'listening').then(() => true),
    once(probe, 'error').then(() => false),
  ]).catch(() => false);
  probe.close();
  if (!hasIPv6) return context.skip('this machine has no IPv6');
  const { connect, next } = await openTestPort({ listen });
  (await connect()).write(v1({ source: CLIENT.address }));
  expect(await next()).toMatchObject({ peer: CLIENT, proxy: '127.0.0.1' });
});

describe('the receiver', () => {
  it('is whoever was set last, also for those that were waiting before', async () => {
    const { port, connect, handed } = await openTestPort();
    const client = await connect();
    client.write('PROXY ');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const second = new Promise<Incoming>((resolve) => port.handTo(resolve));
    client.write('UNKNOWN\r\n');
    expect((await second).local).toBe(true);
    (await second).socket.destroy();
    expect(handed).toEqual([]);
  });

  it.each([
    ['a plain one', []],
    ['a proxied one', ['127.0.0.1']],
  ])('may be nobody: %s is closed', async (_, proxyFrom) => {
    const { port, connect, handed } = await openTestPort({ proxyFrom });
    port.handTo(undefined);
    const client = await connect();
    client.write(v1({ source: CLIENT.address }));
    await closed(client);
    expect([client.bytesRead, handed.length]).toEqual([0, 0]);
  });
});

describe('connections that come before the first receiver', () => {
  const open = () => openTestPort({ idle: true, holdUntilReceiver: true, maxWaiting: 2 });
  const collect = () => {
    const got: Incoming[] = [];
    return { got, receive: (incoming: Incoming) => void got.push(incoming) };
  };

  it('wait for it with all they have said, plain and proxied', async () => {
    const { port, connect } = await open();
    const plain = await connect({ from: '127.0.0.2' });
    const proxied = await connect();
    await said(plain, 'EHLO plain\r\n');
    await said(proxied, Buffer.concat([v1({ source: CLIENT.address }), Buffer.from('EHLO proxied\r\n')]));
    const { got, receive } = collect();
    port.handTo(receive);
    expect(got.map(({ peer, proxy }) => [peer.address, proxy])).toEqual([
      ['127.0.0.2', undefined],
      [CLIENT.address, '127.0.0.1'],
    ]);
    expect(
      got.flatMap(({ socket }) =>
        socket.eventNames().map((event) => [event, socket.listenerCount(event as string)]),
      ),
    ).toEqual(await listenersOfFresh(2));
    plain.end();
    proxied.end();
    const texts = await Promise.all(got.map(({ socket }) => readAll(socket)));
    expect(texts.join('')).toBe('EHLO plain\r\nEHLO proxied\r\n');
  });

  it('are not handed on when they have left meanwhile, by whatever way', async () => {
    const { port, connect } = await open();
    const [one, other] = [await connect({ from: '127.0.0.2' }), await connect({ from: '127.0.0.2' })];
    one.end();
    other.resetAndDestroy();
    await closed(one);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { got, receive } = collect();
    port.handTo(receive);
    expect(got).toEqual([]);
  });

  it('are no more than may wait', async () => {
    const { port, connect } = await open();
    for (const _ of [1, 2]) await connect({ from: '127.0.0.2' });
    await closed(await connect({ from: '127.0.0.2' }));
    const { got, receive } = collect();
    port.handTo(receive);
    expect(got).toHaveLength(2);
    for (const { socket } of got) socket.destroy();
  });

  it('are closed with the port', async () => {
    const { port, connect } = await open();
    const client = await connect({ from: '127.0.0.2' });
    await said(client, 'EHLO\r\n');
    await port.close();
    await closed(client);
    expect(client.bytesRead).toBe(0);
  });

  it('are held once only: with nobody set later they are closed', async () => {
    const { port, connect } = await open();
    port.handTo(() => undefined);
    port.handTo(undefined);
    await closed(await connect({ from: '127.0.0.2' }));
  });
});

it('takes another list of proxies along with another receiver', async () => {
  const { port, connect } = await openTestPort({ proxyFrom: [] });
  const got: Incoming[] = [];
  const receive = (incoming: Incoming) => void got.push(incoming);
  const count = (length: number) => expect.poll(() => got).toHaveLength(length);
  await connect();
  port.handTo(receive, ['127.0.0.1']);
  (await connect()).write(v1({ source: CLIENT.address }));
  await count(1);
  port.handTo(receive);
  (await connect()).write(v1({ source: CLIENT.address }));
  await count(2);
  port.handTo(receive, []);
  await connect();
  await count(3);
  expect(got.map(({ proxy }) => proxy)).toEqual(['127.0.0.1', '127.0.0.1', undefined]);
  for (const { socket } of got) socket.destroy();
});

describe('closing', () => {
  it('ends those that wait, leaves those that were accepted, and frees the port at once', async () => {
    const { port, connect, next, handed, refused } = await openTestPort();
    const [accepted, waiting] = [await connect(), await connect()];
    accepted.write(v1({ source: CLIENT.address }));
    const { socket } = await next();
    await port.close();
    await closed(waiting);
    const again = await openTestPort({ listen: port.bound });
    expect(again.port.bound).toEqual(port.bound);
    socket.end('still here');
    expect((await readAll(accepted)).toString()).toBe('still here');
    expect([handed.length, refused.length]).toEqual([1, 0]);
    await expect(once(connectTo(port.bound.port), 'connect')).resolves.toBeDefined();
  });

  it('refuses connections from then on', async () => {
    const { port } = await openTestPort();
    await port.close();
    await expect(once(connectTo(port.bound.port), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('opening', () => {
  it('tells where it listens', async () => {
    const { port } = await openTestPort();
    expect(port.bound).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
    expect(port.bound.port).toBeGreaterThan(0);
  });

  it('fails with the error of the system', async () => {
    const { port } = await openTestPort();
    await expect(openPort({ listen: port.bound })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(openPort({ listen: { host: '192.0.2.1', port: 0 } })).rejects.toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });

  it('fails on what is no network, and holds no port', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    await expect(
      openPort({ listen: { host: '127.0.0.1', port: 0 }, proxyFrom: ['10.1.2.3/8'] }),
    ).rejects.toThrow('write 10.0.0.0/8');
    expect(listen).not.toHaveBeenCalled();
    listen.mockRestore();
  });
});

it('lives on when the system cannot accept a connection, and says so', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen');
  const onFault = vi.fn();
  const { connect, next } = await openTestPort({ proxyFrom: [], onFault });
  const server = listen.mock.contexts[0] as Server;
  listen.mockRestore();
  const error = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
  server.emit('error', error);
  expect(onFault).toHaveBeenCalledExactlyOnceWith(error);
  await connect();
  expect((await next()).peer.address).toBe('127.0.0.1');
});

/** ... and it has arrived, as far as one can know from here. */
async function said(client: Socket, bytes: Buffer | string): Promise<void> {
  await new Promise((resolve) => client.write(bytes, resolve));
  await new Promise((resolve) => setTimeout(resolve, 20));
}

/** What Node itself listens for on `count` accepted sockets. */
async function listenersOfFresh(count: number): Promise<(string | symbol | number)[][]> {
  const { connect, next } = await openTestPort({ proxyFrom: [] });
  await connect();
  const { socket } = await next();
  const one = socket.eventNames().map((event) => [event, socket.listenerCount(event as string)]);
  return Array.from({ length: count }, () => one).flat();
}

function connectTo(port: number): Socket {
  return connect({ port, host: '127.0.0.1' }).on('connect', function close(this: Socket) {
    this.destroy();
  });
}
