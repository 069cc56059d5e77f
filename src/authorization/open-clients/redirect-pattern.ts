// Owns the patterns by which an operator says where the answers of unknown programs may go.

import { type ReadRedirect, readRedirectUri } from './redirect-uri.ts';

const WORDS = new Set(['loopback', 'private-use']);
const SAME_ORIGIN = 'same-origin';

/** What is wrong with a pattern as the operator wrote it, or undefined; `documents`: whether `same-origin` has a meaning. */
export function faultOfPattern(pattern: string, documents: boolean): string | undefined {
  if (WORDS.has(pattern) || (documents && pattern === SAME_ORIGIN)) return undefined;
  const words = documents ? 'loopback, private-use, same-origin' : 'loopback, private-use';
  if (!pattern.includes(':')) {
    return `is neither a word (${words}) nor an address such as https://app.example.org/callback`;
  }
  const start = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern;
  // A * in the host would let in whoever can register a domain.
  if (start.includes('*')) return 'may hold * at its end only';
  const read = readRedirectUri(start);
  if ('fault' in read) return read.fault;
  return start !== pattern && /^https?:\/\/[^/]*$/.test(start)
    ? 'must have a / before the *, or the * would stand for a part of the host'
    : undefined;
}

/** Whether one of the patterns allows a redirect; `origin` is the document's own, for `same-origin`. */
export function isAllowedBy(
  patterns: readonly string[],
  redirect: ReadRedirect,
  origin?: string | undefined,
): boolean {
  return patterns.some((pattern) => {
    if (WORDS.has(pattern)) return redirect.kind === pattern;
    if (pattern === SAME_ORIGIN) return origin !== undefined && redirect.origin === origin;
    const isBeginning = pattern.endsWith('*');
    const read = readRedirectUri(isBeginning ? pattern.slice(0, -1) : pattern);
    if ('fault' in read || read.kind !== redirect.kind) return false;
    return isBeginning ? redirect.compared.startsWith(read.compared) : redirect.compared === read.compared;
  });
}
