// Owns what all sessions of the mail client's door share: settings, and the parts behind it.

import type { AuditEvents } from '../audit/event-fields.ts';
import type { Dkim } from '../dkim/dkim.ts';
import type { Principal } from '../principal.ts';
import type { Reply } from '../relay/connection/reply.ts';
import type { Relay } from '../relay/relay.ts';
import type { TokenVerifier } from '../token/verifier.ts';
import type { Penalty } from './access/penalty.ts';
import type { SessionRegistry } from './access/registry.ts';
import type { TrustedNetworks } from './access/trusted-networks.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { ChunkSink, MessageSink } from './message/wire.ts';
import type { SubmissionSettings } from './settings.ts';

export interface Door {
  readonly settings: SubmissionSettings;
  readonly verifier: Omit<TokenVerifier, 'read'>;
  readonly relay: Relay;
  readonly sessions: SessionRegistry;
  /** Undefined where no message is signed. */
  readonly dkim?: Dkim | undefined;
  /** Whether a token that was verified a moment ago has been revoked since. */
  readonly isRevoked: (principal: Principal) => boolean;
  readonly trustedNetworks: TrustedNetworks;
  readonly penalty: Penalty;
  readonly audit: AuditEvents;
  /** What the challenge after a failed sign-in tells a client to ask for, and where (RFC 7628 §3.2.2). */
  readonly challenge: { readonly scope: string; readonly openidConfiguration: string | undefined };
  /** The same for a user who signs in at another issuer; undefined for everybody else. */
  readonly challengeFor?: (userName: string) => Door['challenge'] | undefined;
  /** Milliseconds for which a token that was good at sign-in is still taken after its end. */
  readonly leeway: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** One client's connection as a session sees it. */
export interface Wire {
  readonly id: string;
  /** The client's address, without its port. */
  readonly peer: string;
  /** Its port; behind a load balancer the one that the PROXY header names. */
  readonly peerPort: number;
  /** A proxy's own connection, or one of which it cannot say whose it is: `peer` is the proxy then. */
  readonly local: boolean;
  readonly secure: boolean;
  /** The listener it came through. */
  readonly listener: ListenerSettings;
  /** Protocol version and IANA cipher suite name; undefined in clear text. */
  tls(): { readonly version: string; readonly cipher: string } | undefined;
  /** Base64url of the SHA-256 of the certificate's DER form (RFC 8705 §3.1); undefined where the client showed none. */
  clientCertificate(): string | undefined;
  reply(reply: Reply): void;
  /** Closes after what was written has gone out; `cause` is for the journal. */
  hangUp(cause: string): void;
  /** Starts the TLS handshake; whatever came behind STARTTLS in clear text is dropped (RFC 3207 §4.2). */
  startTls(): void;
  startMessage(sink: MessageSink): void;
  /** The next `octets` go to the sink. */
  startChunk(octets: number, sink: ChunkSink): void;
  /**
   * The client has signed in: the deadline for that no longer runs, and its place is its own. False where `user` has `limit` of
   * them already.
   */
  signedIn(user: string, limit: number): boolean;
  /** A sign-in failed: this connection is the first to go where places are short. */
  signInFailed(): void;
}
