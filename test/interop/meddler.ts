// Owns a meddler in the middle: a TCP relay that puts bytes of its own into the clear text around STARTTLS, and passes on the rest.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface Meddling {
  /** Put behind the server's answer to STARTTLS, in the same segment. */
  readonly behindAnswer?: string;
  /** The same, a moment later, when the TLS handshake may be under way. */
  readonly afterAnswer?: string;
  /** Put in front of that answer. */
  readonly beforeAnswer?: string;
  /** Put behind the client's STARTTLS, in the same segment. */
  readonly behindCommand?: string;
}

export interface Meddler {
  /** On 127.0.0.1. */
  readonly port: number;
  /** How often it has meddled since the last {@link Meddler.begin}. */
  readonly count: number;
  /** Ends every connection there is; from now on it meddles like this. */
  begin(meddling: Meddling): void;
  close(): Promise<void>;
}

export async function startMeddler(server: number): Promise<Meddler> {
  const sockets = new Set<Socket>();
  let count = 0;
  let meddling: Meddling = {};
  const listener = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: server });
    let state: 'clear' | 'asked' | 'through' = 'clear';
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('end', () => other.end());
      socket.once('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes) => {
      if (state !== 'clear' || !/^STARTTLS\r\n$/i.test(bytes.toString('latin1')))
        return void upstream.write(bytes);
      state = 'asked';
      upstream.write(Buffer.concat([bytes, Buffer.from(meddling.behindCommand ?? '')]));
    });
    upstream.on('data', (bytes) => {
      if (state !== 'asked') return void client.write(bytes);
      state = 'through';
      count += 1;
      const { beforeAnswer = '', behindAnswer = '', afterAnswer } = meddling;
      client.write(Buffer.concat([Buffer.from(beforeAnswer), bytes, Buffer.from(behindAnswer)]));
      if (afterAnswer) void delay(1).then(() => client.write(afterAnswer));
    });
  });
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    port: (listener.address() as AddressInfo).port,
    get count() {
      return count;
    },
    begin(next) {
      endAll();
      meddling = next;
      count = 0;
    },
    async close() {
      endAll();
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}
