// Owns the token endpoint whose access tokens a Dovecot of the tests takes: a JWT for a mailbox, good, expired or of a forged key.

import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { type Asked, startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.ts';
import { mintToken, testKey } from '../support/tokens.ts';

const KEY = testKey('ES256', 'mail');
/** Says that it is the same one. */
const FORGED = testKey('ES256', 'mail');

/** What a Dovecot is to know: public keys in PEM by `kid`. */
export const KEYS: Readonly<Record<string, string>> = {
  [KEY.kid]: pem(KEY.publicJwk),
};

function pem(jwk: JsonWebKey): string {
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;
}

export type Quality = 'good' | 'expired' | 'forged';

/** For an hour, or until a minute ago. */
export function mint(mailbox: string, quality: Quality = 'good'): string {
  const now = Math.floor(Date.now() / 1000);
  const until = quality === 'expired' ? now - 60 : now + 3600;
  const claims = { iss: 'https://tokens.example.org', sub: mailbox, iat: now - 600, exp: until };
  // Dovecot 2.3 knows no other type, such as that of RFC 9068.
  return mintToken(quality === 'forged' ? FORGED : KEY, claims, { typ: 'JWT' });
}

export interface Mint {
  readonly endpoint: TokenEndpoint;
  /** Every token that was given. */
  readonly given: readonly string[];
  close(): Promise<void>;
}

/**
 * Gives tokens that are said to last for an hour, whatever they are.
 * @param options.qualities of the first, the second and so on; all further ones are like the last
 * @param options.mailboxOf whose mailbox a request asks for; where it throws, the request is refused
 */
export async function startMint(options: {
  qualities: readonly Quality[];
  mailboxOf: (asked: Asked) => string;
  /** Further members of an answer. */
  more?: (count: number) => object;
}): Promise<Mint> {
  const given: string[] = [];
  const endpoint = await startTokenEndpoint((asked) => {
    try {
      const quality = options.qualities[Math.min(given.length, options.qualities.length - 1)] ?? 'good';
      const token = mint(options.mailboxOf(asked), quality);
      given.push(token);
      const more = options.more?.(given.length) ?? {};
      return { body: { access_token: token, token_type: 'Bearer', expires_in: 3600, ...more } };
    } catch (error) {
      return { status: 400, body: { error: 'invalid_grant', error_description: (error as Error).message } };
    }
  });
  return { endpoint, given, close: () => endpoint.close() };
}
