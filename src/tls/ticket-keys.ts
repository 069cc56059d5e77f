// Owns the keys under which TLS sessions are resumed: shared by every process, changed at fixed times, never shown.
//
// Node's documented `ticketKeys` knows one key and gives no fresh ticket on a resumed session of TLS 1.3. Its contexts also have
// an undocumented callback, fenced in here: test/unit/tls/ticket-callback.test.ts fails where an upgrade of Node moves it, and
// without it the documented option is used.

import { randomBytes } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { StoredTicketKey, TicketKeyStore } from './ticket-key-store.ts';

export interface TicketKeys {
  /** A context whose sessions can be resumed by every process. It counts for the connections whose handshake begins with it. */
  makeContext(options: SecureContextOptions): SecureContext;
  /** Called when contexts must be made anew: only where Node has lost its callback. Returns what ends it. */
  onChange(listener: () => void): () => void;
  /** Reads the keys that others made, makes the next one in time, drops old ones. To be called about every minute; rejects where the store fails. */
  tick(): Promise<void>;
  close(): void;
}

export interface TicketKeysOptions {
  readonly store: TicketKeyStore;
  /** Milliseconds, whole seconds. Tickets can be used for as long. */
  readonly rotateEvery: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** node:tls's own, unless a test stands in for a later Node. */
  readonly createContext?: typeof createSecureContext;
}

/** Rejects where the store cannot be read. */
export async function openTicketKeys(options: TicketKeysOptions): Promise<TicketKeys> {
  const { store, now = Date.now, createContext = createSecureContext } = options;
  const period = Math.max(1, Math.floor(options.rotateEvery / 1000));
  const seconds = (): number => Math.floor(now() / 1000);
  const listeners = new Set<() => void>();
  let keys: readonly Key[] = [];
  let ticking: Promise<void> | undefined;
  /** Start of the key that contexts without the callback were made with. */
  let builtIn: number | undefined;

  const isLive = (key: Key): boolean => key.expiresAt > seconds();
  const current = (): Key | undefined => keys.findLast((key) => key.startsAt <= seconds() && isLive(key));

  async function bringUpToDate(): Promise<void> {
    keys = (await sharedKeys(store, seconds(), period)).flatMap(parseKey);
    if (builtIn === undefined || builtIn === current()?.startsAt) return;
    for (const listener of listeners) listener();
  }

  function tick(): Promise<void> {
    ticking ??= bringUpToDate().finally(() => {
      ticking = undefined;
    });
    return ticking;
  }

  /** Must not throw, and give every buffer in each case: Node aborts the process else (crypto_context.cc, TicketKeyCallback). */
  function onTicket(name: Buffer, _iv: Buffer, isNew: boolean): unknown[] {
    if (isNew) {
      const key = current();
      return key ? [USE, key.hmacKey, key.aesKey, key.name, randomBytes(PART)] : NO_TICKET;
    }
    const key = keys.find((candidate) => isLive(candidate) && candidate.name.equals(name));
    // RFC 8446 §C.4: a client should use a ticket once, so each resumed session gets a fresh one.
    return key ? [USE_AND_RENEW, key.hmacKey, key.aesKey] : NO_TICKET;
  }

  await tick();

  return {
    makeContext(given) {
      const key = current();
      const context = createContext({
        ...given,
        sessionTimeout: period,
        ...(key && { ticketKeys: Buffer.concat([key.name, key.hmacKey, key.aesKey]) }),
      });
      const inner: TicketCallbackContext = context.context;
      if (typeof inner.enableTicketKeyCallback === 'function') {
        inner.onticketkeycallback = onTicket;
        inner.enableTicketKeyCallback();
      } else {
        builtIn = key?.startsAt;
      }
      return context;
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tick,
    close() {
      listeners.clear();
      keys = [];
    },
  };
}

interface TicketCallbackContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: (name: Buffer, iv: Buffer, isNew: boolean) => unknown[];
}

interface Key {
  readonly startsAt: number;
  readonly expiresAt: number;
  readonly name: Buffer;
  readonly hmacKey: Buffer;
  readonly aesKey: Buffer;
}

/** Bytes of a key's name, of each of its halves, and of an initialisation vector. */
const PART = 16;
const NOTHING = Buffer.alloc(PART);

// What OpenSSL's ticket callback returns (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)).
const USE = 1;
const USE_AND_RENEW = 2;
/** A full handshake, or no ticket at the end of one. */
const NO_TICKET = [0, NOTHING, NOTHING, NOTHING, NOTHING];

/** The keys of the store, with those of this period and the next among them. */
async function sharedKeys(
  store: TicketKeyStore,
  now: number,
  period: number,
): Promise<readonly StoredTicketKey[]> {
  const kept = await store.listLive(now);
  // Periods are counted from the epoch, so that processes agree on them without a word. The key of the next one is made in
  // this one: when it is taken into use every process has it.
  const startsAt = Math.floor(now / period) * period;
  const missing = [startsAt, startsAt + period].filter(
    (start) => !kept.some((key) => key.startsAt === start),
  );
  if (missing.length === 0) return kept;
  await store.removeExpired(now);
  // Others may find the same missing at the same time: the store keeps the first, and all read what it kept.
  await store.addMissing(missing.map((start) => makeKey(start, period)));
  return await store.listLive(now);
}

/** Used for one period; tickets of its last moment are good for another (RFC 9325 §3.4: half as long as the key). */
function makeKey(startsAt: number, period: number): StoredTicketKey {
  return { startsAt, expiresAt: startsAt + 2 * period, key: randomBytes(3 * PART).toString('base64') };
}

function parseKey({ startsAt, expiresAt, key }: StoredTicketKey): Key[] {
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length !== 3 * PART) return [];
  const part = (index: number): Buffer => bytes.subarray(index * PART, (index + 1) * PART);
  return [{ startsAt, expiresAt, name: part(0), hmacKey: part(1), aesKey: part(2) }];
}
