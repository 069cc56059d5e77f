// Owns the ports of one door over a reload: those that stay are handed on without a gap, new ones are opened first.

import type { SocketAddress } from '../setting.ts';
import { type Incoming, openPort, type Port } from './port.ts';

export interface WantedPort {
  readonly listen: SocketAddress;
  /** See `PortOptions`. */
  readonly proxyFrom: readonly string[];
}

/** Ports that are open, but serve nobody new before {@link Lease.take}. */
export interface Lease {
  /** In the order in which they were wanted: where each is bound, or the error of listening. */
  readonly results: readonly PromiseSettledResult<SocketAddress>[];
  /** Hands every port to its receiver, in the order in which they were wanted; ports nobody wanted any more are closed. */
  take(receivers: readonly ((incoming: Incoming) => void)[]): void;
  /** Closes what was opened for this lease; the others go on as they were. */
  drop(): Promise<void>;
}

export interface PortKeeper {
  lease(wanted: readonly WantedPort[]): Promise<Lease>;
  close(): Promise<void>;
}

export interface PortKeeperOptions {
  readonly onRefused: (event: { peer: string; reason: string }) => void;
  readonly onFault: (error: Error) => void;
}

export function createPortKeeper(options: PortKeeperOptions): PortKeeper {
  /** Those in service, by what was asked for. */
  let kept = new Map<string, Port>();

  /** 127.0.0.1:587 cannot become :587 while the one is open, and no other program is to blame. */
  function blame(error: NodeJS.ErrnoException, { host, port }: SocketAddress): never {
    const own = [...kept.values()].find(({ bound }) => bound.port === port && bound.host !== host);
    if (error.code !== 'EADDRINUSE' || own === undefined) throw error;
    throw new Error(
      `Postern itself listens there, at ${own.bound.host}; the address of a port changes with a restart only`,
    );
  }

  return {
    async lease(wanted) {
      const opened = new Set<Port>();
      const results = await Promise.allSettled(
        wanted.map(async ({ listen, proxyFrom }, index) => {
          const key = keyOf(listen, index);
          const fresh = { ...options, listen, proxyFrom, holdUntilReceiver: true };
          const port = kept.get(key) ?? (await openPort(fresh).catch((error) => blame(error, listen)));
          if (!kept.has(key)) opened.add(port);
          return { key, port };
        }),
      );
      return {
        results: results.map((result) =>
          result.status === 'rejected' ? result : { status: 'fulfilled', value: result.value.port.bound },
        ),
        take(receivers) {
          const before = kept;
          kept = new Map();
          results.forEach((result, index) => {
            if (result.status === 'rejected') return;
            const { key, port } = result.value;
            port.handTo(receivers[index], wanted[index]?.proxyFrom ?? []);
            kept.set(key, port);
          });
          for (const [key, port] of before) if (!kept.has(key)) void port.close();
        },
        async drop() {
          await Promise.all([...opened].map((port) => port.close()));
        },
      };
    },
    async close() {
      await Promise.all([...kept.values()].map((port) => port.close()));
      kept.clear();
    },
  };
}

/** Port 0 is another one each time it is asked for, so its place in the list tells which is meant. */
function keyOf({ host, port }: SocketAddress, index: number): string {
  return port === 0 ? `${host}:0 #${index}` : `${host}:${port}`;
}
