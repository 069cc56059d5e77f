// Owns how the OAuth server sees a person: their account with the addresses that pages and events name.

import type { Account as OauthAccount } from 'oidc-provider';
import type { AccountDirectory } from '../token/account.ts';

export interface KnownAccount extends OauthAccount {
  readonly addresses: readonly string[];
}

/** The account behind a `sub`; undefined where it is gone or switched off, which ends sessions and refresh tokens. */
export async function knownAccount(
  accounts: AccountDirectory,
  accountId: string,
): Promise<KnownAccount | undefined> {
  const account = await accounts.find(accountId);
  if (account === undefined || account.disabled) return undefined;
  return {
    accountId: account.id,
    addresses: account.addresses,
    claims: () => ({ sub: account.id, email: account.addresses[0] }),
  };
}
