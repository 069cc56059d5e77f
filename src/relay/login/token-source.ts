// Owns what the sign-in at an upstream needs of whoever fetches access tokens for it.

import type { Refusal } from '../../refusal.ts';
import type { Secret } from '../../setting.ts';

export interface TokenSource {
  /**
   * An access token for the mailbox. Refuses `upstream-login` where the token server says no, `upstream-unavailable` where it
   * does not answer. Never rejects.
   * @param request.refused the upstream has just refused this very token: another one is wanted
   */
  token(request: {
    mailbox: string;
    userToken: Secret | undefined;
    refused?: Secret;
  }): Promise<Secret | Refusal>;
  close(): void;
}
