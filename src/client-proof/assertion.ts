// Signs the assertions of RFC 7523: as a grant (§2.1) it speaks for a mailbox, as client authentication (§2.2) for Postern.

import { randomUUID } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import type { SigningKey } from './signing-key.ts';

/** @param request.lifetime seconds. @param request.now milliseconds since the epoch. */
export function signAssertion(request: {
  readonly signingKey: SigningKey;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly claims?: JWTPayload;
  readonly lifetime: number;
  readonly now: number;
}): Promise<string> {
  const { signingKey, lifetime } = request;
  const issuedAt = Math.floor(request.now / 1000);
  return (
    new SignJWT({ ...request.claims })
      .setProtectedHeader({ alg: signingKey.algorithm, typ: 'JWT', ...signingKey.header })
      .setIssuer(request.issuer)
      .setSubject(request.subject)
      .setAudience(request.audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + lifetime)
      // RFC 7523 §3: lets the token endpoint see a replay.
      .setJti(randomUUID())
      .sign(signingKey.key)
  );
}
