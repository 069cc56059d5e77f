// Ports over a reload: those that stay are never closed, those that come are open before they serve, those that go are let go.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createPortKeeper, type Lease, type WantedPort } from '../../../src/port/keeper.ts';
import type { Incoming } from '../../../src/port/port.ts';
import { freePorts } from '../../support/free-ports.ts';
import { v1 } from './headers.ts';

const ANY: WantedPort = { listen: { host: '127.0.0.1', port: 0 }, proxyFrom: [] };

function openKeeper() {
  const keeper = createPortKeeper({ onRefused: () => undefined, onFault: () => undefined });
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    await keeper.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    keeper,
    receiver() {
      const got: Incoming[] = [];
      const receive = (incoming: Incoming): void => {
        sockets.push(incoming.socket);
        got.push(incoming);
      };
      return { got, receive };
    },
    async connect(port: number): Promise<Socket> {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
      await once(socket, 'connect');
      return socket;
    },
  };
}

function portsOf(lease: Lease): number[] {
  return lease.results.map((result) => (result.status === 'fulfilled' ? result.value.port : 0));
}

const arrived = (got: Incoming[], count: number) => expect.poll(() => got).toHaveLength(count);

it('hands a port that stays to the next one without closing it', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const [first, second] = [receiver(), receiver()];
  const one = await keeper.lease([ANY]);
  const [port = 0] = portsOf(one);
  one.take([first.receive]);
  const other = await keeper.lease([ANY]);
  expect(portsOf(other)).toEqual([port]);
  await connect(port);
  await arrived(first.got, 1);
  other.take([second.receive]);
  await connect(port);
  await arrived(second.got, 1);
  expect(first.got).toHaveLength(1);
});

it('opens a new port at once; who connects before it serves, waits', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const { got, receive } = receiver();
  const lease = await keeper.lease([ANY]);
  await connect(portsOf(lease)[0] ?? 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(got).toEqual([]);
  lease.take([receive]);
  await arrived(got, 1);
});

it('closes what nobody wants any more', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const { receive } = receiver();
  const one = await keeper.lease([ANY, ANY]);
  const [kept = 0, gone = 0] = portsOf(one);
  one.take([receive, receive]);
  (await keeper.lease([ANY])).take([receive]);
  await expect(connect(gone)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await connect(kept);
});

it('drops only what it has opened for the one that is withdrawn', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const { got, receive } = receiver();
  const one = await keeper.lease([ANY]);
  one.take([receive]);
  const other = await keeper.lease([ANY, ANY]);
  const [kept = 0, fresh = 0] = portsOf(other);
  await other.drop();
  await expect(connect(fresh)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await connect(kept);
  await arrived(got, 1);
});

it('tells which port could not be opened, and of the others where they are', async () => {
  const { keeper } = openKeeper();
  const lease = await keeper.lease([ANY, { listen: { host: '192.0.2.1', port: 0 }, proxyFrom: [] }, ANY]);
  expect(lease.results).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'EADDRNOTAVAIL' } },
    { status: 'fulfilled' },
  ]);
  await lease.drop();
});

it('believes the proxies of whoever serves now', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const { got, receive } = receiver();
  (await keeper.lease([ANY])).take([receive]);
  const proxied = await keeper.lease([{ ...ANY, proxyFrom: ['127.0.0.1'] }]);
  const [port = 0] = portsOf(proxied);
  await connect(port);
  await arrived(got, 1);
  proxied.take([receive]);
  (await connect(port)).write(v1({ source: '192.0.2.1' }));
  await arrived(got, 2);
  expect(got.map(({ proxy }) => proxy)).toEqual([undefined, '127.0.0.1']);
});

it('closes everything in the end', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const lease = await keeper.lease([ANY]);
  lease.take([receiver().receive]);
  await keeper.close();
  await expect(connect(portsOf(lease)[0] ?? 0)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

const at = (port: number, host = '127.0.0.1'): WantedPort => ({ listen: { host, port }, proxyFrom: [] });

it('never refuses a connection while one hands over to the next, however often', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const [port] = (await freePorts(1)) as [number];
  const receivers = Array.from({ length: 20 }, receiver);
  (await keeper.lease([at(port)])).take([receiver().receive]);
  for (const { receive } of receivers) {
    // Some before, some while, some after.
    const clients = [connect(port), connect(port)];
    const lease = await keeper.lease([at(port)]);
    clients.push(connect(port));
    lease.take([receive]);
    clients.push(connect(port));
    await Promise.all(clients);
  }
  const served = () => receivers.reduce((sum, { got }) => sum + got.length, 0);
  await vi.waitFor(() => {
    expect(served()).toBeGreaterThan(receivers.length);
    expect(receivers.at(-1)?.got.length).toBeGreaterThan(0);
  }, 20_000);
});

it('knows a port by its number, wherever it stands in the list', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const [one, other] = (await freePorts(2)) as [number, number];
  const before = receiver();
  (await keeper.lease([at(one), at(other)])).take([before.receive, before.receive]);
  const [ofOther, ofOne] = [receiver(), receiver()];
  const lease = await keeper.lease([at(other), at(one)]);
  expect(portsOf(lease)).toEqual([other, one]);
  lease.take([ofOther.receive, ofOne.receive]);
  await connect(one);
  await arrived(ofOne.got, 1);
  await connect(other);
  await arrived(ofOther.got, 1);
  expect(before.got).toEqual([]);
});

it('leaves the connections of a port that is closed alone', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const { got, receive } = receiver();
  (await keeper.lease([ANY])).take([receive]);
  const lease = await keeper.lease([ANY]);
  const client = await connect(portsOf(lease)[0] ?? 0);
  await arrived(got, 1);
  (await keeper.lease([])).take([]);
  got[0]?.socket.write('still here');
  expect(String((await once(client, 'data'))[0])).toBe('still here');
});

it('goes on with the ports and proxies from before where a lease is dropped', async () => {
  const { keeper, receiver, connect } = openKeeper();
  const { got, receive } = receiver();
  (await keeper.lease([ANY])).take([receive]);
  const lease = await keeper.lease([{ ...ANY, proxyFrom: ['127.0.0.1'] }]);
  await lease.drop();
  await connect(portsOf(lease)[0] ?? 0);
  await arrived(got, 1);
  expect(got[0]?.proxy).toBeUndefined();
});

it('says of a port that it has itself under another address that a restart is due', async () => {
  const { keeper, receiver } = openKeeper();
  const [port] = (await freePorts(1)) as [number];
  (await keeper.lease([at(port)])).take([receiver().receive]);
  const wider = await keeper.lease([at(port, '0.0.0.0')]);
  expect(wider.results).toMatchObject([
    {
      status: 'rejected',
      reason: { message: expect.stringMatching(/Postern itself .*127\.0\.0\.1.*restart/) },
    },
  ]);
});

it('says of a port that another program has no more than that', async () => {
  const { keeper } = openKeeper();
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const lease = await keeper.lease([at((other.address() as AddressInfo).port)]);
  expect(lease.results).toMatchObject([{ status: 'rejected', reason: { code: 'EADDRINUSE' } }]);
});
