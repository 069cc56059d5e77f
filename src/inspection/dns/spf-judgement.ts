// Owns the judgement on an SPF record: whether it says anything, whether it can be read, whether mail from a host passes.

import { BlockList, isIP } from 'node:net';
import { type Finding, ok, problem, warning } from '../findings.ts';
import { countQuestions, type Qualifier, type SpfPolicy, type SpfTerm } from './spf-record.ts';

/** RFC 7208 §4.6.4. */
const MAX_QUESTIONS = 10;

export function judgeSpf(policy: SpfPolicy): Finding[] {
  const { domain } = policy;
  if (policy.outcome === 'unanswered') return [];
  if (policy.outcome === 'several') {
    return [
      problem(
        'spf',
        `${domain} has more than one SPF record, so none counts (RFC 7208 §4.5)`,
        'Join them into one.',
      ),
    ];
  }
  if (policy.outcome !== 'found') {
    return [
      problem(
        'spf',
        `${domain} has no SPF record: receivers cannot tell its mail from forged mail, and some refuse it`,
        'Publish a TXT record, such as "v=spf1 mx -all".',
      ),
    ];
  }
  const faults = [...judgeEnd(policy.terms, domain), ...judgeReading(policy)];
  return faults.length > 0 ? faults : [ok('spf', `${domain}: ${policy.record}`)];
}

/** What becomes of everybody who is not named. */
function judgeEnd(terms: readonly SpfTerm[], domain: string): Finding[] {
  const all = terms.find(({ kind }) => kind === 'all');
  if (all?.qualifier === '+') {
    const means = `the SPF record of ${domain} ends in +all: everybody may send as ${domain}`;
    return [problem('spf', means, 'End it in -all or ~all.')];
  }
  if (all?.qualifier === '?' || (all === undefined && !terms.some(({ kind }) => kind === 'redirect'))) {
    const end = all ? 'ends in ?all' : 'has no end';
    const means = `the SPF record of ${domain} ${end}: it says nothing about forged mail`;
    return [warning('spf', means, 'End it in -all or ~all.')];
  }
  return [];
}

function judgeReading(policy: Extract<SpfPolicy, { outcome: 'found' }>): Finding[] {
  const findings: Finding[] = [];
  const questions = countQuestions(policy);
  if (questions > MAX_QUESTIONS) {
    findings.push(
      problem(
        'spf',
        `the SPF record of ${policy.domain} needs about ${questions} questions to DNS; receivers stop at ${MAX_QUESTIONS} and take it for broken`,
        'Take out what is no longer used, or write addresses (ip4:, ip6:) in place of names.',
      ),
    );
  }
  for (const broken of brokenParts(policy)) {
    const words = broken.outcome === 'loop' ? 'includes itself' : 'has no usable SPF record';
    findings.push(
      problem(
        'spf',
        `the SPF record of ${policy.domain} includes ${broken.domain}, which ${words}: receivers take the whole for broken`,
        'Take it out, or correct its name.',
      ),
    );
  }
  if (policy.terms.some(({ kind }) => kind === 'ptr')) {
    const means = `the SPF record of ${policy.domain} uses ptr, which many receivers do not follow (RFC 7208 §5.5)`;
    findings.push(warning('spf', means, 'Name addresses or hosts in its place.'));
  }
  return findings;
}

function brokenParts(policy: SpfPolicy): SpfPolicy[] {
  if (policy.outcome !== 'found') return [];
  return policy.terms.flatMap(({ policy: part }) => {
    if (part === undefined) return [];
    const isBroken = part.outcome === 'none' || part.outcome === 'several' || part.outcome === 'loop';
    return isBroken ? [part] : brokenParts(part);
  });
}

/** Whether mail from these addresses passes. Mail may leave by others: so it is at most a warning. */
export function judgeSpfHost(policy: SpfPolicy, host: string, addresses: readonly string[]): Finding[] {
  if (policy.outcome !== 'found' || addresses.length === 0) return [];
  const failing = addresses.filter((address) => spfResult(policy, address) !== '+');
  if (failing.length === 0) {
    return [
      ok(
        'spf-host',
        `mail that leaves from ${host} (${addresses.join(', ')}) passes SPF of ${policy.domain}`,
      ),
    ];
  }
  return [
    warning(
      'spf-host',
      `mail that leaves from ${host} (${failing.join(', ')}) does not pass SPF of ${policy.domain}`,
      `Add its address to the record; or, where mail leaves from another server, see that this one is in it.`,
    ),
  ];
}

/** RFC 7208 §4.6.2: the first mechanism that matches decides; undefined where that cannot be known from here. */
export function spfResult(policy: SpfPolicy, address: string): Qualifier | undefined {
  if (policy.outcome !== 'found') return undefined;
  for (const term of policy.terms) {
    if (term.kind === 'redirect') continue;
    const matching = matches(term, address);
    if (matching === undefined) return undefined;
    if (matching) return term.qualifier;
  }
  const redirect = policy.terms.find(({ kind }) => kind === 'redirect')?.policy;
  return redirect ? spfResult(redirect, address) : '?';
}

function matches(term: SpfTerm, address: string): boolean | undefined {
  switch (term.kind) {
    case 'all':
      return true;
    case 'include': {
      if (term.policy?.outcome !== 'found') return undefined;
      const inner = spfResult(term.policy, address);
      return inner === undefined ? undefined : inner === '+';
    }
    case 'ip4':
    case 'ip6':
    case 'a':
    case 'mx':
      return term.addresses.some((network) => isWithin(address, network, term.prefixes));
    default:
      // exists, ptr and macros depend on the message.
      return undefined;
  }
}

function isWithin(address: string, network: string, prefixes: SpfTerm['prefixes']): boolean {
  const family = isIP(network);
  if (family === 0 || isIP(address) !== family) return false;
  const prefix = family === 4 ? prefixes.four : prefixes.six;
  if (prefix > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
