// Owns the judgement on what lets clients find the service by themselves: SRV records and automatic configuration.

import { type Finding, ok, problem, warning } from '../findings.ts';
import type { ServiceRecord } from './lookup.ts';

/** Implicit TLS and STARTTLS (RFC 8314 §5.1, RFC 6186 §3.1). */
export const SERVICES = ['_submissions._tcp', '_submission._tcp'] as const;

export function judgeServices(given: {
  domain: string;
  host: string;
  found: Readonly<Record<(typeof SERVICES)[number], readonly ServiceRecord[]>>;
}): Finding[] {
  const { domain, host, found } = given;
  const named = SERVICES.filter((service) => found[service].length > 0);
  if (named.length === 0) {
    return [
      warning(
        'srv',
        `${domain} has no SRV record for submission: clients have to guess the server`,
        `Publish _submissions._tcp.${domain} SRV 0 1 465 ${host}. (RFC 8314 §5.1)`,
      ),
    ];
  }
  return named.map((service) => judgeService(`${service}.${domain}`, host, found[service]));
}

function judgeService(name: string, host: string, records: readonly ServiceRecord[]): Finding {
  const spelled = spellServices(records).join(', ');
  if (records.some(({ target }) => sameName(target, host))) return ok('srv', `${name} leads to ${spelled}`);
  // RFC 2782: a target of "." says that there is no such service.
  if (records.every(({ target }) => target === '' || target === '.')) {
    const means = `${name} says that there is no such service, and clients will not look further`;
    return problem('srv', means, `Let it lead to ${host}.`);
  }
  return warning(
    'srv',
    `${name} leads to ${spelled}, not to ${host}`,
    `See which of them clients are to use.`,
  );
}

export function spellServices(records: readonly ServiceRecord[]): string[] {
  return records.map(({ target, port }) => `${target || '.'}:${port}`);
}

/**
 * Thunderbird and others ask autoconfig.DOMAIN; the PACC draft has a TXT record.
 * @param given.host whether autoconfig.DOMAIN has an address; `texts` those of _ua-auto-config.DOMAIN
 */
export function judgeAutoconfiguration(given: {
  domain: string;
  hasHost: boolean;
  texts: readonly string[];
}): Finding {
  const { domain, hasHost, texts } = given;
  const hasText = texts.some((text) => /^v=UAAC1\b/i.test(text));
  const found = [
    ...(hasHost ? [`autoconfig.${domain}`] : []),
    ...(hasText ? [`_ua-auto-config.${domain}`] : []),
  ];
  if (found.length > 0)
    return ok('autoconfiguration', `clients can configure themselves by ${found.join(' and ')}`);
  return warning(
    'autoconfiguration',
    `${domain} has neither autoconfig.${domain} nor _ua-auto-config.${domain}: people have to type in the server's name and ports`,
    `Serve https://autoconfig.${domain}/mail/config-v1.1.xml.`,
  );
}

function sameName(one: string, other: string): boolean {
  const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');
  return plain(one) === plain(other);
}
