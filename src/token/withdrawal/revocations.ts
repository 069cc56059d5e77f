// What was revoked: held in memory for the verifier, written through to the store, read again for what other nodes revoked.

import { MAX_LEEWAY } from '../settings.ts';
import { clientKey, subjectKey } from '../token-id.ts';
import type { Revocation, RevocationStore, RevokedKind } from './revocation-store.ts';

/** What a revocation is held against: a Principal has it all. */
export interface Revocable {
  readonly issuer: string;
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly tokenId: string | undefined;
  /** Handle of the grant (token-id.ts). */
  readonly grantId: string | undefined;
  /** Seconds since the epoch; a token that does not say so counts as old. */
  readonly issuedAt: number | undefined;
}

export interface Revocations {
  /** Takes effect here before it returns, even where the store then fails (and the promise rejects). */
  revoke(revocation: Revocation): Promise<void>;
  /** By `jti`, grant, subject and client. */
  isRevoked(token: Revocable): boolean;
  /**
   * Up to which second (since the epoch) what is issued to them counts as issued before a revocation: Infinity where whatever is
   * issued does, -Infinity where nothing is revoked.
   */
  revokedUntil(holder: Omit<Revocable, 'issuedAt'>): number;
  /** Called once for each revocation, or again where it now reaches later tokens; also for those of other nodes. Returns what ends it. */
  onRevoked(listener: (revocation: Revocation) => void): () => void;
  /** Reads what other nodes revoked and drops what has expired. To be called every few seconds; rejects where the store fails. */
  tick(): Promise<void>;
  close(): void;
}

export interface RevocationsOptions {
  readonly store: RevocationStore;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const CLEAN_INTERVAL = 60_000;

/** Rejects where the store can't be read: without its revocations no token may be taken. */
export async function openRevocations(options: RevocationsOptions): Promise<Revocations> {
  const { store, now = Date.now } = options;
  const known: Record<RevokedKind, Map<string, Reach>> = {
    token: new Map(),
    grant: new Map(),
    subject: new Map(),
    client: new Map(),
  };
  const listeners = new Set<(revocation: Revocation) => void>();
  let cleanedAt = now();
  let sequence = 0;

  // The verifier takes a token for the leeway beyond its expiry; its revocation must not end before that.
  const horizon = () => Math.floor((now() - MAX_LEEWAY) / 1000);

  /** Whether it reaches tokens that were not reached before. */
  function remember({ kind, id, expiresAt, issuedBefore = Number.POSITIVE_INFINITY }: Revocation): boolean {
    const before = known[kind].get(id);
    known[kind].set(id, {
      expiresAt: Math.max(before?.expiresAt ?? 0, expiresAt),
      issuedBefore: Math.max(before?.issuedBefore ?? 0, issuedBefore),
    });
    return before === undefined || issuedBefore > before.issuedBefore;
  }

  function reachOf(kind: RevokedKind, id: () => string | undefined): number {
    // The names of subjects and clients are hashes: not made while nobody is revoked, which is nearly always.
    if (known[kind].size === 0) return NO_REACH;
    const name = id();
    return (name === undefined ? undefined : known[kind].get(name)?.issuedBefore) ?? NO_REACH;
  }

  function revokedUntil({
    issuer,
    subject,
    clientId,
    tokenId,
    grantId,
  }: Omit<Revocable, 'issuedAt'>): number {
    return Math.max(
      reachOf('token', () => tokenId),
      reachOf('grant', () => grantId),
      reachOf('subject', () => subjectKey(issuer, subject)),
      reachOf('client', () => (clientId === undefined ? undefined : clientKey(issuer, clientId))),
    );
  }

  function tell(revocation: Revocation): void {
    for (const listener of listeners) listener(revocation);
  }

  async function revoke(revocation: Revocation): Promise<void> {
    try {
      if (remember(revocation)) tell(revocation);
    } finally {
      // Whatever becomes of the listeners: a revocation that is not kept would end with this process.
      await store.add(revocation);
    }
  }

  async function tick(): Promise<void> {
    const news = await store.listLive(horizon(), sequence);
    sequence = news.at(-1)?.sequence ?? sequence;
    for (const revocation of news.filter(remember)) tell(revocation);
    if (now() - cleanedAt < CLEAN_INTERVAL) return;
    cleanedAt = now();
    for (const ids of Object.values(known)) dropBefore(ids, horizon());
    await store.removeExpired(horizon());
  }

  await tick();

  return {
    revoke,
    isRevoked: ({ issuedAt = 0, ...holder }) => issuedAt <= revokedUntil(holder),
    revokedUntil,
    onRevoked: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tick,
    close: () => listeners.clear(),
  };
}

const NO_REACH = Number.NEGATIVE_INFINITY;

/** How far a revocation goes: seconds since the epoch. */
interface Reach {
  readonly expiresAt: number;
  readonly issuedBefore: number;
}

function dropBefore(ids: Map<string, Reach>, horizon: number): void {
  for (const [id, { expiresAt }] of ids) if (expiresAt <= horizon) ids.delete(id);
}

/** Whether a revocation concerns a token: for what holds a Principal and is told of a revocation. */
export function concerns(revocation: Revocation, token: Revocable): boolean {
  if ((token.issuedAt ?? 0) > (revocation.issuedBefore ?? Number.POSITIVE_INFINITY)) return false;
  switch (revocation.kind) {
    case 'token':
      return token.tokenId === revocation.id;
    case 'grant':
      return token.grantId === revocation.id;
    case 'subject':
      return subjectKey(token.issuer, token.subject) === revocation.id;
    case 'client':
      return token.clientId !== undefined && clientKey(token.issuer, token.clientId) === revocation.id;
  }
}
