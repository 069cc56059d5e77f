// Checks of how an issuer is asked about tokens, and that a token is shown to no more issuers than need be.

import { isKeyFault, readSigningKey } from '../../client-proof/signing-key.ts';
import type { TrustedIssuerSettings } from '../../token/settings.ts';
import { type Place, quote, spellPlace } from '../fault.ts';
import type { CheckInput } from './check.ts';
import { httpUrl } from './issuers.ts';

/** One entry of token.trustedIssuers. */
export interface Entry {
  readonly input: CheckInput;
  readonly place: Place;
  readonly trusted: TrustedIssuerSettings;
}

type IntrospectionSettings = NonNullable<TrustedIssuerSettings['introspection']>;

/** Milliseconds, and as an operator writes them. */
const BOUNDS = {
  timeout: { least: 100, most: 60_000, words: 'from 100ms to 1m' },
  cacheFor: { least: 1_000, most: 900_000, words: 'from 1s to 15m' },
  every: { least: 10_000, most: 86_400_000, words: 'from 10s to 1d' },
} as const;

export function checkIntrospection({ input, place }: Entry, asking: IntrospectionSettings): void {
  const at = [...place, 'introspection'];
  const fault = (name: string, message: string) => input.findings.fault([...at, name], message);
  const { endpoint, protocol } = asking;
  if (endpoint !== undefined) {
    const url = httpUrl(input, [...at, 'endpoint'], endpoint);
    if (url && (url.username !== '' || url.password !== ''))
      fault('endpoint', 'holds a user name or password; they belong into clientId and clientSecret');
  } else if (protocol === 'google-tokeninfo') {
    fault('endpoint', 'is missing; no metadata name it with `protocol: google-tokeninfo`');
  }
  for (const name of ['timeout', 'cacheFor', 'every'] as const) {
    const { least, most, words } = BOUNDS[name];
    if (asking[name] < least || asking[name] > most) fault(name, `must be ${words}`);
  }
  checkProof(asking, fault);
}

function checkProof(asking: IntrospectionSettings, fault: (name: string, message: string) => void): void {
  const { protocol, clientId, clientSecret, clientSecretIn, clientKey, keyId } = asking;
  if (protocol === 'rfc7662') {
    // RFC 7662 §2.1: the endpoint must know who asks, or anybody could try tokens there.
    if (clientId === undefined) fault('clientId', 'is missing; expected Postern’s client id at the issuer');
    if (clientSecret === undefined && clientKey === undefined)
      fault('clientSecret', 'is missing; expected Postern’s secret at the issuer, or `clientKey`');
  }
  if (clientSecret !== undefined && clientKey !== undefined)
    fault('clientKey', 'stands beside clientSecret; one of the two proves enough');
  if (clientSecretIn !== undefined && clientSecret === undefined)
    fault('clientSecretIn', 'says where clientSecret goes, and there is none');
  if (keyId !== undefined && clientKey === undefined)
    fault('keyId', 'belongs to a clientKey, and there is none');
  const key = clientKey && readSigningKey({ key: clientKey.reveal(), keyId });
  if (key && isKeyFault(key)) fault('clientKey', key.message);
}

/** A token that names no issuer is shown to everybody who is asked about it: one more who could use it. */
export function checkOpaqueTokens(entries: readonly Entry[]): void {
  const earlier: { place: Place; prefixes: readonly string[] }[] = [];
  for (const { input, place, trusted } of entries) {
    if (trusted.verification !== 'introspection') continue;
    const prefixes = trusted.tokenPrefixes ?? [''];
    for (const other of earlier) {
      const shared = prefixes.find((one) =>
        other.prefixes.some((another) => one.startsWith(another) || another.startsWith(one)),
      );
      if (shared === undefined) continue;
      const why = shared === '' ? 'is missing' : `${quote(shared)} fits there too`;
      input.findings.danger(
        [...place, 'tokenPrefixes'],
        `${why}: opaque tokens are shown to ${spellPlace(other.place)} first, and those it does not know to this issuer`,
      );
      break;
    }
    earlier.push({ place, prefixes });
  }
}
