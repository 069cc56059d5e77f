// Owns SPF records as DNS has them (RFC 7208): terms read, and those of other domains that they include.

import type { Answer, Lookup } from './lookup.ts';

export type Qualifier = '+' | '-' | '~' | '?';

export interface SpfTerm {
  readonly qualifier: Qualifier;
  /** Lower case: `all`, `ip4`, `include`, … and `redirect`. */
  readonly kind: string;
  /** What stands behind the colon, or the equals sign. */
  readonly value: string;
  /** Addresses behind `a` and `mx`, as DNS has them now. */
  readonly addresses: readonly string[];
  /** Prefix lengths of IPv4 and IPv6. */
  readonly prefixes: { readonly four: number; readonly six: number };
  /** Behind `include` and `redirect`. */
  readonly policy: SpfPolicy | undefined;
}

export type SpfPolicy =
  | {
      readonly outcome: 'found';
      readonly domain: string;
      readonly record: string;
      readonly terms: readonly SpfTerm[];
    }
  | { readonly outcome: 'none' | 'several' | 'loop' | 'macro'; readonly domain: string }
  | { readonly outcome: 'unanswered'; readonly domain: string; readonly reason: string };

/** RFC 7208 §4.6.4 allows ten questions; a record that wants more is told of, not followed to its end. */
const MAX_QUESTIONS = 30;

interface Walk {
  readonly lookup: Lookup;
  /** Domains on the way here. */
  readonly path: readonly string[];
  readonly budget: { questions: number };
}

export async function readSpf(domain: string, lookup: Lookup): Promise<SpfPolicy> {
  return readPolicy(domain, { lookup, path: [], budget: { questions: MAX_QUESTIONS } });
}

/** Terms that cost a question each, in the record and in all it includes (RFC 7208 §4.6.4). */
export function countQuestions(policy: SpfPolicy | undefined): number {
  if (policy?.outcome !== 'found') return 0;
  return policy.terms
    .map((term) => (ASKING.has(term.kind) ? 1 : 0) + countQuestions(term.policy))
    .reduce((sum, each) => sum + each, 0);
}

const ASKING = new Set(['include', 'a', 'mx', 'ptr', 'exists', 'redirect']);

export function spfTexts(answer: Answer<string>): string[] {
  if (answer.outcome !== 'found') return [];
  // RFC 7208 §4.5: `v=spf10` is none.
  return answer.records.filter((text) => /^v=spf1(?: |$)/i.test(text));
}

async function readPolicy(domain: string, walk: Walk): Promise<SpfPolicy> {
  // Macros (RFC 7208 §7) depend on the message.
  if (domain.includes('%')) return { outcome: 'macro', domain };
  if (walk.path.includes(domain.toLowerCase())) return { outcome: 'loop', domain };
  if (walk.budget.questions <= 0)
    return { outcome: 'unanswered', domain, reason: 'too many questions before it' };
  walk.budget.questions -= 1;
  const answer = await walk.lookup.texts(domain);
  if (answer.outcome === 'unanswered') return { ...answer, domain };
  const [record, second] = spfTexts(answer);
  if (record === undefined) return { outcome: 'none', domain };
  if (second !== undefined) return { outcome: 'several', domain };
  const terms: SpfTerm[] = [];
  const inner = { ...walk, path: [...walk.path, domain.toLowerCase()] };
  for (const word of record.split(/ +/).slice(1)) {
    const term = await readTerm(word, domain, inner);
    if (term) terms.push(term);
  }
  return { outcome: 'found', domain, record, terms };
}

async function readTerm(word: string, domain: string, walk: Walk): Promise<SpfTerm | undefined> {
  const [, sign = '', name = '', separator = '', rest = ''] =
    /^([+\-~?]?)([a-z0-9._-]+)([:=/]?)(.*)$/i.exec(word) ?? [];
  const kind = name.toLowerCase();
  // Modifiers but redirect say nothing about who may send.
  if (kind === '' || (separator === '=' && kind !== 'redirect')) return undefined;
  const [, value = '', four, six] =
    /^(.*?)(?:\/(\d{1,3}))?(?:\/\/(\d{1,3}))?$/.exec(separator === '/' ? `/${rest}` : rest) ?? [];
  const isAddress = kind === 'ip4' || kind === 'ip6';
  const target = value === '' ? domain : value;
  const follows = kind === 'include' || kind === 'redirect';
  return {
    qualifier: (sign || '+') as Qualifier,
    kind,
    value,
    addresses: isAddress ? [value] : await addressesOf(kind, target, walk),
    prefixes: { four: Number(four ?? 32), six: Number(six ?? (kind === 'ip6' ? four : undefined) ?? 128) },
    policy: follows ? await readPolicy(target, walk) : undefined,
  };
}

async function addressesOf(kind: string, target: string, walk: Walk): Promise<string[]> {
  if (!['a', 'mx'].includes(kind) || target.includes('%') || walk.budget.questions <= 0) return [];
  walk.budget.questions -= 1;
  if (kind === 'a') return recordsOf(await walk.lookup.addresses(target));
  const names = recordsOf(await walk.lookup.exchangers(target)).slice(0, 10);
  const found: string[] = [];
  for (const name of names) {
    if (walk.budget.questions <= 0) break;
    walk.budget.questions -= 1;
    found.push(...recordsOf(await walk.lookup.addresses(name)));
  }
  return found;
}

function recordsOf(answer: Answer<string>): string[] {
  return answer.outcome === 'found' ? [...answer.records] : [];
}
