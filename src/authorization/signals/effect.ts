// Owns what each kind of security event does to whom: the table of CAEP, RISC and OAuth event types, and how subjects are found.

import { shown } from '../../token/shown.ts';
import type { SecurityEvent } from '../../token/withdrawal/security-event.ts';
import type { SimpleSubject, SubjectIdentifier } from '../../token/withdrawal/security-event-subject.ts';
import type { Access, Ended, PersonReference } from '../access/access.ts';

export type Effect =
  /** The session it names ends, or all of the person's. */
  | 'end-session'
  /** All access of the person ends. */
  | 'end-person'
  | 'disable-person'
  | 'enable-person'
  /** Nothing ends: word of something that withdraws no trust. */
  | 'none';

export type Outcome = 'ended' | 'enabled' | 'nobody' | 'noted';

type Payload = SecurityEvent['payload'];

const BASE = 'https://schemas.openid.net/secevent/';

/** By event type without {@link BASE}; the standards' sections are those of CAEP 1.0 and RISC 1.0. */
const EFFECTS: Readonly<Record<string, Effect | ((payload: Payload) => Effect)>> = {
  // CAEP §3.1
  'caep/event-type/session-revoked': 'end-session',
  // §3.2: fresh claims come with a fresh token only.
  'caep/event-type/token-claims-change': 'end-person',
  // §3.3: a credential that was added takes no trust away from what there is.
  'caep/event-type/credential-change': ({ change_type: change }) =>
    change === 'create' ? 'none' : 'end-person',
  // §3.4
  'caep/event-type/assurance-level-change': ({ change_direction: direction }) =>
    direction === 'decrease' ? 'end-person' : 'none',
  // §3.5
  'caep/event-type/device-compliance-change': ({ current_status: status }) =>
    status === 'not-compliant' ? 'end-person' : 'none',
  'caep/event-type/risk-level-change': ({ current_level: level }) =>
    level === 'HIGH' ? 'end-person' : 'none',
  // RISC §2
  'risc/event-type/account-credential-change-required': 'end-person',
  'risc/event-type/account-purged': 'disable-person',
  'risc/event-type/account-disabled': 'disable-person',
  'risc/event-type/account-enabled': 'enable-person',
  'risc/event-type/identifier-recycled': 'end-person',
  'risc/event-type/credential-compromise': 'end-person',
  'risc/event-type/sessions-revoked': 'end-person',
  // OAuth event types
  'oauth/event-type/token-revoked': 'end-person',
  'oauth/event-type/tokens-revoked': 'end-person',
};

export function effectOf({ type, payload }: Pick<SecurityEvent, 'type' | 'payload'>): Effect {
  const name = type.startsWith(BASE) ? type.slice(BASE.length) : '';
  const effect = Object.hasOwn(EFFECTS, name) ? EFFECTS[name] : undefined;
  return typeof effect === 'function' ? effect(payload) : (effect ?? 'none');
}

/** How the journal calls an event: the last part of its type, for others than OpenID's all of it. */
export function signalName(type: string): string {
  return type.startsWith(BASE) ? shown(type.slice(type.lastIndexOf('/') + 1)).slice(1, -1) : shown(type);
}

export interface ActOptions {
  readonly access: Access;
  /** Issuers that an opaque id may belong to, beside the transmitter's own. */
  readonly subjectIssuers: readonly string[];
}

/** Does what the event asks for. May be repeated without harm. Rejects where the store fails. */
export async function actOn(event: SecurityEvent, options: ActOptions): Promise<Outcome> {
  const effect = effectOf(event);
  if (effect === 'none') return 'noted';
  const { subject } = event;
  if (subject === undefined) return 'nobody';
  const act: Act = {
    access: options.access,
    issuers: [...new Set([event.issuer, ...options.subjectIssuers])],
    from: event.issuer,
    cause: `${signalName(event.type)}, signal from ${event.issuer}`,
  };
  if (effect === 'enable-person') return enable(subject, act);
  for (const end of waysToEnd(subject, effect, act)) {
    if ((await end()).known) return 'ended';
  }
  return 'nobody';
}

interface Act {
  readonly access: Access;
  readonly issuers: readonly string[];
  readonly from: string;
  readonly cause: string;
}

/** In the order in which they are tried; the first that finds somebody was meant. */
function waysToEnd(subject: SubjectIdentifier, effect: Effect, act: Act): (() => Promise<Ended>)[] {
  const { access, cause, from } = act;
  const disable = effect === 'disable-person' ? { disable: true, by: from } : {};
  const people = (of: SimpleSubject) =>
    peopleNamed(of, act).map((who) => () => access.endPerson(who, { cause, ...disable }));
  if (subject.format === 'complex') {
    const { user, session } = subject;
    const wantsSession = effect === 'end-session' && session !== undefined;
    // A device alone tells us nothing; with its user, whoever uses it ends.
    if (!wantsSession) return user === undefined ? [] : people(user);
    return sessionsNamed(session, user, act);
  }
  const names = subject.format === 'aliases' ? subject.identifiers : [subject];
  return names.flatMap((name) => {
    if (name.format === 'jwt_id') return [() => access.endToken(name, { cause })];
    // CAEP §3.1.2: the simple subject of a session-revoked may be the session itself.
    return effect === 'end-session'
      ? [...sessionsNamed(name, undefined, act), ...people(name)]
      : people(name);
  });
}

function sessionsNamed(
  session: SimpleSubject,
  user: SimpleSubject | undefined,
  { access, issuers, cause }: Act,
): (() => Promise<Ended>)[] {
  if (session.format === 'jwt_id') return [() => access.endToken(session, { cause })];
  if (session.format !== 'opaque' && (session.format !== 'iss_sub' || user === undefined)) return [];
  const sid = session.format === 'opaque' ? session.id : session.subject;
  const of = session.format === 'opaque' ? issuers : [session.issuer];
  const owner = user?.format === 'iss_sub' ? user : undefined;
  return [...new Set([...of, ...(owner === undefined ? [] : [owner.issuer])])].map((idpIssuer) => () => {
    const idpSubject = owner?.issuer === idpIssuer ? owner.subject : undefined;
    return access.endIdpSession({ idpIssuer, sid, idpSubject }, { cause });
  });
}

function peopleNamed(name: SimpleSubject, { issuers }: Act): PersonReference[] {
  switch (name.format) {
    case 'address':
      return [{ address: name.address }];
    case 'iss_sub':
      return [{ idpIssuer: name.issuer, idpSubject: name.subject }];
    case 'opaque':
      return issuers.map((idpIssuer) => ({ idpIssuer, idpSubject: name.id }));
    default:
      return [];
  }
}

async function enable(subject: SubjectIdentifier, act: Act): Promise<Outcome> {
  const { access, cause, from } = act;
  const names = subject.format === 'aliases' ? subject.identifiers : [userOf(subject)];
  for (const who of names.flatMap((name) => (name === undefined ? [] : peopleNamed(name, act)))) {
    const { known, people } = await access.enablePerson(who, { cause, by: from });
    if (people > 0) return 'enabled';
    if (known) return 'noted';
  }
  return 'nobody';
}

function userOf(subject: SubjectIdentifier): SimpleSubject | undefined {
  if (subject.format === 'complex') return subject.user;
  return subject.format === 'aliases' ? undefined : subject;
}
