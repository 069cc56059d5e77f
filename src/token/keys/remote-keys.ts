// Whether a trusted issuer has signed a token: by the keys held, by newer ones where they may be fetched, else later.
//
// Keys are fetched at most once in each cooldown, and an issuer may change them right after. So a token that fits no key
// is one of three: wrong, where a fetch that began after it came has not brought its key; good perhaps, where no such fetch
// could be made yet; and never good for lack of a look. The first is 535, and its client throws the token away; the second is
// 454, for no more than a cooldown. What decides in between is how far the issuer's names for its keys can be believed:
//
// - A name that is not known (`kid`): a newer key may have it. 454 until the next fetch; 535 where a fetch has been made for
//   that name already and the token says it is no newer. Not for every token of that name: whoever guesses how the next key
//   is called must not have it called wrong beforehand.
// - A name whose key does not fit: forged, or another key under the same name. One fetch may follow at once on a fetch that
//   brought new keys, to see. Beyond that 535, so that a forger hears it and pays for it; but 454 where the issuer has been
//   seen to give a name twice.
// - No name: the same; and 454 where the issuer is known for such tokens: its keys have no names, or one has been good.
//
// Nobody but the issuer brings about that 454 for good tokens: they need a key that has changed since the last fetch. `iat` only
// ever makes an answer firmer: a token that says it is older than the keys cannot wait for newer ones.

import { type Refusal, refuse } from '../../refusal.ts';
import { shownName } from '../shown.ts';
import { type FetchedKeys, KeyFetches, type KeyFetchesOptions } from './key-fetches.ts';
import type { KeySource } from './key-source.ts';
import { type Signature, unsigned } from './signature.ts';

const TICK_INTERVAL = 60_000;
/** A token made this long before the keys were fetched, milliseconds, cannot be signed with a key that came after them. */
const CLOCK_DIFFERENCE = 60_000;
/** Tokens, and names of keys, remembered as wrong, so that they stay so when they come again before the next fetch. */
const MAX_WRONG = 1_000;
/** Held keys, those of a fetch that was under way, those of one for this token; and some for what changes meanwhile. */
const MAX_ROUNDS = 6;

/** Makes no request before the first look-up, so that Postern starts while the issuer is down. */
export class RemoteKeys implements KeySource {
  readonly #issuer: string;
  readonly #fetches: KeyFetches;
  readonly #timer: NodeJS.Timeout;
  readonly #wrong = new Set<string>();
  /** Names that the issuer has not, by the number of the fetch that was made for them. */
  readonly #absent = new Map<string, number>();
  /** A good token has named no key. */
  #namesNone = false;

  constructor(options: KeyFetchesOptions) {
    this.#issuer = options.settings.issuer;
    this.#fetches = new KeyFetches(options);
    this.#timer = setInterval(() => this.tick(), TICK_INTERVAL).unref();
  }

  async check(signature: Signature): Promise<Refusal | undefined> {
    const fetches = this.#fetches;
    const before = fetches.begun;
    // Not awaited: a token whose key is at hand never waits for the issuer.
    this.tick();
    let verdict: Refusal | undefined;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const { held } = fetches;
      verdict = held && (await this.#checkBy(held, signature));
      if (held && !verdict) return undefined;
      if (held && verdict && held.number > before) return this.#remember(signature, verdict);
      // Another token's fetch has come back during the look at this one's signature.
      if (held !== fetches.held) continue;
      const newer = fetches.next({ early: verdict?.code === 'token-signature' || this.#isAbsent(signature) });
      if (newer === undefined) break;
      await newer;
    }
    return this.#withoutNewer(signature, verdict);
  }

  /** To be called about every minute; a timer does. */
  tick(): void {
    this.#fetches.renew();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#fetches.close();
  }

  async #checkBy({ keySet }: FetchedKeys, signature: Signature): Promise<Refusal | undefined> {
    const { wanted } = signature;
    const found = keySet.find(wanted);
    if (typeof found === 'string') return refuse('token-key', found);
    if (!(await signature.isBy(found))) return unsigned(wanted);
    if (wanted.kid === undefined) this.#namesNone = true;
    return undefined;
  }

  /** The verdict is by keys that may be out of date. */
  #withoutNewer(signature: Signature, verdict: Refusal | undefined): Refusal {
    const { failure } = this.#fetches;
    if (verdict?.code === 'token-signature' && !this.#isNameless(signature)) return verdict;
    // The key may be one that the issuer has made since: the token may be good, and the client must not throw it away.
    if (verdict === undefined || failure !== undefined) {
      const why = failure ?? 'not fetched';
      return refuse('issuer-unavailable', `keys of ${shownName(this.#issuer)} can't be had: ${why}`);
    }
    if (!this.#mayFitYet(signature)) return verdict;
    return refuse(
      'issuer-unavailable',
      `${verdict.reason}: ${shownName(this.#issuer)} may have a newer one, and it is too early to fetch its keys again`,
    );
  }

  /** Whether the name in the token says nothing about which key of this issuer has signed it. */
  #isNameless({ wanted }: Signature): boolean {
    if (wanted.kid !== undefined) return this.#fetches.reusesNames;
    return this.#namesNone || this.#fetches.reusesNames || this.#fetches.held?.keySet.hasUnnamed === true;
  }

  /** By a key made since the last fetch: the issuer may rotate twice within a cooldown, and nobody's good token be called bad for it. */
  #mayFitYet(signature: Signature): boolean {
    if (this.#wrong.has(signature.id())) return false;
    const { issuedAt } = signature.wanted;
    if (issuedAt === undefined) return true;
    const known = this.#isAbsent(signature) ? 0 : CLOCK_DIFFERENCE;
    return issuedAt * 1000 + known > (this.#fetches.held?.at ?? 0);
  }

  #isAbsent({ wanted: { kid } }: Signature): boolean {
    return kid !== undefined && this.#absent.get(kid) === this.#fetches.held?.number;
  }

  #remember(signature: Signature, verdict: Refusal): Refusal {
    const { kid } = signature.wanted;
    this.#wrong.add(signature.id());
    if (verdict.code === 'token-key' && kid !== undefined)
      this.#absent.set(kid, this.#fetches.held?.number ?? 0);
    forgetOldest(this.#wrong);
    forgetOldest(this.#absent);
    return verdict;
  }
}

function forgetOldest(remembered: Set<string> | Map<string, number>): void {
  if (remembered.size <= MAX_WRONG) return;
  for (const oldest of remembered.keys()) {
    remembered.delete(oldest);
    return;
  }
}
