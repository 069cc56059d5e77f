// What a request carries to prove which client asks: nothing twice, nothing ambiguous, nothing another issuer could use.

import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { proveByKey, proveBySecret } from '../../../src/client-proof/proof.ts';
import { readSigningKey, type SigningKey } from '../../../src/client-proof/signing-key.ts';
import { Secret } from '../../../src/setting.ts';
import { parseJwt } from '../../support/parsed-jwt.ts';

const NOW = Date.UTC(2026, 10, 1);

describe('a secret', () => {
  const bySecret = (clientId: string, secret: string, goesInto: 'header' | 'body') =>
    proveBySecret({ clientId, secret: new Secret(secret), goesInto });
  const pairIn = (authorization = '') =>
    Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();

  it.each([
    ['mail:gate way', 'pä%ss:word', 'mail%3Agate+way:p%C3%A4%25ss%3Aword'],
    // As it is, for servers that do not decode.
    ['postern', 'Zm9v-bar_baz.1*', 'postern:Zm9v-bar_baz.1*'],
  ])('of %s in the header is form-encoded (RFC 6749 §2.3.1)', (clientId, secret, pair) => {
    const { headers, form } = bySecret(clientId, secret, 'header');
    expect(Object.keys(headers)).toEqual(['authorization']);
    expect(pairIn(headers['authorization'])).toBe(pair);
    const decoded = pair.split(':').map((part) => new URLSearchParams(`x=${part}`).get('x'));
    expect(decoded).toEqual([clientId, secret]);
    // RFC 6749 §2.3: not more than one method in a request.
    expect(form).toEqual({});
  });

  it('in the body stands there alone', () => {
    expect(bySecret('postern', 'pä%ss:word', 'body')).toEqual({
      headers: {},
      form: { client_id: 'postern', client_secret: 'pä%ss:word' },
    });
  });
});

describe('a key', () => {
  it.each([
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ])('signs an assertion with %s for the one who is asked (RFC 7523 §3)', async (alg, { privateKey }) => {
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const signingKey = readSigningKey({ key, keyId: 'k1' }) as SigningKey;
    const given = { clientId: 'postern', signingKey, audience: 'https://idp.example.org', now: NOW };
    const proofs = await Promise.all([proveByKey(given), proveByKey(given)]);
    const [first, second] = proofs.map(({ form }) => parseJwt(form['client_assertion'] ?? ''));
    expect(first?.header).toEqual({ alg, typ: 'JWT', kid: 'k1' });
    expect(first?.isSignedBy(createPublicKey(privateKey))).toBe(true);
    expect(first?.claims).toEqual({
      iss: 'postern',
      sub: 'postern',
      aud: 'https://idp.example.org',
      iat: NOW / 1000,
      nbf: NOW / 1000,
      exp: NOW / 1000 + 300,
      jti: expect.any(String),
    });
    expect(first?.claims['jti']).not.toBe(second?.claims['jti']);
    expect(proofs[0]).toMatchObject({
      headers: {},
      form: {
        client_id: 'postern',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      },
    });
  });
});
