// Logout tokens of the identity provider (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6): whose session ended there.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { isPlainText } from '../checks/claims.ts';
import type { Claims } from '../issuers/identity.ts';
import { RemoteKeys } from '../keys/remote-keys.ts';
import type { TokenSettings } from '../settings.ts';
import { shown } from '../shown.ts';
import { type EventRules, eventsOf, verifyEvent } from './security-event-rules.ts';

export const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/** Seconds. §2.6 leaves it open; a logout that comes later has long been overtaken by the tokens' own expiry. */
export const MAX_LOGOUT_TOKEN_AGE = 600;

/** A verified logout; `subject`, `sessionId` or both are there. */
export interface LogoutToken {
  readonly issuer: string;
  /** `jti`: a second token with the same one must be refused by whoever acts on it. */
  readonly tokenId: string;
  readonly subject: string | undefined;
  /** `sid` as the ID token of the sign-in had it. */
  readonly sessionId: string | undefined;
  /** Seconds since the epoch: until then the `jti` must be remembered. */
  readonly keepUntil: number;
}

export interface LogoutTokenVerifier {
  /** `issuer-unavailable` where the keys cannot be had; every other refusal is final. */
  verify(token: string): Promise<LogoutToken | Refusal>;
  close(): void;
}

export interface LogoutTokenVerifierOptions {
  /** `iss` of the identity provider. */
  readonly issuer: string;
  /** Postern's own client identifier there: `aud` of the token. */
  readonly clientId: string;
  readonly allowInsecureHttp: boolean;
  readonly jwks: TokenSettings['jwks'];
  /** Milliseconds. */
  readonly leeway: number;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Does no I/O: the keys are fetched when the first token comes. */
export function createLogoutTokenVerifier(options: LogoutTokenVerifierOptions): LogoutTokenVerifier {
  const { issuer, clientId, allowInsecureHttp, jwks, now = Date.now, fetch = globalThis.fetch } = options;
  const keys = new RemoteKeys({ settings: { issuer, allowInsecureHttp }, jwks, now, fetch });
  const leeway = options.leeway / 1000;
  const rules: EventRules = {
    issuer,
    audience: clientId,
    keys,
    // §2.4 recommends the type without demanding it, and widespread providers leave it out. What keeps an ID token from
    // passing for a logout token is `events` there and `nonce` not (§4.1).
    type: 'logout+jwt',
    mayBeUntyped: true,
    maxAge: MAX_LOGOUT_TOKEN_AGE,
    check: checkLogout,
  };
  return {
    async verify(token) {
      const verified = await verifyEvent(token, rules, { now: now() / 1000, leeway });
      if (isRefusal(verified)) return verified;
      const { tokenId, issuedAt, claims } = verified;
      return {
        issuer,
        tokenId,
        subject: textOf(claims['sub']),
        sessionId: textOf(claims['sid']),
        keepUntil: Math.ceil(issuedAt + MAX_LOGOUT_TOKEN_AGE + 2 * leeway),
      };
    },
    close: () => keys.close(),
  };
}

// `exp` is checked where it is there. §2.4 demands it since 2022; providers of the drafts before leave it out, and their
// logouts are bounded by the age all the same.
function checkLogout(claims: Claims): Refusal | undefined {
  const events = eventsOf(claims);
  if (isRefusal(events)) return events;
  if (!events.has(LOGOUT_EVENT)) {
    return refuse('token-malformed', `expected the event of a logout, found ${shown([...events.keys()])}`);
  }
  // §2.4: its absence is what tells this from an ID token.
  if (Object.hasOwn(claims, 'nonce')) return refuse('token-malformed', 'a nonce, which must not be there');
  const { sub, sid } = claims;
  if (sub === undefined && sid === undefined) return refuse('token-malformed', 'neither sub nor sid');
  for (const [name, value] of Object.entries({ sub, sid })) {
    if (value === undefined || isPlainText(value)) continue;
    return refuse(
      'token-malformed',
      `expected ${name} to be a text of 1 to 255 characters, found ${shown(value)}`,
    );
  }
  return undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
