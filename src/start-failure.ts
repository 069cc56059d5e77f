// Noun: what keeps Postern from starting, told of all settings at once and in words for the operator.

import { once } from 'node:events';
import { createServer } from 'node:net';
import type { SocketAddress } from './setting.ts';

/** What keeps Postern from starting: each fault with the path of the setting it concerns. */
export class StartFailure extends Error {
  readonly faults: readonly { readonly path: string; readonly message: string }[];

  constructor(faults: readonly { path: string; message: string }[]) {
    super(faults.map((fault) => `${fault.path}: ${fault.message}`).join('\n'));
    this.faults = faults;
  }
}

/** The ports among these that cannot be had, for a start that ends before it comes to them. Each is let go at once. */
export async function busyPorts(
  listeners: readonly { readonly path: string; readonly address: SocketAddress }[],
): Promise<{ path: string; message: string }[]> {
  const tried = await Promise.all(
    listeners.map(async ({ path, address }) => {
      const server = createServer();
      server.listen({ port: address.port, ...(address.host ? { host: address.host } : {}) });
      const result = await settled(once(server, 'listening'));
      server.close();
      return faultOf(path, result);
    }),
  );
  return tried.flat();
}

/** Blames one setting for whatever the work rejects with. */
export async function blaming<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new StartFailure([{ path, message: explain(error) }]);
  }
}

/** The outcome of work whose failure is told later, together with others. */
export async function settled<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}

/** The fault of a setting, or none. */
export function faultOf(
  path: string,
  result: PromiseSettledResult<unknown>,
): { path: string; message: string }[] {
  return result.status === 'rejected' ? [{ path, message: explain(result.reason) }] : [];
}

function explain(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'the port is in use; stop the other program or choose another port';
  if (code === 'EACCES')
    return 'not allowed to listen there; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE)';
  if (code === 'EADDRNOTAVAIL') return 'this machine has no such address';
  return message;
}
