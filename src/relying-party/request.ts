// One HTTP request of a relying party: bounded in time and size, with failures the operator can read.

import type { CustomFetch } from 'openid-client';

const MAX_ANSWER_BYTES = 1024 * 1024;

/** An issuer that cannot be reached or does not answer as one. The message holds no secret: no query, no body. */
export class RequestFailed extends Error {
  /** Milliseconds that the issuer wants to be left alone for (Retry-After); undefined where it does not say. */
  retryAfter: number | undefined;
}

/** Where http without TLS is spoken: nowhere, with this machine only, or wherever the operator's settings lead. */
export type PlainHttp = 'never' | 'loopback' | 'anywhere';

/**
 * A fetch for openid-client. Rejects with {@link RequestFailed} on network errors, after `timeout` (milliseconds, the
 * whole answer included), on 429 and 5xx, and on answers larger than 1 MiB.
 */
export function createFetch(options: {
  readonly timeout: number;
  readonly plainHttp: PlainHttp;
  /** Sends the request; the global fetch where absent. */
  readonly fetch?: typeof fetch | undefined;
}): CustomFetch {
  return async (address, request) => {
    const url = new URL(address);
    const where = (url.origin + url.pathname).slice(0, 200);
    if (!isAllowed(url, options.plainHttp)) {
      throw new RequestFailed(`${where} is not https, and its host is not this machine`);
    }
    try {
      const answer = await (options.fetch ?? fetch)(url, {
        method: request.method,
        headers: request.headers,
        body: request.body ?? null,
        // A redirect could lead tokens elsewhere; metadata is not redirected either (RFC 8414 §3.2 expects 200).
        redirect: 'manual',
        signal: AbortSignal.timeout(options.timeout),
      });
      const body = await readBounded(answer, where);
      if (answer.status >= 500 || answer.status === 429) {
        const failed = new RequestFailed(`${where} answered ${answer.status}`);
        failed.retryAfter = readRetryAfter(answer.headers.get('retry-after'));
        throw failed;
      }
      const isEmpty = answer.status === 204 || answer.status === 205 || answer.status === 304;
      return new Response(isEmpty ? null : body, { status: answer.status, headers: answer.headers });
    } catch (error) {
      throw error instanceof RequestFailed ? error : describe(error, where, options.timeout);
    }
  };
}

/** A host that is this machine, where http may be spoken without harm. */
function isLoopback(url: URL): boolean {
  return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname);
}

/** Whether anything may be sent there, and whether a browser may be sent there. */
export function isAllowed(url: URL, plainHttp: PlainHttp): boolean {
  if (url.protocol === 'https:') return true;
  if (url.protocol !== 'http:') return false;
  return plainHttp === 'anywhere' || (plainHttp === 'loopback' && isLoopback(url));
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function readRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const wait = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}

async function readBounded(answer: Response, where: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new RequestFailed(`${where} answered with more than 1 MiB`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function describe(error: unknown, where: string, timeout: number): Error {
  if (error instanceof DOMException && error.name === 'TimeoutError') {
    return new RequestFailed(`${where} did not answer within ${timeout} ms`);
  }
  // Node's fetch hides the system's error one level down.
  const cause = error instanceof TypeError && error.cause instanceof Error ? error.cause : undefined;
  if (cause === undefined) return error as Error;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message.slice(0, 60);
  return new RequestFailed(`${where} cannot be reached (${code})`);
}
