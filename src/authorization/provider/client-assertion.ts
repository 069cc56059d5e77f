// Owns what Postern asks of a client's assertion (RFC 7523 §3) beyond what the OAuth server checks by itself.

import { errors, type KoaContextWithOIDC } from 'oidc-provider';

/** Seconds. Until its end each leaves a row behind that tells a replay. */
const LONGEST_LIFE = 86_400;

/**
 * Runs once signature, client, audience and times are found right.
 * draft-ietf-oauth-rfc7523bis §4: for this server alone. One that also names another server was perhaps asked for by that one, which
 * would then sign in here as the client (audience injection).
 */
export function checkClientAssertion(
  _ctx: KoaContextWithOIDC,
  { aud, exp }: Readonly<Record<string, unknown>>,
): void {
  if (typeof aud !== 'string' && !(Array.isArray(aud) && aud.length === 1)) {
    throw new errors.InvalidClientAuth(
      'the assertion is for several audiences; it must name this server alone',
    );
  }
  if (typeof exp === 'number' && exp > Date.now() / 1000 + LONGEST_LIFE) {
    throw new errors.InvalidClientAuth('the assertion ends in more than a day; give it a minute');
  }
}
