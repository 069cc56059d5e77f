// What both mechanisms have in common: their names, what a client says with them, what a failure tells it.

/** The SASL mechanisms spoken here. OAUTH10A of RFC 7628 is not: no client and no identity provider uses it. */
export const MECHANISM_NAMES = ['OAUTHBEARER', 'XOAUTH2'] as const;

export type MechanismName = (typeof MECHANISM_NAMES)[number];

/** What one client response says. */
export interface BearerMessage {
  /** The name the client believes to sign in with, in NFC; undefined where it names none. */
  readonly userName: string | undefined;
  /** The access token as it came; undefined for the discovery probe, an empty `auth` value (RFC 7628 §4.3). */
  readonly token: string | undefined;
  /** The host name the client says it connected to (RFC 7628 §3.1); never compared, for the reason in oauthbearer.ts. */
  readonly host: string | undefined;
  /** The port the client says it connected to, 1 to 65535. */
  readonly port: number | undefined;
}

/** What a failure challenge tells the client about the way to a better token (RFC 7628 §3.2.2). */
export interface ChallengeDetails {
  /** The one scope to ask for; empty where none is needed. */
  readonly scope: string;
  /** URL of a document with the authorization server's metadata; undefined where none is known. */
  readonly openidConfiguration: string | undefined;
}
