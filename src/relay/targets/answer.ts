// Owns one question to DNS with a time limit: an answer, the word that there is none, or no word at all.

/** @property reason one line for the operator, of our own words and of names that were checked */
export type Answer<T> =
  | { readonly outcome: 'found'; readonly found: T }
  | { readonly outcome: 'none'; readonly reason: string }
  | { readonly outcome: 'unanswered'; readonly reason: string };

/** The resolver's own words for "there is no such name" and "not of this type"; getaddrinfo has the first for both. */
const NONE = new Set(['ENOTFOUND', 'ENODATA']);

/**
 * Never rejects, and never takes longer than told.
 *
 * @param about what is asked, as it is to stand in the reason: `mail.example.org (MX)`
 * @param deadline `performance.now()` until which an answer is waited for
 */
export async function answerWithin<T>(
  question: () => Promise<T[]>,
  { about, deadline }: { about: string; deadline: number },
): Promise<Answer<T[]>> {
  const { promise: late, resolve } = Promise.withResolvers<Answer<T[]>>();
  const timer = setTimeout(
    () => resolve(unanswered(about, 'no answer in time')),
    Math.max(0, deadline - performance.now()),
  );
  const answer = ask(question).then(
    (found): Answer<T[]> => (found.length === 0 ? none(about) : { outcome: 'found', found }),
    (error: NodeJS.ErrnoException): Answer<T[]> =>
      NONE.has(error.code ?? '') ? none(about) : unanswered(about, wordsFor(error)),
  );
  return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** A resolver throws where a name is none, instead of rejecting. */
async function ask<T>(question: () => Promise<T[]>): Promise<T[]> {
  return await question();
}

function none<T>(about: string): Answer<T> {
  return { outcome: 'none', reason: `DNS says that there is no ${about}` };
}

function unanswered<T>(about: string, why: string): Answer<T> {
  return {
    outcome: 'unanswered',
    reason: `no answer from DNS for ${about}: ${why}; check that the name servers of this machine can be reached and answer for it`,
  };
}

function wordsFor({ code = '' }: NodeJS.ErrnoException): string {
  if (code === 'ETIMEOUT' || code === 'ECANCELLED') return 'no answer in time';
  if (code === 'ESERVFAIL') return 'the name server failed (SERVFAIL), perhaps for a broken DNSSEC signature';
  if (code === 'EAI_AGAIN') return 'the system’s resolver got no answer (EAI_AGAIN)';
  if (code === 'ECONNREFUSED') return 'nothing answers at the name server';
  return `the resolver says ${/^[A-Z_]{1,20}$/.test(code) ? code : 'nothing of use'}`;
}
