// The names under which trust is withdrawn: the `jti` of Postern's own tokens, which carries a handle of its grant, and keys
// for subjects and clients.

import { createHash, randomBytes } from 'node:crypto';

const HANDLE_LENGTH = 16;
const RANDOM_LENGTH = 11;
const KEY_LENGTH = 27;
const TOKEN_ID = /^([A-Za-z0-9_-]{16})\.[A-Za-z0-9_-]{11}$/;

/** A new `jti`: the grant's handle, a dot, 66 random bits. Without a grant (client credentials) it starts with the dot. */
export function composeTokenId(grantId: string | undefined): string {
  return tokenIdFrom(randomBytes(9).toString('base64url'), grantId);
}

/** @param random at least 11 characters of base64url, such as the digest of a random text */
export function tokenIdFrom(random: string, grantId: string | undefined): string {
  return `${grantId === undefined ? '' : grantHandle(grantId)}.${random.slice(0, RANDOM_LENGTH)}`;
}

/** The 16 characters that stand for a grant in tokens and revocations; they do not tell the grant's own id. */
export function grantHandle(grantId: string): string {
  return createHash('sha256').update(grantId).digest('base64url').slice(0, HANDLE_LENGTH);
}

/** The grant's handle in a `jti` of Postern's own; undefined for a token without a grant. */
export function grantHandleOf(tokenId: string): string | undefined {
  return TOKEN_ID.exec(tokenId)?.[1];
}

/** The key of a person or app in revocations: `iss` and `sub` together name one (RFC 7519 §4.1.2). */
export function subjectKey(issuer: string, subject: string): string {
  return keyOf(issuer, subject);
}

/** The key of a client in revocations. */
export function clientKey(issuer: string, clientId: string): string {
  return keyOf(issuer, clientId);
}

function keyOf(issuer: string, name: string): string {
  // JSON keeps the border between the two: neither can borrow from the other.
  return createHash('sha256')
    .update(JSON.stringify([issuer, name]))
    .digest('base64url')
    .slice(0, KEY_LENGTH);
}
