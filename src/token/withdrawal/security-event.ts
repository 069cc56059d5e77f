// Security events of Shared Signals transmitters (RFC 8417, OpenID SSF 1.0): verified, with the one event and its subject.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { decodeToken } from '../checks/decode.ts';
import type { Claims } from '../issuers/identity.ts';
import { transmitterMetadataUrls } from '../keys/discovery.ts';
import { RemoteKeys } from '../keys/remote-keys.ts';
import type { TokenSettings } from '../settings.ts';
import { shownName } from '../shown.ts';
import { type EventRules, eventsOf, verifyEvent } from './security-event-rules.ts';
import { readSubject, type SubjectIdentifier } from './security-event-subject.ts';

/**
 * Seconds. A transmitter delivers until it is acknowledged, so an event may be old where Postern was away: a disabled account
 * still counts. Beyond this its `jti` would have to be remembered for ever.
 */
export const MAX_EVENT_AGE = 30 * 86_400;

export interface SecurityEvent {
  readonly issuer: string;
  /** `jti`: an event with the same one is acknowledged but not acted on again. */
  readonly tokenId: string;
  /** Event type URI. */
  readonly type: string;
  readonly payload: Claims;
  /** Undefined where the event names nobody. */
  readonly subject: SubjectIdentifier | undefined;
  /** Seconds since the epoch: until then the `jti` must be remembered. */
  readonly keepUntil: number;
}

export interface Transmitter {
  /** Exact `iss`. */
  readonly issuer: string;
  readonly jwksUri?: string | undefined;
  readonly audience: string;
  readonly allowInsecureHttp: boolean;
}

export interface SecurityEventVerifier {
  /** Whose event it says it is, believed by nobody yet; refuses what cannot be read or comes from no known transmitter. */
  issuerOf(token: string): string | Refusal;
  /** Verifies an event of this transmitter. `issuer-unavailable`: its keys cannot be had, the event may be good. */
  verify(token: string, issuer: string): Promise<SecurityEvent | Refusal>;
  close(): void;
}

export interface SecurityEventVerifierOptions {
  readonly transmitters: readonly Transmitter[];
  readonly jwks: TokenSettings['jwks'];
  /** Milliseconds. */
  readonly leeway: number;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Does no I/O: keys are fetched when the first event of a transmitter comes. */
export function createSecurityEventVerifier(options: SecurityEventVerifierOptions): SecurityEventVerifier {
  const { now = Date.now } = options;
  const leeway = options.leeway / 1000;
  const rules = new Map(options.transmitters.map((one) => [one.issuer, rulesOf(one, options)]));
  return {
    issuerOf(token) {
      const decoded = decodeToken(token);
      if (isRefusal(decoded)) return decoded;
      const { iss } = decoded.claims;
      if (typeof iss === 'string' && rules.has(iss)) return iss;
      return refuse('token-issuer', `expected iss ${shownName([...rules.keys()])}, found ${shownName(iss)}`);
    },
    async verify(token, issuer) {
      const known = rules.get(issuer);
      if (!known) return refuse('token-issuer', `${shownName(issuer)} is no transmitter of ours`);
      const verified = await verifyEvent(token, known, { now: now() / 1000, leeway });
      if (isRefusal(verified)) return verified;
      const { tokenId, issuedAt, claims } = verified;
      const content = contentOf(claims);
      if (isRefusal(content)) return content;
      const keepUntil = Math.ceil(issuedAt + MAX_EVENT_AGE + 2 * leeway);
      return { issuer, tokenId, ...content, keepUntil };
    },
    close() {
      for (const { keys } of rules.values()) keys.close();
    },
  };
}

function rulesOf(transmitter: Transmitter, options: SecurityEventVerifierOptions): EventRules {
  const { issuer, jwksUri, audience, allowInsecureHttp } = transmitter;
  const { jwks, now = Date.now, fetch = globalThis.fetch } = options;
  const settings = { issuer, allowInsecureHttp, ...(jwksUri === undefined ? {} : { jwksUri }) };
  return {
    issuer,
    audience,
    keys: new RemoteKeys({ settings, metadata: transmitterMetadataUrls(issuer), jwks, now, fetch }),
    // SSF 1.0 §4.1: explicit typing is a MUST there.
    type: 'secevent+jwt',
    mayBeUntyped: false,
    maxAge: MAX_EVENT_AGE,
    check: checkContent,
  };
}

function checkContent(claims: Claims): Refusal | undefined {
  // SSF 1.0 §4.1.7 forbids `exp` and §4.1.2 `sub`, so that no event can pass for an ID or access token, and none of these
  // for an event. RFC 8417 §2.2 alone only advises against them.
  for (const name of ['exp', 'sub']) {
    if (Object.hasOwn(claims, name))
      return refuse('token-malformed', `a claim ${name}, which must not be there`);
  }
  const content = contentOf(claims);
  return isRefusal(content) ? content : undefined;
}

type Content = Pick<SecurityEvent, 'type' | 'payload' | 'subject'>;

function contentOf(claims: Claims): Content | Refusal {
  const events = eventsOf(claims);
  if (isRefusal(events)) return events;
  const [event] = events;
  if (event === undefined || events.size > 1) {
    return refuse('token-malformed', `expected one event, found ${events.size}`);
  }
  const [type, payload] = event;
  // RFC 8417 §2.2 `sub_id` by RFC 9493 §4; drafts before put the subject into the event.
  const named = claims['sub_id'] ?? payload['subject'];
  const subject = named === undefined ? undefined : readSubject(named);
  if (typeof subject === 'string') return refuse('token-malformed', subject);
  return { type, payload, subject };
}
