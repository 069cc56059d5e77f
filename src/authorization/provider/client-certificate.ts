// Owns what the OAuth server is told of clients' certificates (RFC 8705): who showed which, and whether it proves who they are.

import type { IncomingMessage } from 'node:http';
import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { type Authorities, faultOfIssue } from '../mutual-tls/authorities.ts';
import { readContents } from '../mutual-tls/contents.ts';
import { createCertificateReader } from '../mutual-tls/header.ts';
import { faultOfSubject, type SubjectKind } from '../mutual-tls/subject.ts';
import type { AuthorizationSettings } from '../settings.ts';

type MutualTls = NonNullable<NonNullable<Configuration['features']>['mTLS']>;

/** What the client metadata of RFC 8705 §2.1.2 call the settings of `certificateSubject`. */
export const SUBJECT_METADATA = {
  dn: 'tls_client_auth_subject_dn',
  dns: 'tls_client_auth_san_dns',
  uri: 'tls_client_auth_san_uri',
  ip: 'tls_client_auth_san_ip',
  email: 'tls_client_auth_san_email',
} as const satisfies Record<SubjectKind, string>;

const KINDS = new Map<string, SubjectKind>(
  Object.entries(SUBJECT_METADATA).map(([kind, name]) => [name, kind as SubjectKind]),
);

/**
 * Off where no header is set. What is refused is thrown instead of returned, so that the journal has the reason; the client hears
 * `invalid_client` and no more.
 */
export function mutualTls(
  { reverseProxy }: Pick<AuthorizationSettings, 'reverseProxy'>,
  /** As they are now; undefined where the operator named none. */
  authorities: (() => Authorities) | undefined,
): MutualTls {
  const header = reverseProxy?.clientCertificateHeader;
  if (reverseProxy === undefined || header === undefined) return { enabled: false };
  const read = createCertificateReader({ header, from: reverseProxy.from });

  function shown(request: IncomingMessage) {
    const found = read(request, Date.now());
    if (found !== undefined && 'fault' in found) throw new errors.InvalidClientAuth(found.fault);
    return found;
  }
  function understood(ctx: KoaContextWithOIDC) {
    const certificate = shown(ctx.req);
    const contents = certificate && readContents(certificate.raw);
    if (certificate !== undefined && contents !== undefined) return { certificate, contents };
    throw new errors.InvalidClientAuth('the client certificate cannot be read beyond doubt');
  }

  return {
    enabled: true,
    selfSignedTlsClientAuth: true,
    tlsClientAuth: authorities !== undefined,
    certificateBoundAccessTokens: true,
    getCertificate: (ctx) => shown(ctx.req),
    certificateAuthorized(ctx) {
      const { certificate, contents } = understood(ctx);
      const given = { authorities: authorities?.() ?? [], now: Date.now() };
      const fault = faultOfIssue(certificate, contents, given);
      if (fault !== undefined) throw new errors.InvalidClientAuth(fault);
      return true;
    },
    certificateSubjectMatches(ctx, property, expected) {
      const kind = KINDS.get(property);
      const fault =
        kind === undefined
          ? `there is no name of the kind ${property}`
          : faultOfSubject(understood(ctx).contents, kind, expected);
      if (fault !== undefined) throw new errors.InvalidClientAuth(fault);
      return true;
    },
  };
}
