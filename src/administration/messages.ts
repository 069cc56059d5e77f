// Owns the words spoken over the administration socket: what is asked, what is answered, and what a request must look like.

import { canonicalAddress, sameAddress } from '../address.ts';
import type { LiveSession } from './door.ts';

export interface SessionFilter {
  /** One of the addresses of the person or app. */
  readonly person?: string | undefined;
  readonly client?: string | undefined;
}

/** Exactly one of the four targets is given. */
export interface RevokeRequest {
  readonly session?: string | undefined;
  /** Handle of the grant. */
  readonly grant?: string | undefined;
  readonly client?: string | undefined;
  /** An address of the person. */
  readonly person?: string | undefined;
  /** Why, for the journal. */
  readonly cause: string;
  /** With `person`: nobody signs in as them either, until enabled. */
  readonly disable?: boolean | undefined;
}

/** What a request names, one of four. */
export interface Target {
  readonly kind: 'session' | 'grant' | 'client' | 'person';
  readonly name: string;
}

export interface EnableRequest {
  readonly person: string;
  readonly cause: string;
}

export type Action =
  | 'end-session'
  | 'end-grant'
  | 'end-client'
  | 'end-person'
  | 'disable-person'
  | 'enable-person';

/** What an act came to. */
export interface ActResult {
  readonly action: Action;
  readonly target: string;
  /** False: nothing by that name is known, and nothing was ended. */
  readonly found: boolean;
  /** Whether the target is known to Postern's own OAuth server; where not, another issuer's next token may still sign in. */
  readonly isKnown: boolean;
  readonly grants: number;
  /** The sessions that were ended, as they stood before. */
  readonly sessions: readonly LiveSession[];
}

/** Every request fits; a client_id may be a URL. */
export const MAX_REQUEST_BYTES = 8 * 1024;

const name = {
  type: 'string',
  minLength: 1,
  maxLength: 2048,
  pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
};
const cause = { ...name, maxLength: 200 };

export const SESSIONS_SCHEMA = {
  querystring: {
    type: 'object',
    properties: { person: name, client: name },
    additionalProperties: false,
  },
};

export const REVOKE_SCHEMA = {
  body: {
    type: 'object',
    properties: {
      session: name,
      grant: name,
      client: name,
      person: name,
      cause,
      disable: { type: 'boolean' },
    },
    required: ['cause'],
    additionalProperties: false,
  },
};

export const ENABLE_SCHEMA = {
  body: {
    type: 'object',
    properties: { person: name, cause },
    required: ['person', 'cause'],
    additionalProperties: false,
  },
};

/** What is wrong with a request beyond its shape; undefined where nothing is. */
export function faultOf(request: Partial<RevokeRequest>): string | undefined {
  const { person, disable } = request;
  if (person !== undefined && canonicalAddress(person) === undefined) return 'person is not a mail address';
  if (disable === true && person === undefined) return 'disable is for a person';
  return undefined;
}

/** The one thing a request is about; undefined where it names none, or several. */
export function targetOf(request: RevokeRequest): Target | undefined {
  const kinds = ['session', 'grant', 'client', 'person'] as const;
  const targets = kinds.flatMap((kind) => {
    const named = request[kind];
    return named === undefined ? [] : [{ kind, name: named }];
  });
  return targets.length === 1 ? targets[0] : undefined;
}

export function isOfPerson(session: LiveSession, address: string): boolean {
  return [session.user, ...(session.addresses ?? [])].some((own) => sameAddress(own, address));
}
