// Owns the remote control of a Mozilla program (Marionette): one connection, commands one after another, each with its answer.

import { once } from 'node:events';
import { connect } from 'node:net';

export interface Marionette {
  /** The value a command gives. Rejects with what the program says where it fails. */
  call(command: string, parameters?: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

const TIME_LIMIT = 40_000;

/** On 127.0.0.1. A message on the wire is its length in bytes, a colon, and JSON: [0, id, command, parameters] or [1, id, error, result]. */
export async function openMarionette(port: number): Promise<Marionette> {
  const socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  let received = Buffer.alloc(0);
  let count = 0;
  const awaited = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();

  function take(): void {
    for (;;) {
      const colon = received.indexOf(':');
      const length = Number(received.subarray(0, Math.max(colon, 0)).toString());
      if (colon === -1 || received.length < colon + 1 + length) return;
      answer(JSON.parse(received.subarray(colon + 1, colon + 1 + length).toString()));
      received = received.subarray(colon + 1 + length);
    }
  }
  function answer(message: unknown): void {
    // The first one is a greeting, of no command.
    if (!Array.isArray(message)) return;
    const [, id, error, result] = message as [1, number, { message: string } | null, { value?: unknown }];
    if (error) awaited.get(id)?.reject(new Error(error.message));
    else awaited.get(id)?.resolve(result?.value);
    awaited.delete(id);
  }
  function fail(error: Error): void {
    for (const { reject } of awaited.values()) reject(error);
    awaited.clear();
  }
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    take();
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the program has hung up')));
  socket.setTimeout(TIME_LIMIT, () => socket.destroy(new Error(`no word for ${TIME_LIMIT} ms`)));

  return {
    call(command, parameters = {}) {
      count += 1;
      const text = JSON.stringify([0, count, command, parameters]);
      socket.write(`${Buffer.byteLength(text)}:${text}`);
      return new Promise((resolve, reject) => void awaited.set(count, { resolve, reject }));
    },
    close: () => void socket.destroy(),
  };
}
