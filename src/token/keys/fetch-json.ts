// One bounded fetch of a JSON document from an issuer: https, no redirects, limits of time and size.

import { shown, shownName } from '../shown.ts';

/** Metadata and key sets are a few KB; the largest seen hold some dozen certificates each. */
const MAX_OCTETS = 512 * 1024;

export interface FetchOptions {
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds for the whole answer. */
  readonly timeout: number;
  readonly allowInsecureHttp: boolean;
  /** Ends a fetch when the process stops. */
  readonly signal: AbortSignal;
  /** 512 KiB where absent. */
  readonly maxOctets?: number;
  /** Sent with POST, as a form or as JSON; without it the document is fetched with GET. */
  readonly post?: {
    readonly headers: Readonly<Record<string, string>>;
    readonly body: URLSearchParams | object;
  };
}

/** `answered` tells an issuer that speaks nonsense from one that does not speak at all; `status` is there where it is not 200. */
export type FetchOutcome =
  | { readonly body: unknown }
  | { readonly failure: string; readonly answered: boolean; readonly status?: number };

/** Never throws: whatever goes wrong on the way is a `failure` in one phrase. */
export async function fetchJson(url: string, options: FetchOptions): Promise<FetchOutcome> {
  const { post } = options;
  const unfit = unfitAddress(url, options);
  if (unfit !== undefined) return { failure: unfit, answered: true };
  const timeLimit = AbortSignal.timeout(options.timeout);
  try {
    const response = await options.fetch(url, {
      ...(post === undefined ? {} : { method: 'POST', body: bodyText(post.body) }),
      headers: {
        accept: 'application/json, application/jwk-set+json',
        ...(post === undefined ? {} : { 'content-type': mediaTypeOf(post.body), ...post.headers }),
      },
      // A redirect would let whoever controls one path of the host, or an open redirector on it, name the keys.
      redirect: 'manual',
      signal: AbortSignal.any([timeLimit, options.signal]),
    });
    return await readAnswer(url, response, options.maxOctets ?? MAX_OCTETS);
  } catch (error) {
    const why = timeLimit.aborted ? `no answer within ${options.timeout} ms` : causeOf(error);
    return { failure: `${shownName(url)}: ${why}`, answered: false };
  }
}

function unfitAddress(url: string, { allowInsecureHttp }: FetchOptions): string | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed) return `${shownName(url)} is not a URL`;
  if (parsed.username !== '' || parsed.password !== '') return 'a URL with a user name in it is refused';
  if (parsed.protocol === 'https:' || (parsed.protocol === 'http:' && allowInsecureHttp)) return undefined;
  return `${shownName(url)} is not https`;
}

function bodyText(body: URLSearchParams | object): string {
  return body instanceof URLSearchParams ? body.toString() : JSON.stringify(body);
}

function mediaTypeOf(body: URLSearchParams | object): string {
  return body instanceof URLSearchParams ? 'application/x-www-form-urlencoded' : 'application/json';
}

async function readAnswer(url: string, response: Response, maxOctets: number): Promise<FetchOutcome> {
  if (response.status !== 200) {
    await response.body?.cancel();
    const redirected = response.status >= 300 && response.status < 400;
    const why = `status ${response.status}${redirected ? ', redirects are not followed' : ''}`;
    return { ...fault(url, why), status: response.status };
  }
  const octets = await readBounded(response, maxOctets);
  if (!octets) return fault(url, `longer than ${maxOctets} octets`);
  try {
    return { body: JSON.parse(octets.toString('utf8')) };
  } catch {
    return fault(url, 'not JSON');
  }
}

// Counted while reading and after decompression: Content-Length may be absent or a lie.
async function readBounded(response: Response, maxOctets: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxOctets) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function fault(url: string, why: string): { failure: string; answered: true } {
  return { failure: `${shownName(url)}: ${why}`, answered: true };
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return 'failed';
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  return code ?? shown(cause.message);
}
