// A small issuer on loopback: metadata and key set over http. It counts, rotates, hangs, answers nonsense, goes and comes back.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { freePorts } from './free-ports.ts';
import {
  goodClaims,
  mintToken,
  type TestAlgorithm,
  type TestKey,
  type TokenClaims,
  testKey,
} from './tokens.ts';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
}

export interface FakeIssuer {
  /** Value of `iss`: `http://127.0.0.1:PORT` and the path asked for. */
  readonly issuer: string;
  readonly jwksUri: string;
  /** The keys published; the first signs. */
  keys: TestKey[];
  /** Requests seen so far, by path. */
  count(path: string): number;
  /** All requests seen so far. */
  total(): number;
  /** A good token of this issuer, with claims and header changed as asked. */
  mint(claims?: TokenClaims, header?: TokenClaims): string;
  /** A new key takes the place of all others. */
  rotate(kid: string, alg?: TestAlgorithm): void;
  /** Answers a path with this from now on; `undefined` gives it back. */
  answer(path: string, answer: Answer | undefined): void;
  /** Keeps requests unanswered; the function returned lets them all go. */
  hold(): () => void;
  /** Resolves when so many requests have come in all. */
  requests(count: number): Promise<void>;
  /** Closes the port; `start` opens it again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export const OAUTH_METADATA = '/.well-known/oauth-authorization-server';
export const OPENID_METADATA = '/.well-known/openid-configuration';
export const JWKS_PATH = '/jwks';

export async function startFakeIssuer(
  options: { alg?: TestAlgorithm; path?: string } = {},
): Promise<FakeIssuer> {
  const { alg = 'ES256', path = '' } = options;
  const seen: string[] = [];
  const answers = new Map<string, Answer>();
  const waiting: { count: number; resolve: () => void }[] = [];
  let held: Promise<void> | undefined;
  let server: Server | undefined;
  let port = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '';
    seen.push(url);
    for (const waiter of waiting) if (seen.length >= waiter.count) waiter.resolve();
    await held;
    const { status = 200, headers = {}, body } = answers.get(url) ?? usual(url);
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...headers });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body ?? {}));
  }

  function usual(url: string): Answer {
    if (url === JWKS_PATH) return { body: { keys: fake.keys.map((key) => key.publicJwk) } };
    const isMetadata = url === `${OAUTH_METADATA}${path}` || url === `${path}${OPENID_METADATA}`;
    if (isMetadata) return { body: { issuer: fake.issuer, jwks_uri: fake.jwksUri } };
    return { status: 404, body: { error: 'not_found' } };
  }

  async function start(): Promise<void> {
    if (port === 0) [port = 0] = await freePorts(1);
    const starting = createServer((request, response) => void handle(request, response));
    await new Promise<void>((resolve, reject) => {
      starting.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    server = starting;
  }

  async function stop(): Promise<void> {
    const stopping = server;
    server = undefined;
    stopping?.closeAllConnections();
    await new Promise<void>((resolve) => (stopping ? stopping.close(() => resolve()) : resolve()));
  }

  await start();
  const origin = `http://127.0.0.1:${port}`;
  const fake: FakeIssuer = {
    issuer: `${origin}${path}`,
    jwksUri: `${origin}${JWKS_PATH}`,
    keys: [testKey(alg, 'first')],
    count: (wanted) => seen.filter((url) => url === wanted).length,
    total: () => seen.length,
    mint: (claims = {}, header = {}) => {
      const [key] = fake.keys;
      if (!key) throw new Error('the fake issuer has no key');
      return mintToken(key, goodClaims(fake.issuer, claims), header);
    },
    rotate: (kid, newAlg = alg) => {
      fake.keys = [testKey(newAlg, kid)];
    },
    answer: (url, answer) => {
      if (answer) answers.set(url, answer);
      else answers.delete(url);
    },
    hold: () => {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return () => {
        held = undefined;
        release();
      };
    },
    requests: (count) =>
      new Promise((resolve) => {
        if (seen.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
    stop,
    start,
  };
  return fake;
}
