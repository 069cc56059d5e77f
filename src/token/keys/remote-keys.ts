// The keys of a trusted issuer: fetched when first needed, kept, fetched again at a bounded rate, kept while it is down.

import type { KeyObject } from 'node:crypto';
import { type Refusal, refuse } from '../../refusal.ts';
import type { TokenSettings, TrustedIssuerSettings } from '../settings.ts';
import { shown } from '../shown.ts';
import { discoverJwksUri } from './discovery.ts';
import { type FetchOptions, fetchJson } from './fetch-json.ts';
import { type KeySet, readKeySet } from './key-set.ts';
import type { KeySource, WantedKey } from './key-source.ts';

const TICK_INTERVAL = 60_000;
/** A token made this long before the keys were fetched, milliseconds, cannot be signed with a key that came after them. */
const CLOCK_DIFFERENCE = 60_000;
/** Names of keys that are known not to be there; more are not remembered. */
const MAX_ABSENT = 1_000;
/** Metadata is asked for again after this, or after the keys could not be had where it said. */
const METADATA_LIFETIME = 24 * 3_600_000;

export interface RemoteKeysOptions {
  readonly settings: Pick<TrustedIssuerSettings, 'issuer' | 'jwksUri' | 'allowInsecureHttp'>;
  /** Addresses where the issuer's metadata may be; by default those of an OAuth or OpenID Connect issuer. */
  readonly metadata?: readonly string[];
  readonly jwks: TokenSettings['jwks'];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly fetch: typeof globalThis.fetch;
}

/** Makes no request before the first look-up, so that Postern starts while the issuer is down. */
export class RemoteKeys implements KeySource {
  readonly #options: RemoteKeysOptions;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #keySet: KeySet | undefined;
  #fetchedAt = 0;
  /** When the last fetch began; at most one begins in each cooldown, whether the one before it failed or not. */
  #attemptedAt: number | undefined;
  #failure: string | undefined;
  #inFlight: Promise<void> | undefined;
  /** Names for which the set was fetched and which it has not. */
  readonly #absent = new Set<string | undefined>();
  #discovered: { readonly jwksUri: string; readonly at: number } | undefined;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.tick(), TICK_INTERVAL).unref();
  }

  async find(wanted: WantedKey): Promise<readonly KeyObject[] | Refusal> {
    // Not awaited: a token whose key is at hand never waits for the issuer.
    this.tick();
    const held = this.#keySet?.find(wanted);
    if (typeof held === 'object' && !wanted.heldDidNotFit) return held;
    const isForThis = !this.#inFlight && !this.#isCoolingDown();
    await this.#refresh();
    const found = this.#keySet?.find(wanted);
    if (typeof found === 'object') return found;
    // The key may be one that the issuer has made since: the token may be good, and the client must not throw it away.
    if (found === undefined || this.#failure !== undefined) {
      const { issuer } = this.#options.settings;
      const why = this.#failure ?? 'not fetched';
      return refuse('issuer-unavailable', `keys of ${shown(issuer)} can't be had: ${why}`);
    }
    if (!isForThis && this.#mayComeYet(wanted)) {
      const { issuer } = this.#options.settings;
      return refuse(
        'issuer-unavailable',
        `${found} of ${shown(issuer)} yet, and it is too early to fetch its keys again`,
      );
    }
    if (this.#absent.size < MAX_ABSENT) this.#absent.add(wanted.kid);
    return refuse('token-key', found);
  }

  /** A key made since the last fetch: the issuer may rotate twice within a cooldown, and nobody's good token be called bad for it. */
  #mayComeYet({ kid, issuedAt }: WantedKey): boolean {
    if (this.#absent.has(kid)) return false;
    return issuedAt === undefined || issuedAt * 1000 + CLOCK_DIFFERENCE >= this.#fetchedAt;
  }

  /** Begins a fetch where the set has reached its age, so that withdrawn keys go even while nobody signs in. */
  tick(): void {
    const { now, jwks } = this.#options;
    if (!this.#keySet) return;
    const age = now() - this.#fetchedAt;
    // Below zero: the clock was set back.
    if (age < 0 || age >= jwks.refreshInterval) void this.#refresh();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#closing.abort(new Error('Postern is stopping'));
  }

  /** One fetch for however many wait; nothing within the cooldown, so that tokens with made-up kids cause no more. */
  #refresh(): Promise<void> {
    if (this.#inFlight) return this.#inFlight;
    if (this.#isCoolingDown() || this.#closing.signal.aborted) return Promise.resolve();
    this.#attemptedAt = this.#options.now();
    this.#inFlight = this.#fetchKeySet()
      .catch((error: unknown) => `fault: ${shown(String(error))}`)
      .then((failure) => {
        this.#failure = failure;
        this.#inFlight = undefined;
      });
    return this.#inFlight;
  }

  #isCoolingDown(): boolean {
    if (this.#attemptedAt === undefined) return false;
    const elapsed = this.#options.now() - this.#attemptedAt;
    // Below zero: the clock was set back, and must not keep us from fetching until it has caught up.
    return elapsed >= 0 && elapsed < this.#options.jwks.cooldown;
  }

  async #fetchKeySet(): Promise<string | undefined> {
    const jwksUri = await this.#locate();
    if ('failure' in jwksUri) return jwksUri.failure;
    const outcome = await fetchJson(jwksUri.jwksUri, this.#fetchOptions());
    const keySet = 'body' in outcome ? readKeySet(outcome.body) : outcome.failure;
    if (typeof keySet === 'string') {
      this.#discovered = undefined;
      return 'body' in outcome ? `${shown(jwksUri.jwksUri)}: ${keySet}` : keySet;
    }
    this.#keySet = keySet;
    this.#absent.clear();
    this.#fetchedAt = this.#options.now();
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
