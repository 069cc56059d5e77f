// A lean SMTP client for measuring: implicit TLS, XOAUTH2, one step at a time, so that the server is what is measured.

import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Target {
  readonly port: number;
  readonly ca: string;
  readonly user: string;
  readonly token: string;
}

/** Milliseconds of each step. */
export interface Timings {
  connect: number;
  login: number;
  messages: number[];
}

/** Connects, signs in, sends `messages` times `body` (dot-stuffed, ending in CRLF), and quits. */
export async function session(target: Target, body: Buffer | undefined, messages: number): Promise<Timings> {
  const started = performance.now();
  const socket = connectTls({ host: '127.0.0.1', port: target.port, servername: 'localhost', ca: target.ca });
  const talk = dialogue(socket);
  await talk.reply(220);
  const greeted = performance.now();
  await talk.command('EHLO bench.example.org', 250);
  const before = performance.now();
  await talk.command(`AUTH XOAUTH2 ${initialResponse(target)}`, 235);
  const timings: Timings = { connect: greeted - started, login: performance.now() - before, messages: [] };
  for (let sent = 0; body && sent < messages; sent += 1) {
    const from = performance.now();
    await talk.command(`MAIL FROM:<${target.user}>`, 250);
    await talk.command('RCPT TO:<bob@example.org>', 250);
    await talk.command('DATA', 354);
    socket.write(body);
    await talk.command('.', 250);
    timings.messages.push(performance.now() - from);
  }
  await talk.command('QUIT', 221);
  socket.destroy();
  return timings;
}

/** Milliseconds from connecting in clear text to the greeting. */
export async function greeting(port: number): Promise<number> {
  const started = performance.now();
  const socket = connectTcp({ host: '127.0.0.1', port });
  await dialogue(socket).reply(220);
  const spent = performance.now() - started;
  socket.destroy();
  return spent;
}

export function initialResponse({ user, token }: Pick<Target, 'user' | 'token'>): string {
  return Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString('base64');
}

function dialogue(socket: Socket) {
  let text = '';
  let waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  const settle = (): void => {
    const last = /^(\d{3}) .*\r\n/m.exec(text);
    if (!last || !waiting) return;
    text = text.slice(last.index + last[0].length);
    const { resolve } = waiting;
    waiting = undefined;
    resolve(last[0].trim());
  };
  const fail = (error: Error): void => waiting?.reject(error);
  socket.setNoDelay(true);
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    settle();
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('connection closed by the server')));

  const reply = async (expected: number): Promise<void> => {
    const line = await new Promise<string>((resolve, reject) => {
      waiting = { resolve, reject };
      settle();
    });
    if (!line.startsWith(String(expected))) throw new Error(`expected ${expected}, got ${line}`);
  };
  const command = (line: string, expected: number): Promise<void> => {
    const answered = reply(expected);
    socket.write(`${line}\r\n`);
    return answered;
  };
  return { reply, command };
}
