// A port opened for a test, what it has handed out and refused, and clients of it; all closed at the test's end.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Incoming, openPort, type Port, type PortOptions } from '../../../src/port/port.ts';

export interface Situation {
  readonly port: Port;
  readonly refused: { peer: string; reason: string }[];
  /** Every socket handed out, in order. */
  readonly handed: Incoming[];
  /** The next connection handed out, or one that was and has not been asked for. */
  next(): Promise<Incoming>;
  /** The next refusal, likewise. */
  nextRefusal(): Promise<{ peer: string; reason: string }>;
  connect(options?: { from?: string }): Promise<Socket>;
}

/** With `proxyFrom` 127.0.0.1 unless told otherwise, on a free port of 127.0.0.1; `idle`: handed to nobody yet. */
export async function openTestPort(
  options: Partial<PortOptions> & { idle?: boolean } = {},
): Promise<Situation> {
  const refusals = queue<{ peer: string; reason: string }>();
  const incoming = queue<Incoming>();
  const port = await openPort({
    listen: { host: '127.0.0.1', port: 0 },
    proxyFrom: ['127.0.0.1'],
    onRefused: refusals.add,
    ...options,
  });
  const clients: Socket[] = [];
  if (!options.idle) port.handTo(incoming.add);
  onTestFinished(async () => {
    await port.close();
    for (const socket of [...clients, ...incoming.all.map((each) => each.socket)]) socket.destroy();
  });
  return {
    port,
    refused: refusals.all,
    handed: incoming.all,
    next: incoming.next,
    nextRefusal: refusals.next,
    async connect({ from } = {}) {
      const client = connect({
        port: port.bound.port,
        host: '127.0.0.1',
        noDelay: true,
        ...(from === undefined ? {} : { localAddress: from }),
      });
      clients.push(client);
      client.on('error', () => undefined);
      await once(client, 'connect');
      return client;
    },
  };
}

/** Everything until the peer ends. */
export async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

function queue<T>() {
  const all: T[] = [];
  const waiting: ((item: T) => void)[] = [];
  let asked = 0;
  return {
    all,
    add(item: T): void {
      all.push(item);
      waiting[all.length - 1]?.(item);
    },
    next(): Promise<T> {
      const index = asked++;
      const there = all[index];
      if (there !== undefined) return Promise.resolve(there);
      return new Promise((resolve) => {
        waiting[index] = resolve;
      });
    },
  };
}
