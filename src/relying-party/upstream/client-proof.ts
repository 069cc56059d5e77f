// Owns how Postern proves to a token endpoint which client it is: a secret, a signed assertion, or nothing.

import { readFileSync } from 'node:fs';
import {
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  None,
  type ServerMetadata,
} from 'openid-client';
import { takesPostOnly } from '../discovery.ts';
import { signAssertion } from './assertion.ts';
import type { UpstreamOAuthSettings } from './settings.ts';
import { isKeyFault, readSigningKey, type SigningKey } from './signing-key.ts';

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
// Seconds. Microsoft, "Certificate credentials": 5 to 10 minutes at most.
const ASSERTION_LIFETIME = 300;

/** For checked settings; throws where the key or the certificate cannot be used. */
export function createClientProof(
  settings: UpstreamOAuthSettings,
  now: () => number,
): (metadata: ServerMetadata) => ClientAuth {
  const { clientId = '', clientSecret, grant } = settings;
  if (clientSecret !== undefined) {
    return (metadata) =>
      goesIntoBody(settings, metadata)
        ? ClientSecretPost(clientSecret.reveal())
        : ClientSecretBasic(clientSecret.reveal());
  }
  // RFC 7521 §4.1: an assertion that is the grant says by itself who it is from.
  if (grant === 'jwt-bearer') return () => () => undefined;
  const signingKey = clientKeyOf(settings);
  if (signingKey === undefined) return () => None();
  return (metadata) => async (_server, _client, body) => {
    const assertion = await signAssertion({
      signingKey,
      issuer: clientId,
      subject: clientId,
      audience: audienceOf(settings, metadata),
      claims: { nbf: Math.floor(now() / 1000) },
      lifetime: ASSERTION_LIFETIME,
      now: now(),
    });
    body.set('client_id', clientId);
    body.set('client_assertion_type', ASSERTION_TYPE);
    body.set('client_assertion', assertion);
  };
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
