// Where the demo's identity provider listens: this machine only.

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SocketAddress } from '../setting.ts';

export interface LoopbackListener {
  readonly port: number;
  close(): Promise<void>;
}

/** `localhost` means 127.0.0.1 and ::1: a browser may look on either. Throws for any host beyond loopback. */
export async function listenOnLoopback(
  address: SocketAddress,
  handle: RequestListener,
): Promise<LoopbackListener> {
  // Its passwords are public: it must not be reachable from another machine, whatever the configuration says.
  if (address.host !== 'localhost' && address.host !== '::1' && !/^127(\.\d{1,3}){3}$/.test(address.host)) {
    throw new Error(`the demo identity provider listens on loopback only, not on ${address.host}`);
  }
  const isBoth = address.host === 'localhost';
  const first = await open(isBoth ? '127.0.0.1' : address.host, address.port, handle);
  const { port } = first.address() as AddressInfo;
  const second = isBoth ? await openOrUndo(first, port, handle) : undefined;
  return {
    port,
    async close() {
      await Promise.all([closeServer(first), second && closeServer(second)]);
    },
  };
}

/** The same port on ::1; undefined on a machine without IPv6. */
async function openOrUndo(first: Server, port: number, handle: RequestListener): Promise<Server | undefined> {
  try {
    return await open('::1', port, handle);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return undefined;
    await closeServer(first);
    throw error;
  }
}

function open(host: string, port: number, handle: RequestListener): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, handle);
    server.maxConnections = 200;
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
