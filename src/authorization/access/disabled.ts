// Owns who disabled an account: what an operator switched off, no signal from outside may switch on again.

import type { AccountStore, ArtifactStore } from '../stores.ts';

const MODEL = 'DisabledBy';

export interface DisabledBy {
  /** `by` is the issuer of a signal; undefined for the operator, whose word stays. */
  disable(accountId: string, by: string | undefined): Promise<void>;
  /** With `by` only what the same one disabled. Whether the account was disabled before and is not any more. */
  enable(accountId: string, by: string | undefined): Promise<boolean>;
}

export function createDisabledBy(options: {
  readonly artifacts: ArtifactStore;
  readonly accounts: Pick<AccountStore, 'setDisabled'>;
}): DisabledBy {
  const { artifacts, accounts } = options;
  return {
    async disable(accountId, by) {
      const isNew = await accounts.setDisabled(accountId, true);
      if (by === undefined) return artifacts.remove(MODEL, accountId);
      if (!isNew) return;
      await artifacts.put(MODEL, accountId, {
        payload: JSON.stringify(by),
        grantId: undefined,
        uid: undefined,
        userCode: undefined,
        expiresAt: undefined,
      });
    },
    async enable(accountId, by) {
      if (by !== undefined) {
        const kept = await artifacts.find(MODEL, accountId, 0);
        if (kept === undefined || JSON.parse(kept.payload) !== by) return false;
      }
      const changed = await accounts.setDisabled(accountId, false);
      await artifacts.remove(MODEL, accountId);
      return changed;
    },
  };
}
