// Owns which session at the identity provider (`sid`) a browser session and a grant come from, so that its end ends them.

import { createHash } from 'node:crypto';
import { INTERACTION_LIFETIME } from '../provider/access-tokens.ts';
import type { ArtifactStore } from '../stores.ts';
import { reachOf } from './revocations.ts';

/** One row per browser session, by its `uid`; and one per grant, by the id of the grant's own row. */
export const SESSION_ORIGIN = 'SessionOrigin';
export const GRANT_ORIGIN = 'GrantOrigin';

/** One row per session at the identity provider that has ended, by its mark: up to which second (since the epoch) that reaches. */
const ENDED_SESSION = 'EndedIdpSession';
/** A session at the identity provider. */
export interface IdpSession {
  readonly idpIssuer: string;
  /** `sid` of its ID token (OpenID Connect Back-Channel Logout 1.0 §2.1). */
  readonly sid: string;
}

export interface Origins {
  /** Notes where a browser session comes from; a later sign-in in the same one takes its place. */
  rememberSession(uid: string, session: IdpSession): Promise<void>;
  /** Notes that a grant was given in a browser session; nothing where that one's origin is not known. */
  rememberGrant(grantId: string, browserSession: string | undefined): Promise<void>;
  /** Notes that a session at the identity provider has ended. To be called before what came of it is looked for. */
  rememberEnd(session: IdpSession): Promise<void>;
  /**
   * Up to which second (since the epoch) the sign-ins of a session there, or of the one a browser session comes from, are over
   * since it ended. -Infinity where it did not.
   */
  endedUntil(of: SessionName): Promise<number>;
}

/** A session at the identity provider, or a browser session by its `uid`. */
export type SessionName = IdpSession | { readonly browserSession: string };

export function createOrigins(options: {
  readonly artifacts: ArtifactStore;
  /** Milliseconds: how long a browser session and a grant live at most. */
  readonly sessionLifetime: number;
  readonly grantLifetime: number;
  readonly now?: (() => number) | undefined;
}): Origins {
  const { artifacts, now = Date.now } = options;
  const seconds = (lifetime = 0) => Math.floor((now() + lifetime) / 1000);
  const row = { payload: '{}', grantId: undefined, uid: undefined, userCode: undefined };
  return {
    async rememberSession(uid, session) {
      await artifacts.put(SESSION_ORIGIN, uid, {
        ...row,
        uid,
        idpSession: idpSessionKey(session),
        expiresAt: seconds(options.sessionLifetime),
      });
    },
    async rememberGrant(grantId, browserSession) {
      if (browserSession === undefined) return;
      const origin = await artifacts.find(SESSION_ORIGIN, browserSession, seconds());
      if (origin?.idpSession === undefined) return;
      await artifacts.put(GRANT_ORIGIN, grantRowId(grantId), {
        ...row,
        grantId,
        idpSession: origin.idpSession,
        expiresAt: seconds(options.grantLifetime),
      });
    },
    async rememberEnd(session) {
      await artifacts.put(ENDED_SESSION, idpSessionKey(session), {
        ...row,
        payload: String(reachOf(now())),
        // A sign-in may be held back for as long as its interaction lives.
        expiresAt: seconds(Math.max(options.sessionLifetime, INTERACTION_LIFETIME * 1000)),
      });
    },
    async endedUntil(of) {
      const key =
        'browserSession' in of
          ? (await artifacts.find(SESSION_ORIGIN, of.browserSession, seconds()))?.idpSession
          : idpSessionKey(of);
      const end = key === undefined ? undefined : await artifacts.find(ENDED_SESSION, key, seconds());
      return end === undefined ? Number.NEGATIVE_INFINITY : Number(end.payload);
    },
  };
}

/** The mark of such a session in the store. */
export function idpSessionKey({ idpIssuer, sid }: IdpSession): string {
  return createHash('sha256')
    .update(JSON.stringify([idpIssuer, sid]))
    .digest('base64url');
}

/** The id of a grant's row; its first 16 characters are the grant's handle (token-id.ts). */
export function grantRowId(grantId: string): string {
  return createHash('sha256').update(grantId).digest('base64url');
}

/** Reads what the callback left in the result of a sign-in. */
export function idpSessionOf(result: unknown): IdpSession | undefined {
  if (typeof result !== 'object' || result === null || !('idpSession' in result)) return undefined;
  const { idpIssuer, sid } = result.idpSession as Partial<IdpSession>;
  return typeof idpIssuer === 'string' && typeof sid === 'string' ? { idpIssuer, sid } : undefined;
}
