// How Postern proves to an issuer who asks: a secret in the header or the form, or an assertion signed with its key.

import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Secret } from '../../setting.ts';

export interface ClientProof {
  readonly clientId?: string;
  readonly clientSecret?: Secret;
  readonly clientSecretIn?: 'header' | 'body';
  /** Instead of the secret: private key in PEM. */
  readonly clientKey?: Secret;
  readonly keyId?: string;
  /** The issuer that is asked: for whom an assertion is meant. */
  readonly issuer?: string;
}

export interface Proof {
  readonly headers: Readonly<Record<string, string>>;
  /** Parameters beside the question's own. */
  readonly form: Readonly<Record<string, string>>;
}

/** Nothing where no client id is given. Throws on a key that config/ would have refused. */
export async function proveClient(given: ClientProof): Promise<Proof> {
  const { clientId, clientSecret, clientSecretIn, clientKey } = given;
  if (clientId === undefined) return { headers: {}, form: {} };
  if (clientKey !== undefined) return { headers: {}, form: await assertion(clientId, clientKey, given) };
  const secret = clientSecret?.reveal() ?? '';
  if (clientSecretIn === 'body') return { headers: {}, form: { client_id: clientId, client_secret: secret } };
  // RFC 6749 §2.3.1: both parts are form-encoded first, so that a colon in either does not move the border between them.
  const pair = `${formEncoded(clientId)}:${formEncoded(secret)}`;
  return { headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }, form: {} };
}

/** RFC 7523 §2.2, §3. The issuer's own name is the audience that every server takes, and none can carry to another. */
async function assertion(
  clientId: string,
  clientKey: Secret,
  { keyId, issuer }: ClientProof,
): Promise<Proof['form']> {
  const key = createPrivateKey(clientKey.reveal());
  const signed = await new SignJWT()
    .setProtectedHeader({ alg: algorithmOf(key), typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(issuer ?? '')
    .setJti(randomUUID())
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(key);
  return {
    client_id: clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: signed,
  };
}

function algorithmOf(key: KeyObject): string {
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  const curves: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384' };
  const algorithm = { rsa: 'RS256', ec: curves[namedCurve ?? ''], ed25519: 'EdDSA' }[
    String(key.asymmetricKeyType)
  ];
  if (algorithm === undefined) throw new TypeError('a client key of this kind signs no assertion');
  return algorithm;
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}
