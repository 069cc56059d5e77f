// Owns how many connections the browser's door holds at once: beyond that, one that keeps us waiting gives way to the newest.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clientNetwork } from '../network.ts';

/**
 * Each takes one of the files that mail needs, too: without a bound, connections that nobody pays for would stop it. A browser
 * waits here for some milliseconds, and a reverse proxy keeps a few dozen.
 */
export const MAX_CONNECTIONS = 500;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/**
 * Not `server.maxConnections`, which turns newcomers away: 500 idle connections would shut the door to everybody. Here the network
 * with the most connections loses the oldest of those that are not being answered.
 */
export function boundCrowd(server: Server, max: number = MAX_CONNECTIONS): void {
  /** By network; each in the order in which they came. */
  const crowd = new Map<string, Set<Socket>>();
  const exchanges = new WeakMap<Socket, Exchange>();
  let total = 0;

  server.on('connection', (socket: Socket) => {
    const network = clientNetwork(socket.remoteAddress ?? '');
    crowd.set(network, (crowd.get(network) ?? new Set()).add(socket));
    total += 1;
    socket.once('close', () => {
      total -= 1;
      const others = crowd.get(network);
      others?.delete(socket);
      if (others?.size === 0) crowd.delete(network);
    });
    if (total > max) victimOf(crowd, exchanges)?.destroy();
  });
  server.on('request', (request, response) => {
    exchanges.set(request.socket, { request, response });
  });
}

/** At least the newest can go: nothing has come over it yet. */
function victimOf(
  crowd: ReadonlyMap<string, ReadonlySet<Socket>>,
  exchanges: WeakMap<Socket, Exchange>,
): Socket | undefined {
  const networks = [...crowd.values()].sort((one, other) => other.size - one.size);
  for (const sockets of networks) {
    for (const socket of sockets)
      if (!socket.destroyed && !isOursToAnswer(exchanges.get(socket))) return socket;
  }
  return undefined;
}

/** Who sends half a request, or reads no answer, keeps us waiting as the silent do. */
function isOursToAnswer(exchange: Exchange | undefined): boolean {
  return exchange?.request.complete === true && !exchange.response.writableEnded;
}
