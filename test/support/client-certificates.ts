// Client certificates as a reverse proxy hands them over, and the settings of a browser's door that looks for them.

import { createHash, X509Certificate } from 'node:crypto';
import type { AuthorizationSettings } from '../../src/authorization/settings.ts';

export const HEADER = 'client-cert';

/** RFC 9440 §2.2. */
export function asBytes(pem: string): string {
  return `:${new X509Certificate(pem).raw.toString('base64')}:`;
}

/** What nginx makes of `$ssl_client_escaped_cert`. */
export function asEscapedPem(pem: string): string {
  return encodeURIComponent(pem);
}

/** RFC 8705 §3.1. */
export function thumbprint(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url');
}

export function behindProxy(changes: Partial<AuthorizationSettings>): Partial<AuthorizationSettings> {
  return {
    trustProxy: true,
    clientCertificateHeader: { name: 'Client-Cert', from: ['127.0.0.1'] },
    ...changes,
  };
}
