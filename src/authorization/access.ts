// Owns the end of access at its source: whoever lost trust, their grants, refresh tokens and browser sessions go, and the
// access tokens already out there are revoked.

import type { Account } from '../token/account.ts';
import type { Revocations } from '../token/revocations.ts';
import { clientKey, subjectKey } from '../token/token-id.ts';
import { createDisabledBy } from './access-disabled.ts';
import { createStoredAccess, type StoredGrant } from './access-grants.ts';
import { type IdpSession, idpSessionKey } from './access-origins.ts';
import type { ConsentMemory } from './consents.ts';
import type { AuthorizationEvents } from './events.ts';
import type { AccountStore, ArtifactStore } from './stores.ts';

/** One person by account, by name at an identity provider, or everybody who may send as an address. */
export type PersonReference =
  | { readonly accountId: string }
  | { readonly idpIssuer: string; readonly idpSubject: string }
  | { readonly address: string };

/** What came to an end. `known` is false where nobody and nothing of that name was found. */
export interface Ended {
  readonly known: boolean;
  readonly people: number;
  readonly grants: number;
  readonly browserSessions: number;
}

export interface Why {
  /** One line for the journal: who or what ended it. */
  readonly cause: string;
}

/** Every act takes effect in this process before it resolves, is one audit event for each that ended, and may be repeated. */
export interface Access {
  /**
   * Ends all grants, refresh tokens and browser sessions of a person, and revokes the access tokens issued until now.
   * `disable`: they cannot sign in again until enabled; `by` names the issuer of a signal, which may then enable them again.
   * `spareOffline`: grants that were allowed to outlive the session stay, with their tokens.
   */
  endPerson(
    who: PersonReference,
    why: Why & { readonly disable?: boolean; readonly by?: string; readonly spareOffline?: boolean },
  ): Promise<Ended>;
  /** Lets a person sign in again. With `by` only where the same one disabled them. `people` tells how many were. */
  enablePerson(who: PersonReference, why: Why & { readonly by?: string }): Promise<Ended>;
  /**
   * Ends what came from one session at the identity provider. `idpSubject`, where known, also reaches what carries no mark of
   * its session, and the identity provider's own tokens where they are accepted directly.
   */
  endIdpSession(
    session: IdpSession & { readonly idpSubject?: string | undefined },
    why: Why & { readonly spareOffline?: boolean },
  ): Promise<Ended>;
  /** Ends all grants of a client and revokes its tokens. It may get new ones unless it is taken out of the configuration. */
  endClient(clientId: string, why: Why): Promise<Ended>;
  /** By the grant's handle (token-id.ts). */
  endGrant(handle: string, why: Why): Promise<Ended>;
  /** Revokes one access token of Postern's own or of a trusted issuer by its `jti`. */
  endToken(token: { readonly issuer: string; readonly tokenId: string }, why: Why): Promise<Ended>;
}

export interface AccessOptions {
  readonly artifacts: ArtifactStore;
  readonly accounts: AccountStore;
  readonly revocations: Pick<Revocations, 'revoke'>;
  readonly consents: Pick<ConsentMemory, 'forget'>;
  readonly events: Pick<
    AuthorizationEvents,
    'personEnded' | 'personEnabled' | 'idpSessionEnded' | 'clientEnded' | 'grantRevoked' | 'tokenRevoked'
  >;
  /** Postern's own issuer. */
  readonly issuer: string;
  /** Issuers whose access tokens are accepted directly. */
  readonly trustedIssuers: readonly string[];
  readonly clients: readonly string[];
  /** Longest time that a verifier takes an access token of Postern's own, milliseconds. */
  readonly tokenLifetime: number;
  /** Milliseconds. */
  readonly sessionLifetime: number;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

/** Milliseconds. How long tokens of other issuers live is theirs to say; one that lives longer than this is seen again. */
const FOREIGN_TOKEN_LIFETIME = 30 * 86_400_000;
const NOTHING: Ended = { known: false, people: 0, grants: 0, browserSessions: 0 };
const HANDLE = /^[\w-]{16}$/;

export function createAccess(options: AccessOptions): Access {
  const { accounts, revocations, consents, events, issuer, now = Date.now } = options;
  const trusted = new Set(options.trustedIssuers);
  const stored = createStoredAccess({ ...options, now });
  const disabledBy = createDisabledBy({ artifacts: options.artifacts, accounts });
  // A browser session from before counts as over as well (grants.ts), so the mark lives as long as one.
  const ownUntil = () => seconds(now() + Math.max(options.tokenLifetime, options.sessionLifetime));
  const foreignUntil = () => seconds(now() + FOREIGN_TOKEN_LIFETIME);

  async function revokeSubject(of: string, subject: string, cause: string): Promise<void> {
    const isOwn = of === issuer;
    await revocations.revoke({
      kind: 'subject',
      id: subjectKey(of, subject),
      expiresAt: isOwn ? ownUntil() : foreignUntil(),
      // Another's clock may be a little ahead of ours.
      issuedBefore: isOwn ? Math.floor(now() / 1000) : seconds(now()),
      cause,
    });
  }

  async function endGrants(
    grants: AsyncIterable<StoredGrant>,
    end: { cause: string; forget: boolean; spare?: (grant: StoredGrant) => boolean | Promise<boolean> },
  ): Promise<StoredGrant[]> {
    const ended: StoredGrant[] = [];
    for await (const grant of grants) {
      if (await end.spare?.(grant)) continue;
      await stored.endGrant(grant, end.cause);
      const { accountId, clientId } = grant;
      if (end.forget && accountId !== undefined && clientId !== undefined) {
        await consents.forget(accountId, clientId);
      }
      ended.push(grant);
    }
    return ended;
  }

  async function people(who: PersonReference): Promise<readonly Account[]> {
    if ('address' in who) return accounts.findByAddress(who.address);
    const one =
      'accountId' in who
        ? await accounts.find(who.accountId)
        : await accounts.findByPerson(who.idpIssuer, who.idpSubject);
    return one === undefined ? [] : [one];
  }

  async function endAccount(account: Account, end: EndOfPerson): Promise<Ended> {
    const { cause, disable = false, spareOffline = false } = end;
    if (!spareOffline) {
      await revokeSubject(issuer, account.id, cause);
      if (trusted.has(account.idpIssuer)) await revokeSubject(account.idpIssuer, account.idpSubject, cause);
    }
    if (disable) await disabledBy.disable(account.id, end.by);
    const browserSessions = await stored.endBrowserSessions(account.id);
    const spare = ({ isOffline }: StoredGrant) => spareOffline && isOffline;
    const mark = { accountId: account.id };
    const ended = await endGrants(stored.grants(mark), { cause, forget: !spareOffline, spare });
    const user = account.addresses[0] ?? account.id;
    const counts = { grants: ended.length, browserSessions };
    events.personEnded({ user, issuer: account.idpIssuer, cause, ...counts, disabled: disable });
    return { known: true, people: 1, ...counts };
  }

  async function endUnmarked(idpIssuer: string, idpSubject: string, end: EndOfPerson): Promise<number> {
    const account = await accounts.findByPerson(idpIssuer, idpSubject);
    if (account === undefined) return 0;
    const spare = async (grant: StoredGrant) =>
      (end.spareOffline === true && grant.isOffline) || (await stored.hasOrigin(grant));
    const grants = stored.grants({ accountId: account.id });
    return (await endGrants(grants, { cause: end.cause, forget: false, spare })).length;
  }

  return {
    async endPerson(who, end) {
      const found = await people(who);
      const results: Ended[] = [];
      for (const account of found) results.push(await endAccount(account, end));
      // Somebody who never signed in here may still hold the identity provider's own tokens.
      if (found.length === 0 && 'idpSubject' in who && trusted.has(who.idpIssuer)) {
        await revokeSubject(who.idpIssuer, who.idpSubject, end.cause);
        const { idpSubject: user, idpIssuer } = who;
        events.personEnded({
          user,
          issuer: idpIssuer,
          cause: end.cause,
          grants: 0,
          browserSessions: 0,
          disabled: false,
        });
        return { ...NOTHING, known: true, people: 1 };
      }
      return results.reduce(sum, NOTHING);
    },

    async enablePerson(who, { cause, by }) {
      const found = await people(who);
      let enabled = 0;
      for (const account of found) {
        if (!(await disabledBy.enable(account.id, by))) continue;
        enabled += 1;
        events.personEnabled({ user: account.addresses[0] ?? account.id, issuer: account.idpIssuer, cause });
      }
      return { ...NOTHING, known: found.length > 0, people: enabled };
    },

    async endIdpSession({ idpIssuer, sid, idpSubject }, end) {
      const { cause, spareOffline = false } = end;
      const key = idpSessionKey({ idpIssuer, sid });
      const spare = ({ isOffline }: StoredGrant) => spareOffline && isOffline;
      const ended = await endGrants(stored.grantsFrom(key), { cause, forget: false, spare });
      const signedOut = await stored.endBrowserSessionsFrom(key);
      const [accountId] = [...signedOut, ...ended.map((grant) => grant.accountId)];
      const account = accountId === undefined ? undefined : await accounts.find(accountId);
      const subject = idpSubject ?? account?.idpSubject;
      const isTrusted = trusted.has(idpIssuer) && subject !== undefined;
      if (isTrusted && !spareOffline) await revokeSubject(idpIssuer, subject, cause);
      const unmarked = idpSubject === undefined ? 0 : await endUnmarked(idpIssuer, idpSubject, end);
      const counts = { grants: ended.length + unmarked, browserSessions: signedOut.length };
      const known = isTrusted || counts.grants + counts.browserSessions > 0;
      if (known) {
        events.idpSessionEnded({ user: account?.addresses[0], issuer: idpIssuer, cause, ...counts });
      }
      return { known, people: known ? 1 : 0, ...counts };
    },

    async endClient(clientId, { cause }) {
      const issuedBefore = seconds(now());
      for (const of of [issuer, ...trusted]) {
        const expiresAt = of === issuer ? ownUntil() : foreignUntil();
        await revocations.revoke({
          kind: 'client',
          id: clientKey(of, clientId),
          expiresAt,
          issuedBefore,
          cause,
        });
      }
      const ended = await endGrants(stored.grants({ clientId }), { cause, forget: true });
      events.clientEnded({ client: clientId, cause, grants: ended.length });
      const known = ended.length > 0 || options.clients.includes(clientId);
      return { ...NOTHING, known, grants: ended.length };
    },

    async endGrant(handle, { cause }) {
      if (!HANDLE.test(handle)) return NOTHING;
      const ended = await endGrants(stored.grants({ idBeginning: handle }), { cause, forget: true });
      const [grant] = ended;
      if (grant === undefined) {
        // Its row may be gone while a token of it lives on for some minutes.
        await revocations.revoke({ kind: 'grant', id: handle, expiresAt: ownUntil(), cause });
        return NOTHING;
      }
      const account = grant.accountId === undefined ? undefined : await accounts.find(grant.accountId);
      events.grantRevoked({ client: grant.clientId, user: account?.addresses[0], grant: handle, cause });
      return { ...NOTHING, known: true, grants: 1 };
    },

    async endToken({ issuer: of, tokenId }, { cause }) {
      if (of !== issuer && !trusted.has(of)) return NOTHING;
      const expiresAt = of === issuer ? ownUntil() : foreignUntil();
      await revocations.revoke({ kind: 'token', id: tokenId, expiresAt, cause });
      events.tokenRevoked({ tokenId, cause });
      return { ...NOTHING, known: true };
    },
  };
}

type EndOfPerson = Parameters<Access['endPerson']>[1];

function sum(one: Ended, other: Ended): Ended {
  return {
    known: one.known || other.known,
    people: one.people + other.people,
    grants: one.grants + other.grants,
    browserSessions: one.browserSessions + other.browserSessions,
  };
}

function seconds(milliseconds: number): number {
  return Math.ceil(milliseconds / 1000);
}
