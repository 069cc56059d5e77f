// Tokens that are good only in one pair of hands (RFC 7800): bound to a client certificate (RFC 8705), or to a key of another kind.

import { type Refusal, refuse } from '../../refusal.ts';
import { shown } from '../shown.ts';

/**
 * The certificate that a token is bound to: base64url of the SHA-256 of its DER form. Undefined for a bearer token. Refuses
 * `token-bound` for every other binding: taken without its proof, a stolen token would work.
 */
export function readBinding(cnf: unknown): string | undefined | Refusal {
  if (cnf === undefined) return undefined;
  const members = typeof cnf === 'object' && cnf !== null ? Object.keys(cnf) : [];
  // RFC 9449 §7: its proof is a header of an HTTP request, which OAUTHBEARER and XOAUTH2 can't carry.
  if (members.includes('jkt'))
    return refuse(
      'token-bound',
      'bound to a DPoP key (cnf.jkt), which cannot be proved over SMTP; let the client ask for a bearer token',
    );
  // RFC 7800 §3.1: what else it is bound to would have to be proved as well.
  if (members.length !== 1 || members[0] !== 'x5t#S256')
    return refuse('token-bound', `bound to a key: cnf with ${shown(members)}`);
  const thumbprint = (cnf as Record<string, unknown>)['x5t#S256'];
  if (typeof thumbprint === 'string' && /^[A-Za-z0-9_-]{43}$/.test(thumbprint)) return thumbprint;
  return refuse(
    'token-bound',
    `expected cnf.x5t#S256 to be a SHA-256 in base64url, found ${shown(thumbprint)}`,
  );
}

/**
 * RFC 8705 §3: the certificate of this connection must be the one.
 * @param bound as {@link readBinding} gives it
 * @param presented of the client certificate of this connection, in the same form
 */
export function checkPossession(
  bound: string | undefined,
  presented: string | undefined,
): Refusal | undefined {
  if (bound === undefined || bound === presented) return undefined;
  const wanted = `bound to the client certificate ${bound} (cnf.x5t#S256)`;
  if (presented !== undefined)
    return refuse('token-bound', `${wanted}; this connection was made with ${presented}`);
  return refuse(
    'token-bound',
    `${wanted}; on this connection none was shown. A listener asks for one with clientCertificate: optional or required`,
  );
}
