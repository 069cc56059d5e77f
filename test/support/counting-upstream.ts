// An upstream that counts as a provider does: connections at any time in all and of each account, messages of each connection,
// and when each message was taken. It takes all mail; XOAUTH2 says whose account it is.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface CountingUpstream {
  readonly port: number;
  /** Most connections that were open at the same time. */
  readonly peak: number;
  /** The same of each account; those that have not signed in count for none. */
  readonly peakOf: ReadonlyMap<string, number>;
  /** Messages of each connection there ever was. */
  readonly messagesOf: readonly number[];
  /** Each message taken: whose account, `performance.now()`, and its text. */
  readonly taken: readonly { account: string; at: number; text: string }[];
  /** Milliseconds that it takes for the final dot. */
  delay: number;
  /** No final dot is answered before this is fulfilled. */
  held: Promise<void> | undefined;
  /** What it answers to the sign-in to an account, in place of 235; to nothing it hangs up. */
  readonly refusals: Map<string, string>;
  close(): Promise<void>;
}

export async function startCountingUpstream(): Promise<CountingUpstream> {
  const open = new Map<Socket, string | undefined>();
  const peakOf = new Map<string, number>();
  const messagesOf: number[] = [];
  const taken: { account: string; at: number; text: string }[] = [];
  let peak = 0;

  const server = createServer((socket) => {
    const number = messagesOf.push(0) - 1;
    let account = '';
    open.set(socket, undefined);
    peak = Math.max(peak, open.size);
    socket.once('close', () => open.delete(socket));
    serve(socket, {
      onAccount(name) {
        account = name;
        open.set(socket, name);
        const ofAccount = [...open.values()].filter((other) => other === name).length;
        peakOf.set(name, Math.max(peakOf.get(name) ?? 0, ofAccount));
        return upstream.refusals.get(name) ?? '235 2.7.0 welcome';
      },
      async onMessage(text) {
        taken.push({ account, at: performance.now(), text });
        messagesOf[number] = (messagesOf[number] ?? 0) + 1;
        await upstream.held;
        if (upstream.delay > 0) await new Promise((resolve) => setTimeout(resolve, upstream.delay));
      },
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const upstream: CountingUpstream = {
    port: (server.address() as AddressInfo).port,
    get peak() {
      return peak;
    },
    ...{ peakOf, messagesOf, taken, delay: 0, held: undefined, refusals: new Map() },
    async close() {
      for (const socket of open.keys()) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return upstream;
}

interface Listener {
  /** @returns the reply to the sign-in */
  onAccount(name: string): string;
  onMessage(text: string): Promise<void>;
}

function serve(socket: Socket, { onAccount, onMessage }: Listener): void {
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  let text = '';
  let inMessage = false;
  let inSignIn = false;
  socket.setNoDelay(true).on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    void read();
  });
  say('220 counting.example ESMTP');

  async function read(): Promise<void> {
    for (let end = text.indexOf('\r\n'); !inMessage && end !== -1; end = text.indexOf('\r\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      answer(line);
    }
    const end = inMessage ? text.indexOf('\r\n.\r\n') : -1;
    if (end === -1) return;
    const message = text.slice(0, end + 2);
    text = text.slice(end + 5);
    inMessage = false;
    await onMessage(message);
    if (!socket.destroyed) say('250 2.0.0 taken');
    if (text !== '') await read();
  }

  function answer(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    const response = inSignIn ? line : line.split(' ')[2];
    if (verb === 'AUTH' && response === undefined) {
      inSignIn = true;
      say('334 ');
    } else if (verb === 'AUTH' || inSignIn) {
      inSignIn = false;
      const decoded = Buffer.from(response ?? '', 'base64').toString();
      const reply = onAccount(/user=([^\x01]*)/.exec(decoded)?.[1] ?? '');
      if (reply === '') socket.destroy();
      else say(reply);
    } else if (verb === 'EHLO') say('250-counting.example\r\n250-8BITMIME\r\n250 AUTH XOAUTH2');
    else if (verb === 'QUIT') socket.end('221 2.0.0 bye\r\n');
    else if (verb === 'DATA') {
      inMessage = true;
      say('354 go on');
    } else say('250 2.0.0 ok');
  }
}
