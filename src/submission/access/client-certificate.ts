// Owns the certificate that a client has shown: by what name a token that is bound to one knows it.

import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/**
 * Base64url of the SHA-256 of its DER form (RFC 8705 §3.1); undefined where the client showed none. It is of this handshake, in which
 * the client has proved its key: where certificates are asked for, none is resumed (tls/contexts.ts). Who issued it does not matter
 * here (RFC 8705 §2.2).
 */
export function thumbprintOf(socket: Partial<TLSSocket>): string | undefined {
  // Node gives null, whatever its types say, once the socket is destroyed.
  const der = (socket.getPeerCertificate?.() as { raw?: Buffer } | null | undefined)?.raw;
  return der && createHash('sha256').update(der).digest('base64url');
}
