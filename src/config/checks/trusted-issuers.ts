// Checks of the issuers trusted directly: who they are, how their tokens are proved, whom they speak for.

import { canonicalAddress } from '../../address.ts';
import { patternFault } from '../../token/issuers/claim-pattern.ts';
import { type Place, quote, spellPlace } from '../fault.ts';
import type { CheckInput } from './check.ts';
import { checkIntrospection, checkOpaqueTokens, type Entry } from './introspection.ts';
import {
  checkAddressClaims,
  checkInsecureHttp,
  checkIssuerUrl,
  checkVerified,
  httpUrl,
  isEverybodys,
  readDomain,
} from './issuers.ts';

export function checkTrustedIssuers(input: CheckInput): void {
  const entries = input.settings.token.trustedIssuers.map(
    (trusted, index): Entry => ({ input, place: ['token', 'trustedIssuers', index], trusted }),
  );
  checkNames(entries);
  for (const entry of entries) {
    checkAddresses(entry);
    checkProof(entry);
    if (entry.trusted.introspection) checkIntrospection(entry, entry.trusted.introspection);
    checkWorkloads(entry);
    checkChallenge(entry);
    checkReach(entry);
    const { trusted, place } = entry;
    checkVerified(input, [...place, 'identity'], trusted.identity.requireVerified);
    checkAddressClaims(input, [...place, 'identity'], trusted.identity.addresses);
    // Of a workload the entry says what it may do; of a person nothing else would.
    if (trusted.scopes.length > 0 || trusted.workloads || trusted.require) continue;
    input.findings.danger(
      [...place, 'scopes'],
      'is empty: any token of this issuer for this audience may send mail, whatever it was issued for',
    );
  }
  checkOpaqueTokens(entries);
  checkDomains(entries);
}

function checkNames(entries: readonly Entry[]): void {
  const seen = new Map<string, Place>();
  for (const { input, place, trusted } of entries) {
    const at = [...place, 'issuer'];
    checkIssuerUrl(input, at, trusted.issuer);
    const earlier = seen.get(trusted.issuer);
    if (earlier) input.findings.fault(at, `is the same issuer as ${spellPlace(earlier)}`);
    else if (trusted.issuer === input.settings.authorization.issuer)
      input.findings.fault(
        at,
        'is Postern’s own issuer (authorization.issuer), whose tokens are accepted anyway; remove this entry',
      );
    seen.set(trusted.issuer, earlier ?? place);
  }
}

function checkAddresses({ input, place, trusted }: Entry): void {
  const urls: [string, string][] = [['issuer', trusted.issuer]];
  if (trusted.jwksUri !== undefined) {
    httpUrl(input, [...place, 'jwksUri'], trusted.jwksUri);
    urls.push(['jwksUri', trusted.jwksUri]);
  }
  const endpoint = trusted.introspection?.endpoint;
  if (endpoint !== undefined) urls.push(['introspection.endpoint', endpoint]);
  checkInsecureHttp(input, place, trusted.allowInsecureHttp, urls);
}

function checkProof({ input, place, trusted }: Entry): void {
  const { audiences, clients } = trusted;
  const fault = (name: string, message: string) => input.findings.fault([...place, name], message);
  if (trusted.verification !== 'introspection') {
    if (!audiences)
      fault(
        'audiences',
        'is missing; expected the values of `aud` that name this service, such as token.audience',
      );
    if (trusted.tokenPrefixes)
      fault('tokenPrefixes', 'is for `verification: introspection`; signed tokens name their issuer');
    return;
  }
  if (!trusted.introspection)
    fault('introspection', 'is missing; `verification: introspection` asks there about each token');
  if (trusted.jwksUri !== undefined)
    fault('jwksUri', 'is not used with `verification: introspection`; remove it, or that');
  if (!audiences && !clients)
    fault('audiences', 'is missing; where the issuer’s answers have no `aud`, name the `clients` instead');
}

function checkWorkloads({ input, place, trusted }: Entry): void {
  const { workloads, audiences = [], issuer } = trusted;
  if (!workloads) return;
  const everybodys = audiences.find(
    (audience) => audience === issuer || /^https:\/\/kubernetes\.default\.svc\b/.test(audience),
  );
  if (everybodys !== undefined)
    input.findings.fault(
      [...place, 'audiences'],
      `${quote(everybodys)} is the platform’s own: jobs have tokens for it that they show elsewhere; have them ask for one for token.audience`,
    );
  workloads.forEach(({ subject, where = [], sendAs }, index) => {
    const at = [...place, 'workloads', index];
    const wrong = patternFault(subject);
    if (wrong !== undefined) input.findings.fault([...at, 'subject'], wrong);
    where.forEach(({ anyOf }, number) => {
      const bad = anyOf.findIndex((pattern) => pattern.includes('**'));
      if (bad >= 0)
        input.findings.fault([...at, 'where', number, 'anyOf', bad], patternFault(anyOf[bad] ?? '') ?? '');
    });
    sendAs.forEach((text, number) => {
      if (canonicalAddress(text) !== undefined) return;
      input.findings.fault([...at, 'sendAs', number], `${quote(text)} is not a mail address`);
    });
  });
}

/** An issuer that may speak for every address. Beside another authority it may speak for that one's people. */
function checkReach({ input, place, trusted }: Entry): void {
  if (trusted.domains || trusted.workloads) return;
  const tell = (message: string) => input.findings.danger([...place, 'domains'], message);
  if (isEverybodys(trusted.issuer))
    return tell(
      'is missing: everybody in the world may have an account at this issuer, and send as what it is for',
    );
  const { issuer } = input.settings.authorization.identityProvider;
  if (trusted.issuer === issuer) return;
  tell(
    `is missing: this issuer is believed about every address, also of the people who sign in at ${issuer}`,
  );
}

function checkChallenge({ input, place, trusted }: Entry): void {
  const { challenge, domains } = trusted;
  if (!challenge) return;
  if (!domains)
    input.findings.fault([...place, 'challenge'], 'is told to clients of `domains` only, and there are none');
  const { openidConfiguration: document } = challenge;
  if (document === undefined) return;
  const at = [...place, 'challenge', 'openidConfiguration'];
  const url = httpUrl(input, at, document);
  // RFC 7628 §3.2.2 has an https URL: a client sends people there to sign in.
  if (url?.protocol === 'http:' && !trusted.allowInsecureHttp) input.findings.fault(at, 'must be https');
}

/** RFC 7628 §3.2.2 has one issuer for a user. */
function checkDomains(entries: readonly Entry[]): void {
  const seen = new Map<string, Place>();
  for (const { input, place, trusted } of entries) {
    trusted.domains?.forEach((text, index) => {
      const at = [...place, 'domains', index];
      const domain = readDomain(input, at, text);
      if (domain === undefined) return;
      const earlier = seen.get(domain);
      if (earlier) input.findings.fault(at, `${quote(text)} stands in ${spellPlace(earlier)} already`);
      seen.set(domain, earlier ?? [...place, 'domains']);
    });
  }
}
