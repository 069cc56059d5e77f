// Many clients at once: every connection open and past EHLO before the first of them signs in.

import { connectSmtp, type SmtpClient } from './smtp-client.ts';

/** Handshakes at a time: more wait in the queue of the listener and may be refused there. */
const AT_A_TIME = 50;
/** Milliseconds. Hundreds of answers are worked off one after the other on a slow machine. */
const TIME_LIMIT = 60_000;

export interface Crowd {
  /**
   * So many clients as there are tokens sign in, all in one go: those after the ones of the call before, then the first again.
   * Their last replies.
   */
  signIn(tokens: readonly string[]): Promise<string[]>;
  /** Resolves when the gateway has said goodbye to all. */
  leave(): Promise<void>;
  /** Gone, without a word. */
  scatter(): void;
}

export async function gatherCrowd(
  size: number,
  at: { readonly host: string; readonly ports: { readonly implicit: number }; readonly ca: string },
): Promise<Crowd> {
  const clients: SmtpClient[] = [];
  const enter = async (): Promise<void> => {
    const client = await connectSmtp({
      host: at.host,
      port: at.ports.implicit,
      ca: at.ca,
      implicitTls: true,
      timeLimit: TIME_LIMIT,
    });
    clients.push(client);
    await client.readReply();
    await client.command('EHLO client.example');
  };
  while (clients.length < size) {
    await Promise.all(Array.from({ length: Math.min(AT_A_TIME, size - clients.length) }, enter));
  }
  let next = 0;
  return {
    signIn: (tokens) => Promise.all(tokens.map((token) => signIn(clients[next++ % size], token))),
    async leave() {
      await Promise.all(clients.splice(0).map(quit));
    },
    scatter: () => clients.splice(0).forEach((client) => void client.destroy()),
  };
}

async function signIn(client: SmtpClient | undefined, token: string): Promise<string> {
  if (!client) throw new Error('the crowd has left');
  const response = Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`).toString('base64');
  const [reply = ''] = await client.command(`AUTH OAUTHBEARER ${response}`);
  if (!reply.startsWith('334')) return reply;
  const [last = ''] = await client.command('AQ==');
  return last;
}

async function quit(client: SmtpClient): Promise<void> {
  await client.command('QUIT');
  await client.readEnd();
  client.destroy();
}
