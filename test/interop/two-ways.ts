// Owns the two ways to one mail server: a client's own connection to it, and the one through Postern, with one sink behind both.

import { readFileSync } from 'node:fs';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';
import type { Gate } from './gate.ts';
import type { MailServer } from './mail-server.ts';
import { expectCode, openSession } from './session.ts';
import type { Arrival, Sink } from './sink.ts';
import { openWay, type WayOptions } from './way.ts';

/** `direct`: to the mail server itself; `through`: to Postern in front of it. */
export type Direction = 'direct' | 'through';

export interface TwoWays {
  readonly server: MailServer;
  readonly gate: Gate;
  readonly sink: Sink;
  /** Greeted, inside TLS, EHLO said, and signed in where that is asked for. */
  connect(way: Direction): Promise<SmtpClient>;
  /** What the server of this way offers inside TLS, signed in where that is asked for: keywords of its EHLO. */
  offered(way: Direction): Promise<ReadonlySet<string>>;
  /** What the sink gets while `send` runs and until the mail server has nothing left. */
  arrivalsOf<T>(send: () => Promise<T>): Promise<{ result: T; arrivals: readonly Arrival[] }>;
  close(): Promise<void>;
}

export async function openTwoWays(options: WayOptions<MailServer>): Promise<TwoWays> {
  const { server, gate, sink, close } = await openWay(options);
  const token = await gate.token().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const ca = readFileSync(gate.ca, 'utf8');
  return {
    server,
    gate,
    sink,
    connect: (way) =>
      way === 'direct' ? connectDirectly({ port: server.port, ca }) : openSession(gate, token),
    async offered(way) {
      if (way === 'direct') {
        const { client, offered } = await greetDirectly({ port: server.port, ca });
        client.destroy();
        return offered;
      }
      const client = await openSession(gate, token);
      const reply = await client.command('EHLO client.example.org');
      client.destroy();
      return keywords(reply);
    },
    async arrivalsOf(send) {
      const before = sink.arrivals.length;
      const result = await send();
      await server.settled();
      return { result, arrivals: sink.arrivals.slice(before) };
    },
    close,
  };
}

const TIME_LIMIT = 60_000;

/** To a mail server itself, over STARTTLS. */
export async function connectDirectly(given: { port: number; ca: string }): Promise<SmtpClient> {
  const { client } = await greetDirectly(given);
  return client;
}

/** ... and what it offers inside TLS, by the keywords of its EHLO; OpenSMTPD takes no second one. */
export async function greetDirectly(given: {
  port: number;
  ca: string;
  /** PEM texts of the certificate that the client shows. */
  clientCertificate?: { certificate: string; key: string };
}): Promise<{ client: SmtpClient; offered: ReadonlySet<string> }> {
  const client = await connectSmtp({
    host: '127.0.0.1',
    ...given,
    implicitTls: false,
    timeLimit: TIME_LIMIT,
  });
  expectCode(await client.readReply(), 220);
  expectCode(await client.command('EHLO client.example.org'), 250);
  expectCode(await client.command('STARTTLS'), 220);
  await client.startTls();
  const reply = await client.command('EHLO client.example.org');
  expectCode(reply, 250);
  return { client, offered: keywords(reply) };
}

/** Of a reply to EHLO (RFC 5321 §4.1.1.1), without their parameters. */
function keywords(reply: readonly string[]): ReadonlySet<string> {
  return new Set(reply.slice(1).map((line) => line.slice(4).split(' ', 1)[0] ?? ''));
}
