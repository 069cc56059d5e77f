// Checks of the issuers: Postern's own, the identity provider's; and what holds for the address of any.

import { readDomainPattern } from '../../address.ts';
import { type Place, quote } from '../fault.ts';
import { hostOf, isLoopback } from '../hosts.ts';
import type { CheckInput } from './check.ts';

export function checkOwnIssuer(input: CheckInput): void {
  const { issuer } = input.settings.authorization;
  const place = ['authorization', 'issuer'];
  const url = httpUrl(input, place, issuer);
  if (url === undefined) return;
  // RFC 8414 §2: no query, no fragment; every path of the origin belongs to Postern's own pages.
  if (issuer !== url.origin) {
    input.findings.fault(
      place,
      `must be scheme, host and port only, in the form clients compare letter by letter; write ${url.origin}`,
    );
  } else if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    input.findings.fault(
      place,
      'must be https; http is accepted only for localhost, because tokens pass through it',
    );
  }
}

export function checkIdentityProvider(input: CheckInput): void {
  const provider = input.settings.authorization.identityProvider;
  const place = ['authorization', 'identityProvider'];
  checkIssuerUrl(input, [...place, 'issuer'], provider.issuer);
  checkInsecureHttp(input, place, provider.allowInsecureHttp, [['issuer', provider.issuer]]);
  checkVerified(input, [...place, 'identity'], provider.identity.requireVerified);
  checkAddressClaims(input, [...place, 'identity'], provider.identity.addresses);
  provider.domains?.forEach((text, index) => void readDomain(input, [...place, 'domains', index], text));
  if (isEverybodys(provider.issuer) && !provider.domains)
    input.findings.danger(
      [...place, 'domains'],
      'is missing: everybody in the world may have an account at this issuer, and send as what it is for',
    );
  if (!provider.scopes.includes('openid')) {
    // OpenID Connect Core §3.1.2.1: without it there is no ID token and nobody is signed in.
    input.findings.fault([...place, 'scopes'], 'must contain openid; without it nobody can be signed in');
  }
}

/** Google, and the tenant of Microsoft's personal accounts (access-token-claims-reference.md of entra-docs, `iss`). */
export function isEverybodys(issuer: string): boolean {
  return (
    issuer === 'https://accounts.google.com' || issuer.includes('/9188040d-6c67-4c5b-b112-36a304b66dad/')
  );
}

/** A mail domain in the form for comparing; a fault where the text is none. */
export function readDomain(input: CheckInput, place: Place, text: string): string | undefined {
  const domain = readDomainPattern(`*@${text}`);
  if (domain === undefined) input.findings.fault(place, `${quote(text)} is not a mail domain`);
  return domain;
}

export function checkAudience(input: CheckInput): void {
  // RFC 8707 §2: an absolute URI without a fragment.
  if (!input.settings.token.audience.includes('#')) return;
  input.findings.fault(['token', 'audience'], 'must have no fragment (the part from #)');
}

export function checkIssuerUrl(input: CheckInput, place: Place, issuer: string): void {
  const url = httpUrl(input, place, issuer);
  if (url === undefined) return;
  if (/[?#]/.test(issuer)) {
    // RFC 8414 §2.
    input.findings.fault(place, 'an issuer has no query (?) and no fragment (#)');
  } else if (url.username !== '' || url.password !== '') {
    input.findings.fault(place, 'an issuer holds no user name or password');
  } else if (isOfNoTenant(url)) {
    input.findings.fault(
      place,
      `names no tenant, and every token of Entra ID names its own; write the id of yours: https://${url.hostname}/TENANT-ID/v2.0`,
    );
  }
}

/** https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud */
const ENTRA_HOSTS = [
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.partner.microsoftonline.cn',
];

// MicrosoftDocs/entra-docs, docs/identity-platform/access-tokens.md, "Validate the issuer": the metadata of these is a template.
// Whoever fills it in from the token believes every tenant in the world about its people's addresses.
function isOfNoTenant({ hostname, pathname }: URL): boolean {
  const [, tenant = ''] = pathname.split('/');
  return (
    ENTRA_HOSTS.includes(hostname) &&
    (['common', 'organizations', 'consumers'].includes(tenant) || /\{|%7B/i.test(tenant))
  );
}

export function checkInsecureHttp(
  input: CheckInput,
  section: Place,
  allowed: boolean,
  urls: readonly (readonly [string, string])[],
): void {
  for (const [name, url] of urls) {
    const isPlain = /^http:/i.test(url);
    const isLocal = isLoopback(hostOf(url) ?? '');
    if (isPlain && !allowed) {
      const advice = isLocal ? ', or set allowInsecureHttp for a trial on this machine' : '';
      input.findings.fault([...section, ...name.split('.')], `must be https${advice}`);
    } else if (allowed && !isLocal) {
      input.findings.fault(
        [...section, 'allowInsecureHttp'],
        `may be true only where ${name} is on this machine (localhost); whoever sits between could sign in as anyone`,
      );
      return;
    }
  }
  if (allowed) input.findings.danger([...section, 'allowInsecureHttp'], 'http without TLS is accepted');
}

export function checkVerified(input: CheckInput, place: Place, requireVerified: boolean): void {
  if (requireVerified) return;
  input.findings.danger(
    [...place, 'requireVerified'],
    'is off: whoever may edit their own address at the identity provider may send as anybody',
  );
}

/** Claims that people choose or edit themselves nearly everywhere: by them anybody may be anybody. */
const NAMES_FOR_SHOW = ['preferred_username', 'unique_name', 'nickname', 'name'];

export function checkAddressClaims(input: CheckInput, place: Place, addresses: readonly string[]): void {
  const name = addresses.find((claim) => NAMES_FOR_SHOW.includes(claim));
  if (name === undefined) return;
  // OpenID Connect Core §5.7; Microsoft says so of each of its own.
  input.findings.danger(
    [...place, 'addresses'],
    `takes ${name}, a name for show: whoever may choose theirs at the identity provider may send as anybody`,
  );
}

export function httpUrl(input: CheckInput, place: Place, text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === 'https:' || url.protocol === 'http:')) return url;
  input.findings.fault(place, 'expected a URL that begins with https://');
  return undefined;
}
