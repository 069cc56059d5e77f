// Reads a JWT and checks its signature, by Node's own crypto: the library that signs is not the one that verifies.

import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';

export function parseJwt(text: string) {
  const [head = '', body = '', signature = ''] = text.split('.');
  try {
    const header = JSON.parse(Buffer.from(head, 'base64url').toString('utf8')) as Record<string, unknown>;
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Record<string, unknown>;
    const isSignedBy = (key: KeyObject): boolean => {
      const bytes = Buffer.from(`${head}.${body}`);
      const made = Buffer.from(signature, 'base64url');
      const publicKey = key.type === 'private' ? createPublicKey(key) : key;
      switch (header['alg']) {
        case 'RS256':
          return verify('sha256', bytes, publicKey, made);
        case 'PS256':
          return verify(
            'sha256',
            bytes,
            { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
            made,
          );
        case 'ES256':
          return verify('sha256', bytes, { key: publicKey, dsaEncoding: 'ieee-p1363' }, made);
        case 'ES384':
          return verify('sha384', bytes, { key: publicKey, dsaEncoding: 'ieee-p1363' }, made);
        case 'EdDSA':
          return verify(null, bytes, publicKey, made);
        default:
          return false;
      }
    };
    return { header, claims, isSignedBy };
  } catch {
    return undefined;
  }
}
