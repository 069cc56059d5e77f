// Owns which proof of itself Postern gives a token endpoint: a secret, a signed assertion, or nothing.

import { readFileSync } from 'node:fs';
import { type ClientAuth, None, type ServerMetadata } from 'openid-client';
import { proveByKey } from '../../client-proof/proof.ts';
import { isKeyFault, readSigningKey, type SigningKey } from '../../client-proof/signing-key.ts';
import { proving, provingBySecret, takesPostOnly } from '../discovery.ts';
import type { UpstreamOAuthSettings } from './settings.ts';

/** For checked settings; throws where the key or the certificate cannot be used. */
export function createClientProof(
  settings: UpstreamOAuthSettings,
  now: () => number,
): (metadata: ServerMetadata) => ClientAuth {
  const { clientId = '', clientSecret, grant } = settings;
  if (clientSecret !== undefined) {
    return (metadata) => provingBySecret(clientSecret, goesIntoBody(settings, metadata) ? 'body' : 'header');
  }
  // RFC 7521 §4.1: an assertion that is the grant says by itself who it is from.
  if (grant === 'jwt-bearer') return () => () => undefined;
  const signingKey = clientKeyOf(settings);
  if (signingKey === undefined) return () => None();
  return (metadata) =>
    proving(() => proveByKey({ clientId, signingKey, audience: audienceOf(settings, metadata), now: now() }));
}

/** The key of `clientKey`; undefined where there is none. */
export function clientKeyOf(settings: UpstreamOAuthSettings): SigningKey | undefined {
  const { clientKey, clientCertificate, keyId } = settings;
  if (clientKey === undefined) return undefined;
  const certificate = clientCertificate === undefined ? undefined : readFileSync(clientCertificate, 'utf8');
  const read = readSigningKey({ key: clientKey.reveal(), certificate, keyId });
  if (isKeyFault(read)) throw new Error(`oauth: the ${read.concerns} of the client ${read.message}`);
  return read;
}

/** RFC 7523 §3: the token endpoint, or the issuer where that is what the operator has named. */
export function audienceOf(settings: UpstreamOAuthSettings, metadata: ServerMetadata): string {
  return settings.issuer === undefined ? (metadata.token_endpoint ?? metadata.issuer) : metadata.issuer;
}

function goesIntoBody(settings: UpstreamOAuthSettings, metadata: ServerMetadata): boolean {
  if (settings.clientSecretIn !== undefined) return settings.clientSecretIn === 'body';
  return settings.tenant !== undefined || takesPostOnly(metadata);
}
