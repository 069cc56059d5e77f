// A token endpoint on a port of its own that answers as a script tells it, and remembers what it was asked and what it gave.

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text or bytes as they are, anything else as JSON. */
  readonly body?: unknown;
}

export interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
  /** By client_secret_basic or client_secret_post. */
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
}

/** 'hang' never answers, 'cut' drops the line. */
export type Script = (asked: Asked) => Answer | 'hang' | 'cut' | Promise<Answer | 'hang' | 'cut'>;

export interface TokenEndpoint {
  readonly url: string;
  readonly requests: Asked[];
  /** What answers from now on. */
  script: Script;
  close(): Promise<void>;
}

export async function startTokenEndpoint(script: Script): Promise<TokenEndpoint> {
  const requests: Asked[] = [];
  const server = createServer(async (request, response) => {
    const asked = await read(request);
    requests.push(asked);
    const answer = await endpoint.script(asked);
    if (answer === 'hang') return;
    if (answer === 'cut') return void request.socket.destroy();
    send(response, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint: TokenEndpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    requests,
    script,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return endpoint;
}

/** Opaque, as most providers' tokens are. */
export function newToken(prefix: string): string {
  return `${prefix}${randomBytes(32).toString('base64url')}`;
}

/** What a token was given for. */
export interface Given {
  readonly mailbox: string | undefined;
  readonly scope: string;
}

/** RFC 6749 §5.1; `given` remembers the token. */
export function grant(prefix: string, given: Map<string, Given>, what: Given, more: object): Answer {
  const token = newToken(prefix);
  given.set(token, what);
  return { body: { access_token: token, token_type: 'Bearer', ...more } };
}

/** RFC 6749 §5.2. */
export function oauthError(status: number, error: string, description: string, more: object = {}): Answer {
  return { status, body: { error, error_description: description, ...more } };
}

async function read(request: IncomingMessage): Promise<Asked> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
  const [, basic] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  const [id, secret] = basic === undefined ? [] : Buffer.from(basic, 'base64').toString('utf8').split(':');
  return {
    path: request.url ?? '/',
    headers: request.headers,
    form,
    clientId: id === undefined ? (form.get('client_id') ?? undefined) : decodeURIComponent(id),
    clientSecret:
      secret === undefined ? (form.get('client_secret') ?? undefined) : decodeURIComponent(secret),
  };
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Answer): void {
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  response.writeHead(status, {
    ...(isRaw ? {} : { 'content-type': 'application/json' }),
    // RFC 6749 §5.1.
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(isRaw ? body : JSON.stringify(body));
}
