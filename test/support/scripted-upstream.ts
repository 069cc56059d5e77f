// An upstream MTA for tests: a raw SMTP server on loopback whose every reply can be scripted, and which writes down
// what it was sent, byte for byte. It leans on no mail library, so that it cannot share one's mistakes.

import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { testCertificate } from './certificates.ts';
import { freePorts } from './free-ports.ts';
import { type UpstreamAnswer, UpstreamScript, type UpstreamStep } from './upstream-script.ts';
import { type UpstreamMessage, UpstreamSession, type UpstreamSessionOptions } from './upstream-session.ts';

export {
  hangUp,
  held,
  meanwhile,
  raw,
  reply,
  reset,
  silence,
  type UpstreamAnswer,
  type UpstreamStep,
} from './upstream-script.ts';
export type { UpstreamMechanisms, UpstreamMessage, UpstreamSession } from './upstream-session.ts';

export interface ScriptedUpstreamOptions {
  /** `none` (default), `starttls`, `implicit`; with the certificate of `test/support/certificates.ts`. */
  readonly tls?: UpstreamSessionOptions['tls'];
  /** Account for AUTH PLAIN and LOGIN; AUTH is offered only where given. */
  readonly login?: { readonly user: string; readonly password: string };
  /** Mechanisms that AUTH offers in place of those, each with its replies. */
  readonly mechanisms?: UpstreamSessionOptions['mechanisms'];
  /** In place of the one of `test/support/certificates.ts`. */
  readonly certificate?: UpstreamSessionOptions['certificate'];
  /** What TLS is like besides: client certificates, versions. */
  readonly tlsOptions?: UpstreamSessionOptions['tlsOptions'];
  /** Keywords of the EHLO reply, without STARTTLS and AUTH. */
  readonly keywords?: readonly string[];
  /** `gullible` takes every spelling of a line end that the smuggling attacks rely on; `strict` by default. */
  readonly lineEndings?: UpstreamSessionOptions['lineEndings'];
}

export const POLITE_KEYWORDS = [
  'PIPELINING',
  'SIZE 104857600',
  '8BITMIME',
  'SMTPUTF8',
  'DSN',
  'ENHANCEDSTATUSCODES',
];

export async function startScriptedUpstream(
  options: ScriptedUpstreamOptions = {},
): Promise<ScriptedUpstream> {
  const certificate = options.certificate ?? (await testCertificate());
  const upstream = new ScriptedUpstream(options, certificate);
  await upstream.up();
  return upstream;
}

export class ScriptedUpstream {
  readonly host = '127.0.0.1';
  port = 0;
  /** Every connection so far, oldest first. */
  readonly connections: UpstreamSession[] = [];
  readonly #script = new UpstreamScript();
  readonly #options: UpstreamSessionOptions & { keywords: readonly string[] };
  readonly #server: Server;
  readonly #waiting = new Set<() => void>();

  constructor(options: ScriptedUpstreamOptions, certificate: UpstreamSessionOptions['certificate']) {
    this.#options = {
      script: this.#script,
      keywords: options.keywords ?? POLITE_KEYWORDS,
      tls: options.tls ?? 'none',
      certificate,
      login: options.login,
      mechanisms: options.mechanisms,
      tlsOptions: options.tlsOptions,
      lineEndings: options.lineEndings ?? 'strict',
      onEvent: () => {
        for (const wake of this.#waiting) wake();
      },
    };
    const accept = (socket: Socket) => {
      this.connections.push(new UpstreamSession(socket, this.#options));
      this.#options.onEvent();
    };
    const { certificate: cert, key } = certificate;
    this.#server =
      options.tls === 'implicit'
        ? createTlsServer({ cert, key, ...options.tlsOptions }, accept)
        : createServer(accept);
  }

  /** From the next EHLO on it offers these. */
  offer(keywords: readonly string[]): void {
    this.#options.keywords = keywords;
  }

  /** Scripts one step; see `upstream-script.ts` for the answers. Rules with `times` come first, in order. */
  on(step: UpstreamStep, answer: UpstreamAnswer, only: { match?: string; times?: number } = {}): void {
    this.#script.on(step, answer, only);
  }

  /** From now on it is as polite as it was at first. */
  calm(): void {
    this.#script.forget();
  }

  /** Messages whose end came (the final dot, or LAST) and was answered with 250. */
  get accepted(): UpstreamMessage[] {
    return this.#messages().filter((message) => message.complete && message.accepted);
  }

  /** Messages whose end came and was answered with anything else, or with nothing. */
  get refused(): UpstreamMessage[] {
    return this.#messages().filter((message) => message.complete && !message.accepted);
  }

  /** Messages that never got their end. */
  get incomplete(): UpstreamMessage[] {
    return this.#messages().filter((message) => !message.complete);
  }

  /** Waits, without sleeping, until the condition holds; it is looked at whenever anything happens here. */
  async until(condition: () => boolean, what: string, timeLimit = 20_000): Promise<void> {
    if (condition()) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const limit = setTimeout(
      () => reject(new Error(`upstream: waited ${timeLimit} ms for ${what}`)),
      timeLimit,
    );
    const wake = () => {
      if (condition()) resolve();
    };
    this.#waiting.add(wake);
    await promise.finally(() => {
      clearTimeout(limit);
      this.#waiting.delete(wake);
    });
  }

  /** Waits until the bytes have been received on any connection. */
  async received(text: string): Promise<void> {
    const bytes = Buffer.from(text, 'latin1');
    const has = () => this.connections.some((connection) => connection.received.includes(bytes));
    await this.until(has, JSON.stringify(text));
  }

  /** Listens; after {@link down} on the same port as before. */
  async up(): Promise<void> {
    if (this.port === 0) [this.port = 0] = await freePorts(1);
    this.#server.listen(this.port, this.host);
    await once(this.#server, 'listening');
  }

  /** Breaks every connection and refuses new ones. */
  async down(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    for (const connection of this.connections) connection.destroy();
    await closed;
  }

  async close(): Promise<void> {
    await this.down();
  }

  #messages(): UpstreamMessage[] {
    return this.connections.flatMap((connection) => connection.messages);
  }
}
