// Owns the asking side of the administration socket, for the command line.

import { type IncomingMessage, request } from 'node:http';
import type { KnownRefusal } from '../explanation/refusal-memory.ts';
import type { QuestionedToken, TokenVerdict } from '../explanation/verdict.ts';
import type { LiveSession } from './door.ts';
import type { ActResult, EnableRequest, RevokeRequest, SessionFilter } from './messages.ts';

export type { LiveSession } from './door.ts';
export type { ActResult, EnableRequest, RevokeRequest, SessionFilter } from './messages.ts';

/**
 * `not-running`: nobody answers at the socket; `not-allowed`: it is another user's; `late`: no answer in time;
 * `refused`: the request makes no sense to the server, the message says why; `failed`: the server's fault, or no Postern.
 */
export type AdministrationFailureKind = 'not-running' | 'not-allowed' | 'late' | 'refused' | 'failed';

export class AdministrationFailure extends Error {
  readonly kind: AdministrationFailureKind;

  constructor(kind: AdministrationFailureKind, message: string) {
    super(message);
    this.name = 'AdministrationFailure';
    this.kind = kind;
  }
}

export interface AdministrationClient {
  sessions(filter: SessionFilter): Promise<readonly LiveSession[]>;
  revoke(body: RevokeRequest): Promise<ActResult>;
  enable(body: EnableRequest): Promise<ActResult>;
  /** Empty where the session is unknown, or forgotten. */
  refusals(session: string): Promise<readonly KnownRefusal[]>;
  judge(question: QuestionedToken): Promise<TokenVerdict>;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const ANSWER_MILLISECONDS = 30_000;
/** Some ten thousand sessions, each with its addresses. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Every method rejects with an {@link AdministrationFailure}. `socket` is the path, `timeout` milliseconds. */
export function createAdministrationClient(options: {
  readonly socket: string;
  readonly timeout?: number;
}): AdministrationClient {
  const ask = (method: string, path: string, body?: object): Promise<unknown> =>
    exchange({ ...options, method, path, body }).then(sound);
  return {
    async sessions({ person, client }) {
      const given = Object.entries({ person, client }).filter(([, value]) => value !== undefined);
      const answer = await ask('GET', `/sessions?${new URLSearchParams(given as [string, string][])}`);
      return (answer as { sessions: readonly LiveSession[] }).sessions;
    },
    revoke: async (body) => (await ask('POST', '/revoke', body)) as ActResult,
    enable: async (body) => (await ask('POST', '/enable', body)) as ActResult,
    async refusals(session) {
      const answer = await ask('GET', `/refusals?${new URLSearchParams({ session })}`);
      return (answer as { refusals: readonly KnownRefusal[] }).refusals;
    },
    judge: async (question) => (await ask('POST', '/explain', question)) as TokenVerdict,
  };
}

function sound({ status, body }: Answer): unknown {
  if (status === 200 && typeof body === 'object' && body !== null) return body;
  const error = (body as { error?: unknown } | undefined)?.error;
  const message = typeof error === 'string' ? error : `an answer of status ${status} that is not Postern’s`;
  throw new AdministrationFailure(status >= 400 && status < 500 ? 'refused' : 'failed', message);
}

function exchange(given: {
  socket: string;
  timeout?: number;
  method: string;
  path: string;
  body: object | undefined;
}): Promise<Answer> {
  const { socket, method, path, timeout = ANSWER_MILLISECONDS } = given;
  const text = given.body === undefined ? undefined : JSON.stringify(given.body);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(inPlainWords(error, { socket, timeout }));
    const asking = request(
      {
        socketPath: socket,
        method,
        path,
        // A fresh agent: no proxy of the environment, no connection kept.
        agent: false,
        signal: AbortSignal.timeout(timeout),
        headers: text === undefined ? {} : { 'content-type': 'application/json' },
      },
      (response) => read(response).then(resolve, fail),
    );
    asking.once('error', fail);
    asking.end(text);
  });
}

async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new AdministrationFailure('failed', 'the answer has no end');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const status = response.statusCode ?? 0;
  try {
    return { status, body: JSON.parse(text) };
  } catch {
    return { status, body: undefined };
  }
}

function inPlainWords(error: unknown, given: { socket: string; timeout: number }): AdministrationFailure {
  if (error instanceof AdministrationFailure) return error;
  const { code, name } = error as NodeJS.ErrnoException;
  const { socket } = given;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED') {
    return new AdministrationFailure('not-running', `Postern is not running: nobody answers at ${socket}`);
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new AdministrationFailure('not-allowed', `you may not open ${socket}`);
  }
  if (name === 'AbortError' || name === 'TimeoutError') {
    const seconds = Math.ceil(given.timeout / 1000);
    return new AdministrationFailure('late', `Postern did not answer at ${socket} within ${seconds} s`);
  }
  return new AdministrationFailure('failed', `no answer from ${socket}: ${code ?? 'not Postern'}`);
}
