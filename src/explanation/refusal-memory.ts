// The last refusals, so that the session id in a user's error message leads to the reason: bounded in number, age and per client.

import type { AuditEvents } from '../audit/event-fields.ts';
import { scrubText } from '../audit/scrub.ts';
import { clientNetwork } from '../network.ts';
import { REFUSAL_CODES, type RefusalCode } from '../refusal.ts';

/** One refusal as the journal has it. */
export interface KnownRefusal {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** `sign-in`, `command`, `session`, or where in a message: `mail`, `recipient`, `data`, `header`, `body`, `end`. */
  readonly stage: string;
  readonly code: RefusalCode;
  readonly reason: string;
  /** Address of the client. */
  readonly peer: string;
  readonly mechanism?: string | undefined;
  /** As the client gave it; not verified. */
  readonly userName?: string | undefined;
  readonly user?: string | undefined;
  readonly client?: string | undefined;
  /** Of the token, as it says itself. */
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly keyId?: string | undefined;
  readonly algorithm?: string | undefined;
  readonly upstream?: string | undefined;
  readonly upstreamReply?: string | undefined;
}

export interface RefusalMemory {
  /** What this session was refused, the earliest first; empty where it is unknown, or forgotten. */
  find(session: string): readonly KnownRefusal[];
  /** The same events, each refusal among them kept here on its way. */
  listenTo(events: AuditEvents): AuditEvents;
}

/** Sessions remembered. */
export const MAX_SESSIONS = 2_000;
/** Of one client network: whoever fails on purpose pushes out nobody's refusals but their own, as a rule. */
const MAX_SESSIONS_PER_NETWORK = 200;
/** The last of each session. */
const MAX_PER_SESSION = 4;
export const MAX_AGE = 24 * 3_600_000;

/** Ends of a session that are somebody's mistake. That a client was silent for too long is daily life. */
const ENDS: readonly string[] = [
  'too-many-failures',
  'too-many-commands',
  'too-many-connections',
] satisfies RefusalCode[];

interface Remembered {
  readonly network: string;
  /** Of the last refusal, milliseconds since the epoch. */
  at: number;
  refusals: readonly KnownRefusal[];
}

type Noted = Omit<KnownRefusal, 'time'> & { readonly session: string };

/** @param now milliseconds since the epoch */
export function createRefusalMemory({ now = Date.now }: { now?: () => number } = {}): RefusalMemory {
  /** The one that was refused last comes last. */
  const sessions = new Map<string, Remembered>();
  const networks = new Map<string, Set<string>>();

  function note({ session, ...refusal }: Noted): void {
    const at = now();
    const known = sessions.get(session);
    if (known) forget(session);
    const kept = known && at - known.at < MAX_AGE ? known.refusals : [];
    const network = clientNetwork(refusal.peer);
    makeRoom(network, at);
    const refusals = [...kept, { time: new Date(at).toISOString(), ...clean(refusal) }].slice(
      -MAX_PER_SESSION,
    );
    sessions.set(session, { network, at, refusals });
    networks.set(network, (networks.get(network) ?? new Set()).add(session));
  }

  function makeRoom(network: string, at: number): void {
    const [oldestOfNetwork] = networks.get(network) ?? [];
    if (oldestOfNetwork !== undefined && (networks.get(network)?.size ?? 0) >= MAX_SESSIONS_PER_NETWORK)
      forget(oldestOfNetwork);
    for (const [session, remembered] of sessions) {
      if (sessions.size < MAX_SESSIONS && at - remembered.at < MAX_AGE) return;
      forget(session);
    }
  }

  function forget(session: string): void {
    const network = sessions.get(session)?.network ?? '';
    sessions.delete(session);
    const others = networks.get(network);
    others?.delete(session);
    if (others?.size === 0) networks.delete(network);
  }

  function find(session: string): readonly KnownRefusal[] {
    const known = sessions.get(session);
    return known && now() - known.at < MAX_AGE ? known.refusals : [];
  }

  return { find, listenTo: (events) => listening(events, note) };
}

function listening(events: AuditEvents, note: (refusal: Noted) => void): AuditEvents {
  return {
    ...events,
    loginFailed(fields) {
      note({ ...fields, stage: 'sign-in' });
      events.loginFailed(fields);
    },
    discoveryAnswered(fields) {
      note({ ...fields, stage: 'sign-in', code: 'token-missing', reason: 'the client sent no token' });
      events.discoveryAnswered(fields);
    },
    commandRefused(fields) {
      note({ ...fields, stage: 'command' });
      events.commandRefused(fields);
    },
    messageRefused(fields) {
      note(fields);
      events.messageRefused(fields);
    },
    sessionRevoked(fields) {
      const { session, peer, user, client, code, cause } = fields;
      note({ session, peer, user, client, stage: 'session', code, reason: cause });
      events.sessionRevoked(fields);
    },
    sessionClosed(fields) {
      const { session, peer, user, cause } = fields;
      const code = REFUSAL_CODES.find((known) => known === cause);
      if (code !== undefined && ENDS.includes(code))
        note({ session, peer, user, stage: 'session', code, reason: 'Postern closed the connection' });
      events.sessionClosed(fields);
    },
  };
}

/** As the journal writes it, for it is printed as the journal is. */
function clean<Fields extends object>(fields: Fields): Fields {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, scrubText(value)])) as Fields;
}
