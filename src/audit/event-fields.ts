// Owns what each event carries: one shape per event, in the words of the catalogue (catalogue.ts describes every field).

import type { RefusalCode } from '../refusal.ts';

/** A mail client's connection. `peer` is the client's address without its port. */
interface OfSession {
  readonly session: string;
  readonly peer: string;
}

/** A browser's or an OAuth client's request. */
interface OfRequest {
  readonly peer?: string | undefined;
  readonly client?: string | undefined;
}

interface Refused {
  readonly code: RefusalCode;
  /** `reason` of the refusal: for the operator, never holds a token or a password. */
  readonly reason: string;
}

export type RefusedStage = 'mail' | 'recipient' | 'data' | 'header' | 'body' | 'end';

/** The mail client's door. */
export interface SubmissionEventFields {
  readonly sessionOpened: OfSession & { readonly listener: string };
  readonly loginSucceeded: OfSession & {
    readonly mechanism: string;
    readonly user: string;
    readonly client: string | undefined;
    readonly issuer: string;
    readonly tokenId: string | undefined;
    readonly tls: string | undefined;
  };
  readonly loginFailed: OfSession &
    Refused & {
      readonly mechanism: string;
      readonly userName?: string | undefined;
      readonly issuer?: string | undefined;
      readonly audience?: string | undefined;
      readonly keyId?: string | undefined;
      readonly algorithm?: string | undefined;
    };
  readonly discoveryAnswered: OfSession & { readonly mechanism: string };
  readonly commandRefused: OfSession & Refused;
  readonly messageAccepted: OfSession & {
    readonly user: string;
    readonly client: string | undefined;
    readonly tokenId: string | undefined;
    readonly mailFrom: string;
    readonly recipients: number;
    readonly bytes: number;
    readonly dkim?: readonly string[] | undefined;
    readonly upstream: string;
    readonly upstreamReply: string;
    readonly milliseconds: number;
  };
  readonly messageRefused: OfSession &
    Refused & {
      readonly user?: string | undefined;
      readonly client?: string | undefined;
      readonly stage: RefusedStage;
      readonly upstream?: string | undefined;
      readonly upstreamReply?: string | undefined;
    };
  readonly sessionRevoked: OfSession & {
    readonly user: string;
    readonly client: string | undefined;
    readonly state: string;
    readonly code: RefusalCode;
    readonly cause: string;
  };
  readonly sessionClosed: OfSession & {
    readonly user?: string | undefined;
    readonly milliseconds: number;
    readonly messages: number;
    readonly cause: string;
  };
  readonly proxyRefused: { readonly peer: string; readonly reason: string };
  readonly recheckFailed: { readonly issuer: string; readonly reason: string };
  readonly upstreamDown: { readonly upstream: string; readonly reason: string };
  readonly upstreamTokenTrouble: { readonly upstream: string; readonly reason: string };
  readonly upstreamUp: { readonly upstream: string };
}

/** What ended and why; counts of what went. */
interface EndOfAccess {
  readonly cause: string;
  readonly grants: number;
}

/** How word of an end came in. `peer` is undefined where Postern asked for it. */
interface OfSignal {
  readonly peer?: string | undefined;
  readonly via: 'logout' | 'push' | 'poll' | 'global-revocation';
}

/** The browser's door. `user` is the person's first address, `grant` a grant handle, `tokenId` a `jti`. */
export interface AuthorizationEventFields {
  readonly signInStarted: OfRequest;
  readonly signInSucceeded: OfRequest & { readonly user: string; readonly issuer: string };
  readonly signInFailed: OfRequest & Refused;
  readonly consentGiven: OfRequest & {
    readonly user: string;
    readonly grant?: string | undefined;
    readonly scope: string;
    readonly requestedFrom?: string | undefined;
  };
  readonly consentDenied: OfRequest & {
    readonly user: string;
    readonly scope: string;
    readonly requestedFrom?: string | undefined;
  };
  readonly deviceGrantStarted: OfRequest & { readonly scope?: string | undefined };
  readonly deviceGrantRefused: OfRequest & { readonly requestedFrom?: string | undefined };
  readonly deviceCodesLimited: { readonly peer?: string | undefined };
  readonly tokenIssued: OfRequest & {
    readonly user?: string | undefined;
    readonly grantType: string;
    readonly grant?: string | undefined;
    readonly tokenId?: string | undefined;
    readonly scope?: string | undefined;
  };
  readonly tokenRefreshed: OfRequest & {
    readonly user?: string | undefined;
    readonly grant?: string | undefined;
    readonly tokenId?: string | undefined;
    readonly scope?: string | undefined;
    readonly repeated?: boolean;
  };
  readonly refreshTokenReused: OfRequest & {
    readonly user?: string | undefined;
    readonly grant?: string | undefined;
  };
  readonly tokenRevoked: OfRequest & {
    readonly user?: string | undefined;
    readonly grant?: string | undefined;
    readonly tokenId?: string | undefined;
    readonly cause?: string | undefined;
  };
  readonly grantRevoked: OfRequest & {
    readonly user?: string | undefined;
    readonly grant?: string | undefined;
    readonly cause?: string | undefined;
  };
  readonly personEnded: EndOfAccess & {
    readonly user: string;
    readonly issuer: string;
    readonly browserSessions: number;
    readonly disabled: boolean;
  };
  readonly personEnabled: { readonly user: string; readonly issuer: string; readonly cause: string };
  readonly idpSessionEnded: EndOfAccess & {
    readonly user?: string | undefined;
    readonly issuer: string;
    readonly browserSessions: number;
  };
  readonly clientEnded: EndOfAccess & { readonly client: string };
  readonly signalReceived: OfSignal & {
    readonly issuer: string;
    readonly signal: string;
    readonly signalId?: string | undefined;
    readonly outcome: 'ended' | 'enabled' | 'nobody' | 'noted' | 'repeated';
  };
  readonly signalRefused: OfSignal & Refused & { readonly issuer?: string | undefined };
  readonly signalSourceDown: { readonly issuer: string; readonly reason: string };
  readonly signalSourceUp: { readonly issuer: string };
  readonly signedOut: OfRequest & { readonly user?: string | undefined };
  readonly clientRegistered: OfRequest & { readonly name?: string | undefined };
  readonly clientRefused: OfRequest & { readonly error: string; readonly reason: string };
  readonly identityProviderDown: { readonly issuer: string; readonly reason: string };
  readonly identityProviderUp: { readonly issuer: string };
}

/** The local administration door. */
interface AdministrationEventFields {
  readonly administrationUsed: {
    readonly action: string;
    readonly target: string;
    readonly cause: string;
    readonly found: boolean;
    readonly grants: number;
    readonly sessions: number;
  };
}

/** A certificate shown to mail clients. `file` as configured, times as ISO 8601. */
interface OfCertificate {
  readonly file: string;
  readonly names?: readonly string[] | undefined;
  readonly notAfter?: string | undefined;
}

/** The process as a whole. */
export interface ProcessEventFields extends AdministrationEventFields {
  readonly started: {
    readonly version: string;
    readonly issuer?: string | undefined;
    readonly listeners?: readonly string[] | undefined;
  };
  readonly reloaded: { readonly milliseconds: number; readonly listeners: readonly string[] };
  readonly reloadRefused: { readonly faults: readonly string[] };
  readonly stopping: { readonly cause: string };
  readonly stopped: { readonly milliseconds?: number | undefined };
  readonly keyRotated: { readonly keyId: string };
  readonly certificateReloaded: OfCertificate;
  readonly certificateReloadFailed: { readonly file: string; readonly reason: string };
  readonly certificateExpires: OfCertificate;
  readonly dangerousSetting: { readonly path: string; readonly risk?: string | undefined };
  readonly fault: {
    readonly where: string;
    readonly error: unknown;
    readonly session?: string | undefined;
  };
  readonly refusalsSuppressed: { readonly peer: string; readonly lines: number };
}

export interface EventFields extends SubmissionEventFields, AuthorizationEventFields, ProcessEventFields {}

export type EventName = keyof EventFields;

/** One function per event; each writes one journal line and counts. None throws, none waits. */
export type AuditEvents = { readonly [E in EventName]: (fields: EventFields[E]) => void };
