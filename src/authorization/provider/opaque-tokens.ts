// Owns what an opaque access token stands for: found in the store by a digest of its text, together with all it rests on.

import { type Refusal, refuse } from '../../refusal.ts';
import type { OpaqueTokens } from '../../token/own-opaque.ts';
import { tokenIdFrom } from '../../token/token-id.ts';
import type { Artifact, ArtifactStore } from '../stores.ts';
import { rowId } from './adapter.ts';

export function createOpaqueTokens(options: {
  readonly artifacts: Pick<ArtifactStore, 'find'>;
  readonly issuer: string;
  /** Those configured now: the tokens of one that was taken out end with it. */
  readonly clients: readonly { readonly clientId: string }[];
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}): OpaqueTokens {
  const { artifacts, issuer, now = Date.now } = options;
  const clients = new Set(options.clients.map(({ clientId }) => clientId));
  const look = (model: string, row: string) => artifacts.find(model, row, Math.floor(now() / 1000));

  /** The grant ends before its tokens where the person takes it back, or its time is over. */
  async function isGrantAlive({ grantId, accountId, clientId }: Artifact): Promise<boolean> {
    if (grantId === undefined || accountId === undefined) return false;
    const grant = await look('Grant', rowId(grantId));
    return grant !== undefined && grant.accountId === accountId && grant.clientId === clientId;
  }

  /** A refresh token looks the same, and the wrong field of a mail program's settings is all it takes to be sent one. */
  async function whatElse(row: string): Promise<Refusal | undefined> {
    if ((await look('RefreshToken', row)) === undefined) return undefined;
    return refuse('token-type', 'expected an access token, found a refresh token of Postern’s own');
  }

  return {
    async find(token) {
      const row = rowId(token);
      const personal = await look('AccessToken', row);
      const found = personal ?? (await look('ClientCredentials', row));
      if (found === undefined) return whatElse(row);
      const { clientId, grantId, accountId } = found;
      // A client that was taken out of the settings may come back, and its tokens with it.
      if (clientId === undefined || !clients.has(clientId)) return ENDED;
      if (found.consumedAt !== undefined || (personal !== undefined && !(await isGrantAlive(personal))))
        return ENDED;
      const { aud, scope, iat, exp, ...bound } = JSON.parse(found.payload) as Readonly<
        Record<string, unknown>
      >;
      const { 'x5t#S256': certificate, jkt } = bound;
      return {
        iss: issuer,
        // RFC 9068 §2.2: without a person the client is the subject.
        sub: personal === undefined ? clientId : accountId,
        aud,
        client_id: clientId,
        scope,
        iat,
        exp,
        jti: opaqueTokenId(token, grantId),
        // RFC 8705 §3.1, RFC 9449 §6.1: without it a stolen token would be good for anybody.
        ...(certificate !== undefined && { cnf: { 'x5t#S256': certificate } }),
        ...(jkt !== undefined && { cnf: { jkt } }),
      };
    },
  };
}

const ENDED = refuse('token-revoked', 'an opaque token of Postern’s own, and what it rests on has ended');

/** The `jti` of an opaque token: its text is a secret, so it is named by a part of the digest under which it is kept. */
export function opaqueTokenId(token: string, grantId: string | undefined): string {
  return tokenIdFrom(rowId(token), grantId);
}
