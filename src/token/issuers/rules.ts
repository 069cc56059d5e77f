// What a token must fulfil to be believed, per issuer: its own server's and the trusted ones' settings in one shape.

import { canonicalAddress, isOfDomain } from '../../address.ts';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { AccountDirectory } from '../account.ts';
import type { Introspector } from '../introspection/introspector.ts';
import type { KeySource } from '../keys/key-source.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { OpaqueTokens } from '../own-opaque.ts';
import type { TrustedIssuerSettings } from '../settings.ts';
import { shown, shownName } from '../shown.ts';
import { addressesFromClaims, type Claims, groupsFromClaims } from './identity.ts';
import { createWorkloads } from './workloads.ts';

/** The scopes that allow to submit mail: the interoperable one of all mail protocols, and Postern's narrower one. */
export const MAIL_SCOPES: readonly string[] = ['urn:ietf:params:oauth:scope:mail', 'smtp.submit'];

/** How long a person's account, or a key that the issuer may have withdrawn, is believed before a token is verified anew. */
const RECHECK_OWN = 30_000;
const RECHECK_TRUSTED = 5 * 60_000;

/** Postern's own OAuth server as the verifier needs it. */
export interface OwnIssuer {
  /** Exact value of `iss`. */
  readonly issuer: string;
  readonly keyring: Keyring;
  readonly accounts: AccountDirectory;
  /** Mail domains of people's addresses that count; absent: all. */
  readonly domains?: readonly string[] | undefined;
  /** Addresses an app may send as with a token of its own (client credentials), by client id. */
  readonly apps: ReadonlyMap<string, readonly string[]>;
  /** Absent where it issues signed tokens only. */
  readonly opaque?: OpaqueTokens;
}

export interface Identity {
  readonly addresses: readonly string[];
  readonly groups: readonly string[];
}

export interface IssuerRules {
  readonly issuer: string;
  /** What a token is proved by: its signature, or the issuer's word. */
  readonly proof:
    | { readonly by: 'signature'; readonly keys: KeySource }
    | {
        readonly by: 'introspection';
        readonly introspector: Introspector;
        readonly prefixes: readonly string[];
      };
  readonly algorithms: ReadonlySet<string>;
  /** Accepted `typ` values as `mediaType()` of header.ts gives them. */
  readonly types: ReadonlySet<string>;
  /** Undefined where only the issuer's word counts, and it names no audience. */
  readonly audiences: ReadonlySet<string> | undefined;
  /** Values of a claim `typ`, where the issuer writes one. */
  readonly claimedTypes: ReadonlySet<string> | undefined;
  /** One of them is needed; empty: none is. */
  readonly scopes: readonly string[];
  readonly clients: ReadonlySet<string> | undefined;
  /** Claims that must hold one of some values, every one of the list. */
  readonly requirements: readonly { readonly claim: string; readonly anyOf: readonly string[] }[];
  /** Claims a token must have beside `iss`, `sub`, `aud`, `exp`. */
  readonly requiredClaims: readonly string[];
  /** Whether `jti` has the form of token-id.ts. */
  readonly grantInTokenId: boolean;
  /** Milliseconds after which a verified token is verified anew. */
  readonly recheckAfter: number;
  identify(claims: Claims): Promise<Identity | Refusal>;
}

export function ownIssuerRules(own: OwnIssuer, options: { audience: string; keys: KeySource }): IssuerRules {
  return {
    issuer: own.issuer,
    proof: { by: 'signature', keys: options.keys },
    algorithms: new Set(['ES256']),
    types: new Set(['at+jwt']),
    audiences: new Set([options.audience]),
    claimedTypes: undefined,
    scopes: MAIL_SCOPES,
    clients: undefined,
    requirements: [],
    // RFC 9068 §2.2. Without a `jti` a token of ours could not be revoked.
    requiredClaims: ['client_id', 'iat', 'jti'],
    grantInTokenId: true,
    recheckAfter: RECHECK_OWN,
    identify: (claims) => identifyOwn(own, claims),
  };
}

/** @param recheckAfter milliseconds after which a token that the issuer stood by is asked about anew; only for that proof */
export function trustedIssuerRules(
  settings: TrustedIssuerSettings,
  { proof, recheckAfter = RECHECK_TRUSTED }: { proof: IssuerRules['proof']; recheckAfter?: number },
): IssuerRules {
  return {
    issuer: settings.issuer,
    proof,
    algorithms: new Set(settings.algorithms),
    types: new Set(settings.types.map(mediaType)),
    audiences: settings.audiences && new Set(settings.audiences),
    claimedTypes: settings.claimedTypes && new Set(settings.claimedTypes),
    scopes: settings.scopes,
    clients: settings.clients && new Set(settings.clients),
    requirements: settings.require ?? [],
    requiredClaims: [],
    grantInTokenId: false,
    recheckAfter,
    identify: identifyTrusted(settings),
  };
}

function identifyTrusted({ identity, domains, workloads }: TrustedIssuerSettings): IssuerRules['identify'] {
  const addressesOfJob = workloads && createWorkloads(workloads);
  return async (claims) => {
    const addresses = addressesOfJob?.(claims) ?? addressesFromClaims(claims, identity, domains);
    if (isRefusal(addresses)) return addresses;
    return { addresses, groups: groupsFromClaims(claims, identity) };
  };
}

/** A `typ` value for comparing: RFC 7515 §4.1.9 lets `application/` be left out, media types know no case. */
export function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '');
}

async function identifyOwn(own: OwnIssuer, claims: Claims): Promise<Identity | Refusal> {
  const subject = String(claims['sub']);
  // RFC 9068 §5: a client must not be able to pass for a person, so a token for itself never looks among the accounts.
  if (subject === claims['client_id']) return identifyApp(own, subject);
  const account = await own.accounts.find(subject);
  if (!account) return refuse('token-identity', `no account ${shown(subject)}: expected one of this issuer`);
  if (account.disabled) return refuse('token-identity', `account ${shown(subject)} is disabled`);
  const { domains } = own;
  // An account may be older than the list.
  const addresses = account.addresses.filter(
    (address) => domains?.some((domain) => isOfDomain(address, domain)) ?? true,
  );
  const who = `account ${shown(subject)}`;
  return addressed(addresses, account.groups, domains ? `${who}, of the domains ${shown(domains)},` : who);
}

function identifyApp(own: OwnIssuer, clientId: string): Identity | Refusal {
  const sendAs = own.apps.get(clientId);
  if (!sendAs)
    return refuse('token-identity', `client ${shownName(clientId)} is not configured to send by itself`);
  return addressed(sendAs, [], `client ${shownName(clientId)}`);
}

function addressed(texts: readonly string[], groups: readonly string[], who: string): Identity | Refusal {
  const addresses = texts.map(canonicalAddress).filter((address) => address !== undefined);
  return addresses.length > 0
    ? { addresses, groups }
    : refuse('token-identity', `${who} has no mail address`);
}
