// Owns the tokens at hand: one request for everybody who waits for the same one, renewed before they end.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { Secret } from '../../setting.ts';
import type { Granted } from './token-endpoint.ts';
import { type Failed, isFailed } from './token-failure.ts';

export interface TokenCache<Wanted> {
  /** @param refused the upstream has just refused this token. Never rejects, and never takes longer than the patience. */
  get(key: string, wanted: Wanted, refused: Secret | undefined): Promise<Secret | Refusal>;
  clear(): void;
}

interface Slot {
  granted: Granted | undefined;
  pending: Promise<Secret | Refusal> | undefined;
  failure: { readonly refusal: Refusal; readonly until: number } | undefined;
  /** When the token at hand was fetched because the upstream had refused the one before it. */
  replacedAt: number | undefined;
}

// Milliseconds.
const AHEAD = 300_000;
const MARGIN = 30_000;
const REPLACED_PAUSE = 30_000;

export function createTokenCache<Wanted>(options: {
  readonly fetchToken: (wanted: Wanted) => Promise<Granted | Failed>;
  /** How long a caller waits at most, milliseconds. */
  readonly patience: number;
  readonly maxTokens: number;
  /** Milliseconds. */
  readonly now: () => number;
  /** Told of a renewal that failed while the old token still served. */
  readonly report: (refusal: Refusal) => void;
}): TokenCache<Wanted> {
  const { fetchToken, patience, maxTokens, now, report } = options;
  const slots = new Map<string, Slot>();

  function slotOf(key: string): Slot {
    const slot = slots.get(key) ?? {
      granted: undefined,
      pending: undefined,
      failure: undefined,
      replacedAt: undefined,
    };
    // At the end of the map stands what was used last.
    slots.delete(key);
    slots.set(key, slot);
    if (slots.size > maxTokens) dropOldest();
    return slot;
  }

  function dropOldest(): void {
    for (const [key, slot] of slots) {
      if (slot.pending !== undefined) continue;
      slots.delete(key);
      return;
    }
  }

  async function fetchInto(
    slot: Slot,
    wanted: Wanted,
    refused: Secret | undefined,
  ): Promise<Secret | Refusal> {
    const result = await fetchToken(wanted).catch(faultOf);
    slot.pending = undefined;
    if (isFailed(result)) {
      slot.failure = { refusal: result.refusal, until: now() + result.pause };
      if (isUsable(slot.granted, now())) report(result.refusal);
      return result.refusal;
    }
    slot.failure = undefined;
    slot.granted = result;
    slot.replacedAt = refused === undefined ? undefined : now();
    return result.token;
  }

  return {
    async get(key, wanted, refused) {
      const slot = slotOf(key);
      const { granted } = slot;
      const isRefused = granted !== undefined && isSame(granted.token, refused);
      const mayAsk = slot.failure === undefined || now() >= slot.failure.until;
      if (granted !== undefined && isUsable(granted, now()) && !isRefused) {
        if (mayAsk && slot.pending === undefined && now() >= renewalOf(granted)) {
          slot.pending = fetchInto(slot, wanted, undefined);
        }
        return granted.token;
      }
      if (slot.pending === undefined) {
        if (isRefused && now() - (slot.replacedAt ?? Number.NEGATIVE_INFINITY) < REPLACED_PAUSE) {
          return refuse('upstream-login', REFUSED_AGAIN);
        }
        if (slot.failure !== undefined && !mayAsk) return slot.failure.refusal;
        slot.pending = fetchInto(slot, wanted, isRefused ? refused : undefined);
      }
      const token = await within(patience, slot.pending);
      return !isRefusal(token) && isSame(token, refused) ? refuse('upstream-login', SAME_AGAIN) : token;
    },
    clear: () => slots.clear(),
  };
}

// Without this, each client of an upstream that takes no token at all would cost the token endpoint a request.
const REFUSED_AGAIN =
  'the upstream refuses tokens that were fetched just now; may this account send there, and with this mailbox?';
const SAME_AGAIN = 'the token endpoint gives the very token that the upstream refuses';

/** A token that ends while it is on its way to the upstream is of no use. */
function isUsable(granted: Granted | undefined, now: number): boolean {
  return granted !== undefined && now < granted.expiresAt - Math.min(MARGIN, granted.lifetime / 10);
}

function renewalOf({ expiresAt, lifetime }: Granted): number {
  return expiresAt - Math.min(AHEAD, lifetime / 5);
}

function isSame(token: Secret, other: Secret | undefined): boolean {
  return other !== undefined && token.reveal() === other.reveal();
}

/** Nobody's "no" but a fault of ours; its message may quote what was sent. */
function faultOf(error: unknown): Failed {
  const name = error instanceof Error ? error.name : 'unknown';
  return {
    refusal: refuse('internal-error', `fetching a token for the upstream failed with ${name}`),
    pause: 5_000,
    isGeneral: false,
  };
}

async function within(patience: number, pending: Promise<Secret | Refusal>): Promise<Secret | Refusal> {
  let timer: NodeJS.Timeout | undefined;
  const tired = new Promise<Refusal>((resolve) => {
    const reason = `no token within ${patience} ms`;
    timer = setTimeout(() => resolve(refuse('upstream-unavailable', reason)), patience);
  });
  try {
    return await Promise.race([pending, tired]);
  } finally {
    clearTimeout(timer);
  }
}
