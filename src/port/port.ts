// Owns bound TCP ports: they outlive whoever serves them, and tell each connection's true client.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { canonicalPeer, createNetworks } from '../network.ts';
import type { SocketAddress } from '../setting.ts';
import { awaitHeader } from './awaited-header.ts';

export { looksLikeProxyHeader } from './proxy-header.ts';

/** One accepted TCP connection, with the client's true address. */
export interface Incoming {
  /** As net.Server hands one over: not paused, no listeners, nothing taken from it but the PROXY header. */
  readonly socket: Socket;
  /** The client, or the proxy itself where it does not say for whom it speaks. The address is canonical. */
  readonly peer: { readonly address: string; readonly port: number };
  /** The address the TCP connection came from, where a proxy spoke for the client. */
  readonly proxy: string | undefined;
  /** A proxy that speaks for itself (a health check) or cannot say for whom: v2 LOCAL, UNSPEC or UNIX, v1 UNKNOWN. */
  readonly local: boolean;
}

export interface Port {
  readonly bound: SocketAddress;
  /**
   * Whoever is set last gets every connection from then on, and so does the list of proxies, where one is given. Undefined:
   * connections are closed at once.
   */
  handTo(receiver: ((incoming: Incoming) => void) | undefined, proxyFrom?: readonly string[]): void;
  /** Stops listening; accepted sockets live on. Sockets whose header is still awaited are destroyed. */
  close(): Promise<void>;
}

export interface PortOptions {
  readonly listen: SocketAddress;
  /** Networks whose connections must begin with a PROXY header; those from elsewhere are not looked into. */
  readonly proxyFrom?: readonly string[];
  /** Milliseconds for a whole header; proxy-protocol.txt §2: "at least 3 seconds to cover a TCP retransmit". */
  readonly headerTimeout?: number;
  /** Connections that may be awaiting their header at a time; and as many their first receiver. */
  readonly maxWaiting?: number;
  /** A connection that was closed for want of a header; the reason is ours and holds nothing of what was sent. */
  readonly onRefused?: (event: { peer: string; reason: string }) => void;
  /** The system could not accept a connection, for want of file descriptors for instance; the port listens on. */
  readonly onFault?: (error: Error) => void;
  readonly backlog?: number;
  /** Connections that come before the first receiver wait for it, instead of being closed. */
  readonly holdUntilReceiver?: boolean;
}

const HEADER_MILLISECONDS = 5_000;
const MAX_WAITING = 1_000;

/** @throws the error of listening (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`), or Error on a text that is no network */
export async function openPort(options: PortOptions): Promise<Port> {
  let proxies = createNetworks(options.proxyFrom ?? []);
  const maxWaiting = options.maxWaiting ?? MAX_WAITING;
  const waiting = new Set<() => void>();
  let receiver: ((incoming: Incoming) => void) | undefined;
  let early: Incoming[] | undefined = options.holdUntilReceiver ? [] : undefined;
  // A client may say no more and still want its replies: Exim closes its side right behind its last message.
  const server = createServer({ allowHalfOpen: true }, accept);
  server.listen({
    port: options.listen.port,
    ...(options.listen.host === '' ? {} : { host: options.listen.host }),
    ...(options.backlog === undefined ? {} : { backlog: options.backlog }),
  });
  await once(server, 'listening');
  // Without a listener, one connection that cannot be accepted would end the process.
  server.on('error', (error) => options.onFault?.(error));
  const bound = server.address() as AddressInfo;

  return {
    bound: { host: bound.address, port: bound.port },
    handTo(next, proxyFrom) {
      receiver = next;
      if (proxyFrom) proxies = createNetworks(proxyFrom);
      const held = early ?? [];
      early = undefined;
      for (const incoming of held) handHeld(incoming);
    },
    async close() {
      // The callback of close() waits for the connections, which live on; the port itself is free at once.
      server.close();
      for (const stop of waiting) stop();
      waiting.clear();
      for (const { socket } of early ?? []) drop(socket);
    },
  };

  function accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    // Reset before it was accepted.
    if (remoteAddress === undefined || remotePort === undefined) return drop(socket);
    const peer = { address: canonicalPeer(remoteAddress), port: remotePort };
    if (!proxies.contains(peer.address)) return hand({ socket, peer, proxy: undefined, local: false });
    if (waiting.size < maxWaiting) return waitForHeader(socket, peer);
    drop(socket);
    options.onRefused?.({ peer: peer.address, reason: `${maxWaiting} connections await their PROXY header` });
  }

  function waitForHeader(socket: Socket, peer: Incoming['peer']): void {
    const stop = awaitHeader({
      socket,
      milliseconds: options.headerTimeout ?? HEADER_MILLISECONDS,
      settle(result) {
        waiting.delete(stop);
        if (result.outcome === 'gone') return drop(socket);
        if (result.outcome === 'fault')
          return options.onRefused?.({ peer: peer.address, reason: result.reason });
        if (result.source === undefined) return hand({ socket, peer, proxy: undefined, local: true });
        hand({ socket, peer: result.source, proxy: peer.address, local: false });
      },
    });
    waiting.add(stop);
  }

  function hand(incoming: Incoming): void {
    if (receiver) return receiver(incoming);
    if (!early || early.length >= maxWaiting) return drop(incoming.socket);
    // Nobody would answer it: who says no more is gone.
    incoming.socket.on('error', ignore).once('end', leave);
    early.push(incoming);
  }

  function handHeld(incoming: Incoming): void {
    const { socket } = incoming;
    // Its end has been told while nobody listened; a receiver would wait for it in vain.
    if (socket.destroyed || socket.readableEnded) return drop(socket);
    socket.off('error', ignore).off('end', leave);
    hand(incoming);
  }
}

function ignore(): void {}

function leave(this: Socket): void {
  this.destroy();
}

/** An error that is still on its way to a destroyed socket must not end the process. */
function drop(socket: Socket): void {
  socket.on('error', ignore).destroy();
}
