// Owns the comparison of a caller's Authorization header with the secret it was given.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../setting.ts';

/** Whether the header is the secret itself or `Bearer` and the secret (RFC 6750 §2.1). Takes the same time for any header. */
export function showsSecret(header: string | undefined, secret: Secret): boolean {
  const shown = digest(header ?? '');
  const text = secret.reveal();
  const isWhole = timingSafeEqual(shown, digest(text));
  const isBearer = timingSafeEqual(
    digest((header ?? '').replace(/^bearer +/i, 'Bearer ')),
    digest(`Bearer ${text}`),
  );
  return header !== undefined && (isWhole || isBearer);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
