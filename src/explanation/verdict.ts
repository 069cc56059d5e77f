// The verdict on one token, as the mail client's door gives it, told in full to the operator.

import { scrubText } from '../audit/scrub.ts';
import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../refusal.ts';
import { readToken } from '../sasl/bearer.ts';
import { describeToken, type TokenDescription } from '../token/description.ts';
import type { TokenVerifier } from '../token/verifier.ts';

export type { TokenDescription } from '../token/description.ts';

/** Nothing in it is a secret: neither the token nor a part of its signature. */
export type TokenVerdict = AcceptedToken | RefusedToken;

export interface AcceptedToken {
  readonly accepted: true;
  readonly issuer: string;
  readonly subject: string;
  /** Whom it may send as; the first names it in the journal. */
  readonly addresses: readonly string[];
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly client?: string | undefined;
  readonly tokenId?: string | undefined;
  /** ISO 8601, UTC. */
  readonly expires: string;
  /** `id` of the upstreams that its mail may go to; undefined where only the running gateway knows. */
  readonly upstreams?: readonly string[] | undefined;
}

export interface RefusedToken {
  readonly accepted: false;
  readonly code: RefusalCode;
  /** What was expected and found, as in the journal. */
  readonly reason: string;
  /** What it says of itself; not verified. */
  readonly token: TokenDescription;
  /** Where the settings of the issuer that it names stand, such as `token.trustedIssuers[1]`. */
  readonly entry?: string | undefined;
  /** For `token-issuer`: every issuer that is believed, in full. */
  readonly believed?: readonly string[] | undefined;
}

export interface QuestionedToken {
  readonly token: string;
  /** Of the client that shows it, as {@link TokenVerifier.verify} takes it; undefined where none is shown. */
  readonly certificate?: string | undefined;
}

/** Longer input is not even asked about: 64 KB, where the verifier looks at 16. */
export const MAX_QUESTION_LENGTH = 64 * 1024;

export interface Judge {
  readonly verifier: Pick<TokenVerifier, 'verify'>;
  /** Issuers of `token.trustedIssuers`, in that order, and Postern’s own. */
  readonly issuers: { readonly trusted: readonly string[]; readonly own: string };
  readonly upstreamsOf?: (principal: Principal) => readonly string[];
}

/** Rejects only where the verifier does. */
export async function judgeToken(
  { token, certificate }: QuestionedToken,
  { verifier, issuers, upstreamsOf }: Judge,
): Promise<TokenVerdict> {
  // The same reading as after AUTH: what cannot be sent there is no token that would pass.
  const read = readToken(`Bearer ${token}`);
  const verdict = isRefusal(read) ? read : await verify(read, certificate, verifier);
  if (isRefusal(verdict)) return refused(verdict, token, issuers);
  return { ...accepted(verdict), ...(upstreamsOf && { upstreams: upstreamsOf(verdict) }) };
}

async function verify(
  token: string | undefined,
  certificate: string | undefined,
  verifier: Pick<TokenVerifier, 'verify'>,
): Promise<Principal | Refusal> {
  return token === undefined ? refuse('token-missing', 'empty token') : verifier.verify(token, certificate);
}

function refused({ code, reason }: Refusal, token: string, { trusted, own }: Judge['issuers']): RefusedToken {
  const description = describeToken(token);
  const index = trusted.indexOf(description.issuer ?? '');
  return {
    accepted: false,
    code,
    reason: String(scrubText(reason)),
    token: description,
    ...(index >= 0 && { entry: `token.trustedIssuers[${index}]` }),
    ...(code === 'token-issuer' && { believed: [own, ...trusted] }),
  };
}

function accepted(principal: Principal): AcceptedToken {
  const { issuer, subject, addresses, groups, scopes, clientId, tokenId, expiresAt } = principal;
  return {
    accepted: true,
    issuer,
    subject,
    addresses,
    groups,
    scopes,
    client: clientId,
    tokenId,
    // A trusted issuer may write any number that is a time (see token/checks/claims.ts).
    expires: new Date(expiresAt * 1000).toISOString(),
  };
}
