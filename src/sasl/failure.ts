// Owns what a client is told about credentials that were refused: the JSON of the failure challenge.

import type { RefusalCode } from '../refusal.ts';
import { encodeBase64 } from './base64.ts';
import type { ChallengeDetails, MechanismName } from './mechanism.ts';

/** The refusals that say something about the credentials. All others are Postern's own trouble and get no challenge. */
export type CredentialRefusalCode = Extract<
  RefusalCode,
  `token-${string}` | 'sasl-malformed' | 'user-mismatch'
>;

interface FailureStatus {
  /** RFC 6750 §3.1, as the registry of RFC 7628 §3.2.2 lists them. */
  readonly oauthbearer: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  /**
   * K-9 Mail and Thunderbird for Android fetch a fresh token and try again at "400" only, and take every other status for
   * final. So: "400" where a fresh token helps, "401" where it will be refused as well, "403" for a missing scope.
   */
  readonly xoauth2: '400' | '401' | '403';
}

const FRESH_TOKEN_HELPS = { oauthbearer: 'invalid_token', xoauth2: '400' } as const;
const NO_TOKEN_HELPS = { oauthbearer: 'invalid_token', xoauth2: '401' } as const;
const MORE_SCOPE_HELPS = { oauthbearer: 'insufficient_scope', xoauth2: '403' } as const;
const BAD_REQUEST = { oauthbearer: 'invalid_request', xoauth2: '400' } as const;

const FAILURE_STATUS = {
  'sasl-malformed': BAD_REQUEST,
  'token-missing': FRESH_TOKEN_HELPS,
  'token-malformed': FRESH_TOKEN_HELPS,
  'token-expired': FRESH_TOKEN_HELPS,
  'token-revoked': FRESH_TOKEN_HELPS,
  'token-key': FRESH_TOKEN_HELPS,
  'token-signature': FRESH_TOKEN_HELPS,
  'token-scope': MORE_SCOPE_HELPS,
  'token-algorithm': NO_TOKEN_HELPS,
  'token-critical': NO_TOKEN_HELPS,
  'token-type': NO_TOKEN_HELPS,
  'token-issuer': NO_TOKEN_HELPS,
  'token-audience': NO_TOKEN_HELPS,
  'token-not-yet-valid': NO_TOKEN_HELPS,
  'token-client': NO_TOKEN_HELPS,
  'token-bound': NO_TOKEN_HELPS,
  'token-identity': NO_TOKEN_HELPS,
  'user-mismatch': NO_TOKEN_HELPS,
} as const satisfies Record<CredentialRefusalCode, FailureStatus>;

export function isAboutCredentials(code: RefusalCode): code is CredentialRefusalCode {
  return Object.hasOwn(FAILURE_STATUS, code);
}

/** The failure challenge in base64: RFC 7628 §3.2.2 for OAUTHBEARER, Google's three members and one more for XOAUTH2. */
export function failureChallenge(
  mechanism: MechanismName,
  code: CredentialRefusalCode,
  details: ChallengeDetails,
): string {
  const status = FAILURE_STATUS[code];
  const members =
    mechanism === 'OAUTHBEARER'
      ? // RFC 7628 §3.2.2: `scope`, if there, obliges the client to ask for scoped tokens; so none rather than an empty one.
        { status: status.oauthbearer, ...(details.scope !== '' && { scope: details.scope }) }
      : { status: status.xoauth2, schemes: 'bearer', scope: details.scope };
  const where = details.openidConfiguration;
  return encodeBase64(
    JSON.stringify({ ...members, ...(where !== undefined && { 'openid-configuration': where }) }),
  );
}
