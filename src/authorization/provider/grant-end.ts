// Owns what the end of a grant brings with it: its access tokens are revoked, its consent is forgotten, the journal knows.

import type { AccountDirectory } from '../../token/account.ts';
import { grantHandle } from '../../token/token-id.ts';
import type { Revocations } from '../../token/withdrawal/revocations.ts';
import type { AuthorizationEvents } from '../events.ts';
import type { ConsentMemory } from '../interaction/consents.ts';
import type { EndedGrant } from './adapter.ts';

/** Resolves once the access tokens of the grant are revoked. */
export type GrantEnder = (
  ended: EndedGrant & {
    /** Endpoint at which it came to an end, by the OAuth server's name. */
    readonly route: string | undefined;
    readonly peer: string | undefined;
  },
) => Promise<void>;

export function createGrantEnder(options: {
  readonly revocations: Revocations;
  readonly consents: ConsentMemory;
  readonly accounts: AccountDirectory;
  readonly events: Pick<AuthorizationEvents, 'grantRevoked'>;
  /** Longest time that a verifier takes an access token: its life and the leeway, milliseconds. */
  readonly tokenLifetime: number;
}): GrantEnder {
  const { revocations, consents, accounts, events, tokenLifetime } = options;
  return async ({ grantId, accountId, clientId, route, peer }) => {
    const handle = grantHandle(grantId);
    const expiresAt = Math.ceil((Date.now() + tokenLifetime) / 1000);
    await revocations.revoke({ kind: 'grant', id: handle, expiresAt });
    // Signing out of the browser takes nothing back from the program. All else does: it gave the token up, or lost it.
    if (accountId !== undefined && clientId !== undefined && route !== 'end_session_confirm') {
      await consents.forget(accountId, clientId);
    }
    const account = accountId === undefined ? undefined : await accounts.find(accountId);
    events.grantRevoked({
      peer,
      client: clientId,
      user: account?.addresses[0],
      grant: handle,
      cause: CAUSES[route ?? ''] ?? 'ended',
    });
  };
}

const CAUSES: Readonly<Record<string, string>> = {
  token: 'a code or refresh token was used again',
  revocation: 'revoked by the program',
  end_session_confirm: 'signed out',
};
