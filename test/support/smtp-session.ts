// A client that has greeted, has TLS and, where asked for, has signed in: where tests of what comes after begin.

import type { PlayableGateway } from './dialogue.ts';
import type { Listener } from './dialogue-script.ts';
import { connectSmtp, type SmtpClient } from './smtp-client.ts';

/** Greeting, EHLO, TLS, EHLO, and sign-in with a token of the named kind. */
export async function openSession(
  gateway: PlayableGateway,
  listener: Listener,
  kind = 'good',
): Promise<SmtpClient> {
  const client = await connectTo(gateway, listener);
  if (listener === 'starttls') {
    expectCode(await client.command('STARTTLS'), '220');
    await client.startTls();
    expectCode(await client.command('EHLO client.example'), '250');
  }
  await signIn(gateway, client, kind);
  return client;
}

/** Greeting and EHLO, no more: in clear text on the `starttls` listener. */
export async function connectTo(gateway: PlayableGateway, listener: Listener): Promise<SmtpClient> {
  const { host, ports, ca } = gateway;
  const client = await connectSmtp({
    host,
    port: ports[listener],
    ca,
    implicitTls: listener === 'implicit',
  });
  expectCode(await client.readReply(), '220');
  expectCode(await client.command('EHLO client.example'), '250');
  return client;
}

export async function signIn(gateway: PlayableGateway, client: SmtpClient, kind = 'good'): Promise<void> {
  expectCode(await client.command(await signInCommand(gateway, kind)), '235');
}

/** An AUTH command with a token of the named kind. */
export async function signInCommand(gateway: PlayableGateway, kind = 'good'): Promise<string> {
  const response = `n,,\x01auth=Bearer ${await gateway.token(kind)}\x01\x01`;
  return `AUTH OAUTHBEARER ${Buffer.from(response).toString('base64')}`;
}

function expectCode(reply: readonly string[], code: string): void {
  if (!reply[0]?.startsWith(code)) throw new Error(`expected ${code}, got ${reply.join(' / ')}`);
}
