// Owns the questions to DNS: an interface that tests can answer, and the one that asks a real resolver, within a time.

import { Resolver } from 'node:dns/promises';

/** An answer, the word that there is none, or no word at all. */
export type Answer<T> =
  | { readonly outcome: 'found'; readonly records: readonly T[] }
  | { readonly outcome: 'none' }
  | { readonly outcome: 'unanswered'; readonly reason: string };

export interface ServiceRecord {
  /** Without a final dot; empty where the service is said not to exist (RFC 2782). */
  readonly target: string;
  readonly port: number;
  readonly priority: number;
}

export interface Lookup {
  /** Texts of TXT records, their parts joined. */
  texts(name: string): Promise<Answer<string>>;
  /** A and AAAA together. */
  addresses(name: string): Promise<Answer<string>>;
  /** Names of mail exchangers. */
  exchangers(name: string): Promise<Answer<string>>;
  services(name: string): Promise<Answer<ServiceRecord>>;
}

/**
 * @param options.server `IP` or `IP:port`, else the machine's own resolvers
 * @param options.limits milliseconds: for one question, for all of them from now on
 */
export function createLookup(options: {
  server: string | undefined;
  limits: { readonly answer: number; readonly whole: number };
}): Lookup {
  const { answer: timeout, whole } = options.limits;
  const resolver = new Resolver({ timeout, tries: 1 });
  const deadline = performance.now() + whole;
  if (options.server !== undefined) resolver.setServers([options.server]);
  const ask = <R, T>(question: Promise<R[]>, read: (record: R) => T): Promise<Answer<T>> =>
    answerWithin(question, read, Math.max(0, Math.min(timeout, deadline - performance.now())));
  return {
    texts: (name) => ask(resolver.resolveTxt(name), (parts) => parts.join('')),
    exchangers: (name) => ask(resolver.resolveMx(name), ({ exchange }) => exchange),
    services: (name) =>
      ask(resolver.resolveSrv(name), ({ name: target, port, priority }) => ({ target, port, priority })),
    async addresses(name) {
      const identity = (address: string): string => address;
      const [four, six] = await Promise.all([
        ask(resolver.resolve4(name), identity),
        ask(resolver.resolve6(name), identity),
      ]);
      if (four.outcome === 'found' && six.outcome === 'found')
        return { outcome: 'found', records: [...four.records, ...six.records] };
      if (four.outcome === 'found') return four;
      return six.outcome === 'none' ? four : six;
    },
  };
}

/** More of them are no use to anybody. */
const MAX_RECORDS = 100;
/** The resolver's own words for "there is no such name" and "not of this type". */
const NONE = new Set(['ENOTFOUND', 'ENODATA']);

async function answerWithin<R, T>(
  question: Promise<R[]>,
  read: (record: R) => T,
  limit: number,
): Promise<Answer<T>> {
  const { promise: late, resolve } = Promise.withResolvers<Answer<T>>();
  const timer = setTimeout(() => resolve({ outcome: 'unanswered', reason: 'no answer in time' }), limit);
  const answer = question.then(
    (records): Answer<T> =>
      records.length === 0
        ? { outcome: 'none' }
        : { outcome: 'found', records: records.slice(0, MAX_RECORDS).map(read) },
    (error: NodeJS.ErrnoException): Answer<T> =>
      NONE.has(error.code ?? '') ? { outcome: 'none' } : { outcome: 'unanswered', reason: reasonOf(error) },
  );
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

function reasonOf({ code = '' }: NodeJS.ErrnoException): string {
  if (code === 'ETIMEOUT') return 'no answer in time';
  if (code === 'ESERVFAIL') return 'the resolver failed (SERVFAIL), perhaps for a broken DNSSEC signature';
  if (code === 'ECONNREFUSED') return 'nothing answers at the resolver';
  return `the resolver says ${code || 'nothing of use'}`;
}
