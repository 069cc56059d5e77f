// The key set of a trusted issuer as it was last fetched: at a bounded rate, one fetch for all who wait, kept while the issuer is down.

import type { TokenSettings, TrustedIssuerSettings } from '../settings.ts';
import { shown, shownName } from '../shown.ts';
import { discoverJwksUri } from './discovery.ts';
import { type FetchOptions, fetchJson } from './fetch-json.ts';
import { changesBetween, type KeySet, readKeySet } from './key-set.ts';

/** Metadata is asked for again after this, or after the keys could not be had where it said. */
const METADATA_LIFETIME = 24 * 3_600_000;
/** Cooldowns between two fetches that were made before a cooldown was over. */
const EARLY_SPACING = 10;

export interface KeyFetchesOptions {
  readonly settings: Pick<TrustedIssuerSettings, 'issuer' | 'jwksUri' | 'allowInsecureHttp'>;
  /** Addresses where the issuer's metadata may be; by default those of an OAuth or OpenID Connect issuer. */
  readonly metadata?: readonly string[];
  readonly jwks: TokenSettings['jwks'];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fetch: typeof globalThis.fetch;
}

export interface FetchedKeys {
  readonly keySet: KeySet;
  /** Number of the fetch that brought it; see {@link KeyFetches.begun}. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export class KeyFetches {
  /** Undefined before the first success. */
  held: FetchedKeys | undefined;
  /** Why the last fetch failed; undefined where it has not. */
  failure: string | undefined;
  /** How many fetches have begun. One that begins after a token came brings every key that can have signed it. */
  begun = 0;
  /** The issuer was seen to give a key the name of another. */
  reusesNames = false;
  readonly #options: KeyFetchesOptions;
  readonly #closing = new AbortController();
  /** When the last fetch began; at most one begins in each cooldown, whether the one before it failed or not. */
  #attemptedAt: number | undefined;
  /** The one exception: the last fetch brought new keys, which forged tokens do not make happen, and no other was early lately. */
  #oneMayFollow = false;
  #earlyAt: number | undefined;
  #inFlight: Promise<void> | undefined;
  #discovered: { readonly jwksUri: string; readonly at: number } | undefined;

  constructor(options: KeyFetchesOptions) {
    this.#options = options;
  }

  /**
   * The fetch under way, or one that begins now; undefined where it is too early for another, so that forged tokens cause no more.
   * @param early takes the one fetch that may follow at once on one that brought new keys: an issuer may rotate twice in a cooldown
   */
  next({ early = false } = {}): Promise<void> | undefined {
    if (this.#inFlight) return this.#inFlight;
    const { now, jwks } = this.#options;
    const isEarly = this.#isWithin(jwks.cooldown, this.#attemptedAt);
    const mayBeEarly =
      early && this.#oneMayFollow && !this.#isWithin(EARLY_SPACING * jwks.cooldown, this.#earlyAt);
    if ((isEarly && !mayBeEarly) || this.#closing.signal.aborted) return undefined;
    this.#attemptedAt = now();
    if (isEarly) this.#earlyAt = now();
    this.#oneMayFollow = false;
    this.begun += 1;
    this.#inFlight = this.#fetchKeySet()
      .catch((error: unknown) => `fault: ${shown(String(error))}`)
      .then((failure) => {
        this.failure = failure;
        this.#inFlight = undefined;
      });
    return this.#inFlight;
  }

  /** Begins a fetch where the set has reached its age, so that withdrawn keys go even while nobody signs in. */
  renew(): void {
    const { now, jwks } = this.#options;
    if (!this.held) return;
    const age = now() - this.held.at;
    // Below zero: the clock was set back.
    if (age < 0 || age >= jwks.refreshInterval) void this.next();
  }

  close(): void {
    this.#closing.abort(new Error('Postern is stopping'));
  }

  #isWithin(time: number, since: number | undefined): boolean {
    if (since === undefined) return false;
    const elapsed = this.#options.now() - since;
    // Below zero: the clock was set back, and must not keep us from fetching until it has caught up.
    return elapsed >= 0 && elapsed < time;
  }

  async #fetchKeySet(): Promise<string | undefined> {
    const number = this.begun;
    const jwksUri = await this.#locate();
    if ('failure' in jwksUri) return jwksUri.failure;
    const outcome = await fetchJson(jwksUri.jwksUri, this.#fetchOptions());
    const keySet = 'body' in outcome ? readKeySet(outcome.body) : outcome.failure;
    if (typeof keySet === 'string') {
      this.#discovered = undefined;
      return 'body' in outcome ? `${shownName(jwksUri.jwksUri)}: ${keySet}` : keySet;
    }
    const changes = changesBetween(this.held?.keySet, keySet);
    this.#oneMayFollow = changes.isNew;
    this.reusesNames ||= changes.reusesNames;
    this.held = { keySet, number, at: this.#options.now() };
    return undefined;
  }

  async #locate(): Promise<{ jwksUri: string } | { failure: string }> {
    const { settings, metadata, now } = this.#options;
    if (settings.jwksUri !== undefined) return { jwksUri: settings.jwksUri };
    if (this.#discovered && now() - this.#discovered.at < METADATA_LIFETIME) return this.#discovered;
    const discovered = await discoverJwksUri(settings.issuer, this.#fetchOptions(), metadata);
    if ('jwksUri' in discovered) this.#discovered = { ...discovered, at: now() };
    return discovered;
  }

  #fetchOptions(): FetchOptions {
    const { settings, jwks, fetch } = this.#options;
    return {
      fetch,
      timeout: jwks.timeout,
      allowInsecureHttp: settings.allowInsecureHttp,
      signal: this.#closing.signal,
    };
  }
}
