// Owns the words that several events share, and what an entry of the catalogue holds.

import type { Level } from './journal.ts';

interface Entry<Fields> {
  readonly level: Level;
  readonly says: string;
  /** Every field of the event, in the order of the docs; the compiler knows when one is missing. */
  readonly fields: { readonly [F in keyof Required<Fields>]: string };
}

export type Catalogue<Events> = { readonly [E in keyof Events]: Entry<Events[E]> };

export const session = 'session id; the mail client reads the same one in every refusal';
export const peer = 'address of the client, without its port';
export const user = 'first address of the person or app';
export const client = '`client_id`';
export const tokenId = '`jti` of the access token';
export const grant = 'handle of the grant; `jti` of its tokens begins with it';
export const code = '[refusal code](refusals.md)';
export const reason = 'why, for the operator';
export const requestedFrom = 'address of the device that waits for the answer, where it is one';
export const scope = 'scopes, separated by spaces';
export const mechanism = 'SASL mechanism';
export const why = 'why';
export const grants = 'number of grants ended';
export const browserSessions = 'number of browser sessions ended';
export const identityProvider = 'identity provider';
export const via = 'how it came: `logout`, `push`, `poll` or `global-revocation`';
export const upstream = '`id` of the upstream; `upstream` for the one of that section';
export const upstreamReply = 'reply of the upstream, code first';
