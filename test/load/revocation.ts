// How long a live session outlives its token: from the request that revokes it to the closed connection.

import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { initialResponse } from './client.ts';
import type { MeasuredGateway } from './gateway.ts';

const SESSIONS = 1000;
const SINGLES = 30;

/** Milliseconds for each session: all of 1,000 at once, and single ones among the others. */
export async function measureRevocation(gateway: MeasuredGateway): Promise<{ all: number[]; one: number[] }> {
  const shared = await gateway.token();
  const crowd = await openMany(gateway, shared, SESSIONS);
  const one: number[] = [];
  for (let index = 0; index < SINGLES; index += 1) {
    const token = await gateway.token();
    const [session] = await openMany(gateway, token, 1);
    one.push(...(await revokeAndWait(gateway, token, session ? [session] : [])));
  }
  const all = await revokeAndWait(gateway, shared, crowd);
  return { all, one };
}

async function openMany(gateway: MeasuredGateway, token: string, count: number): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  const worker = async (): Promise<void> => {
    while (sockets.length < count) {
      const socket = connect({
        host: '127.0.0.1',
        port: gateway.implicit,
        servername: 'localhost',
        ca: gateway.ca,
      });
      sockets.push(socket);
      await signIn(socket, initialResponse({ user: gateway.sender, token }));
    }
  };
  await Promise.all(Array.from({ length: Math.min(20, count) }, worker));
  return sockets;
}

async function signIn(socket: TLSSocket, response: string): Promise<void> {
  let text = '';
  const answered = new Promise<void>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.startsWith('220') && !text.includes('\r\n250')) socket.write('EHLO bench.example.org\r\n');
      if (/^250 .*\r\n$/m.test(text) && !text.includes('\r\n235'))
        socket.write(`AUTH XOAUTH2 ${response}\r\n`);
      if (text.includes('\r\n235')) resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed during sign-in: ${text}`)));
  });
  await answered;
  socket.removeAllListeners('data');
  socket.on('error', () => undefined);
}

async function revokeAndWait(
  gateway: MeasuredGateway,
  token: string,
  sessions: readonly TLSSocket[],
): Promise<number[]> {
  const started = performance.now();
  const closed = sessions.map(async (socket) => {
    socket.resume();
    await once(socket, 'end');
    return performance.now() - started;
  });
  await gateway.revoke(token);
  return Promise.all(closed);
}
