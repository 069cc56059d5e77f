// Owns the fetching of a document from an address that a stranger named: bounded in time and size, to public addresses only,
// and no further than asked. Everything here is against server-side request forgery.

import { Resolver, lookup as systemLookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { isPublicAddress } from './private-addresses.ts';

/** A document as it came. */
export interface FetchedDocument {
  readonly text: string;
  /** Seconds that its server lets it be kept; undefined where it does not say. */
  readonly maxAge: number | undefined;
}

/** It could not be had, or is not to be had from there. The message is for the journal. */
export class DocumentFailed extends Error {
  /** Whether another try may help: false where its server said that there is none. */
  readonly mayComeBack: boolean;

  constructor(message: string, mayComeBack = true) {
    super(message);
    this.mayComeBack = mayComeBack;
  }
}

export type FetchDocument = (url: URL) => Promise<FetchedDocument>;

export interface FetchOptions {
  /** `host` or `host:port`, for which neither addresses nor port are limited. */
  readonly privateHosts: readonly string[];
  /** Every address of a host; the system's resolver where absent. */
  readonly resolve?: (host: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Milliseconds for all of it. */
  readonly timeout?: number;
  /** Authorities in PEM; those of the system where absent. */
  readonly authorities?: string;
}

const MAX_BYTES = 10 * 1024;
const TIMEOUT = 5000;

/** Rejects with {@link DocumentFailed} only. */
export function createDocumentFetch(options: FetchOptions): FetchDocument {
  const { privateHosts, timeout = TIMEOUT } = options;
  return async (url) => {
    const isPrivate = privateHosts.includes(url.hostname) || privateHosts.includes(url.host);
    const signal = AbortSignal.timeout(timeout);
    try {
      // A port of its own would make a port scanner of us, an address instead of a name a map of the network.
      if (!isPrivate && url.port !== '') throw new DocumentFailed('port is not 443');
      if (!isPrivate && isIP(bare(url.hostname)) !== 0) throw new DocumentFailed('host is an address');
      const resolve = options.resolve ?? (isPrivate ? resolveHere : resolvePublicly);
      const addresses = await orAborted(resolve(bare(url.hostname), signal), signal);
      if (addresses.length === 0) throw new DocumentFailed('host has no address');
      // One private address among several is reason enough: which one is taken is decided later.
      if (!isPrivate && !addresses.every(isPublicAddress)) {
        throw new DocumentFailed('host has an address that is not public');
      }
      const response = await send(url, addresses, signal, options.authorities);
      return await orAborted(read(response), signal);
    } catch (error) {
      if (error instanceof DocumentFailed) throw error;
      if (signal.aborted) throw new DocumentFailed(`no answer within ${timeout} ms`);
      throw new DocumentFailed(describe(error));
    }
  };
}

/** Connects to one of the addresses and to nothing else: what the name stands for by now is not asked again (rebinding). */
function send(
  url: URL,
  addresses: readonly string[],
  signal: AbortSignal,
  authorities: string | undefined,
): Promise<IncomingMessage> {
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(url, {
      method: 'GET',
      agent: false,
      signal,
      lookup: (_host, { all }, callback) => {
        const [first] = pinned;
        if (all === true) callback(null, pinned);
        else callback(null, first?.address ?? '', first?.family ?? 0);
      },
      maxHeaderSize: 8 * 1024,
      ...(authorities === undefined ? {} : { ca: authorities }),
      headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'Postern' },
    });
    sent.once('response', resolve).on('error', reject).end();
  });
}

async function read(response: IncomingMessage): Promise<FetchedDocument> {
  // What breaks once it is left off is nobody's concern.
  response.on('error', () => {});
  try {
    const { statusCode = 0, headers } = response;
    // A redirect would lead past every check; anything but 200 is no document (draft-02 §5).
    if (statusCode !== 200) {
      const isGone = statusCode >= 400 && statusCode < 500 && statusCode !== 408 && statusCode !== 429;
      throw new DocumentFailed(`answered ${statusCode}`, !isGone);
    }
    if (!/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(headers['content-type'] ?? '')) {
      throw new DocumentFailed('answered with another content type than application/json', false);
    }
    if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
      throw new DocumentFailed('answered in a compressed form', false);
    }
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BYTES) throw new DocumentFailed(`answered with more than ${MAX_BYTES} bytes`, false);
      chunks.push(chunk);
    }
    return { text: Buffer.concat(chunks).toString('utf8'), maxAge: maxAgeOf(headers['cache-control']) };
  } finally {
    response.destroy();
  }
}

/** RFC 9111 §5.2.2; undefined where nothing is said. */
function maxAgeOf(cacheControl: string | undefined): number | undefined {
  if (cacheControl === undefined) return undefined;
  if (/(?:^|[,\s])no-(?:store|cache)\b/i.test(cacheControl)) return 0;
  const seconds = /(?:^|[,\s])max-age\s*=\s*"?([0-9]{1,9})/i.exec(cacheControl)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

// Not the system's lookup: that one waits in a thread that files and signatures need, too, and cannot be called back.
async function resolvePublicly(host: string, signal: AbortSignal): Promise<string[]> {
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  signal.addEventListener('abort', () => resolver.cancel(), { once: true });
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
}

/** With /etc/hosts, as the operator named the host. */
async function resolveHere(host: string): Promise<string[]> {
  return (await systemLookup(host, { all: true })).map(({ address }) => address);
}

async function orAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function describe(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return `cannot be reached (${/^[A-Z_0-9]{1,60}$/.test(code) ? code : 'unknown'})`;
}
