// Owns what DNS says about a domain's mail that leaves by a host: which questions are asked, and what becomes of no answer.

import { isIP } from 'node:net';
import { type Finding, warning } from '../findings.ts';
import type { DomainReport } from '../report.ts';
import { judgeDkim } from './dkim.ts';
import { dmarcNames, dmarcTexts, judgeDmarc } from './dmarc.ts';
import type { Answer, Lookup } from './lookup.ts';
import { judgeAutoconfiguration, judgeServices, SERVICES, spellServices } from './service-records.ts';
import { judgeSpf, judgeSpfHost } from './spf-judgement.ts';
import { readSpf, spfTexts } from './spf-record.ts';

export interface DomainOptions {
  readonly domain: string;
  readonly host: string;
  /** Of the host, where it is not the one in DNS. */
  readonly address: string | undefined;
  /** DKIM selectors; DNS has no list of them. */
  readonly selectors: readonly string[];
  readonly lookup: Lookup;
}

type Part<N extends keyof DomainReport['records']> = Promise<{
  readonly records: DomainReport['records'][N];
  readonly findings: readonly Finding[];
}>;

export async function examineDomain(options: DomainOptions): Promise<DomainReport> {
  const asked = new Asked(options.lookup);
  const [spf, dkim, dmarc, srv, autoconfiguration] = await Promise.all([
    examineSpf(options, asked),
    examineDkim(options, asked),
    examineDmarc(options, asked),
    examineServices(options, asked),
    examineAutoconfiguration(options, asked),
  ]);
  return {
    domain: options.domain,
    records: {
      spf: spf.records,
      dkim: dkim.records,
      dmarc: dmarc.records,
      srv: srv.records,
      autoconfiguration: autoconfiguration.records,
    },
    findings: [
      ...asked.findings,
      ...[spf, dkim, dmarc, srv, autoconfiguration].flatMap(({ findings }) => findings),
    ],
  };
}

/** Puts questions and keeps those that got no answer: of them it is not said that there is nothing. */
class Asked implements Lookup {
  readonly #lookup: Lookup;
  readonly #silent = new Map<string, string>();

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  texts(name: string): Promise<Answer<string>> {
    return this.#keep(`TXT ${name}`, this.#lookup.texts(name));
  }
  addresses(name: string): Promise<Answer<string>> {
    return this.#keep(`A and AAAA ${name}`, this.#lookup.addresses(name));
  }
  exchangers(name: string): Promise<Answer<string>> {
    return this.#keep(`MX ${name}`, this.#lookup.exchangers(name));
  }
  services(name: string): ReturnType<Lookup['services']> {
    return this.#keep(`SRV ${name}`, this.#lookup.services(name));
  }

  get findings(): Finding[] {
    return [...this.#silent].map(([question, reason]) =>
      warning(
        'dns',
        `DNS does not answer ${question}: ${reason}`,
        'Try again, or another resolver with --resolver IP.',
      ),
    );
  }

  async #keep<T>(question: string, asking: Promise<Answer<T>>): Promise<Answer<T>> {
    const answer = await asking;
    if (answer.outcome === 'unanswered') this.#silent.set(question, answer.reason);
    return answer;
  }
}

async function examineSpf({ domain, host, address }: DomainOptions, lookup: Asked): Part<'spf'> {
  const policy = await readSpf(domain, lookup);
  const addresses = address !== undefined ? [address] : await hostAddresses(host, lookup);
  return {
    records: spfTexts(await lookup.texts(domain)),
    findings: [...judgeSpf(policy), ...judgeSpfHost(policy, host, addresses)],
  };
}

async function hostAddresses(host: string, lookup: Lookup): Promise<readonly string[]> {
  if (isIP(host)) return [host];
  const answer = await lookup.addresses(host);
  return answer.outcome === 'found' ? answer.records : [];
}

async function examineDkim({ domain, selectors }: DomainOptions, lookup: Asked): Part<'dkim'> {
  if (selectors.length === 0) {
    const means = 'DKIM was not looked at: without a selector the key cannot be found in DNS';
    return {
      records: {},
      findings: [warning('dkim', means, 'Name it with --dkim-selector NAME (s= in a signature).')],
    };
  }
  const parts = await Promise.all(
    selectors.map(async (selector) => {
      const name = `${selector}._domainkey.${domain}`;
      const answer = await lookup.texts(name);
      const texts = answer.outcome === 'found' ? answer.records : [];
      return { name, texts, findings: answer.outcome === 'unanswered' ? [] : [judgeDkim(name, texts)] };
    }),
  );
  return {
    records: Object.fromEntries(parts.map(({ name, texts }) => [name, texts])),
    findings: parts.flatMap(({ findings }) => findings),
  };
}

async function examineDmarc({ domain }: DomainOptions, lookup: Asked): Part<'dmarc'> {
  for (const name of dmarcNames(domain)) {
    const answer = await lookup.texts(name);
    if (answer.outcome === 'unanswered') return { records: [], findings: [] };
    const texts = answer.outcome === 'found' ? dmarcTexts(answer.records) : [];
    if (texts.length > 0) return { records: texts, findings: [judgeDmarc(domain, { name, texts })] };
  }
  return { records: [], findings: [judgeDmarc(domain, undefined)] };
}

async function examineServices({ domain, host }: DomainOptions, lookup: Asked): Part<'srv'> {
  const [submissions, submission] = await Promise.all(
    SERVICES.map((service) => lookup.services(`${service}.${domain}`)),
  );
  const recordsOf = (answer: typeof submission) => (answer?.outcome === 'found' ? answer.records : []);
  const found = { '_submissions._tcp': recordsOf(submissions), '_submission._tcp': recordsOf(submission) };
  const isSilent = [submissions, submission].some((answer) => answer?.outcome === 'unanswered');
  const isEmpty = Object.values(found).every((records) => records.length === 0);
  return {
    records: Object.fromEntries(
      Object.entries(found).map(([service, records]) => [`${service}.${domain}`, spellServices(records)]),
    ),
    findings: isSilent && isEmpty ? [] : judgeServices({ domain, host, found }),
  };
}

async function examineAutoconfiguration({ domain }: DomainOptions, lookup: Asked): Part<'autoconfiguration'> {
  const [host, text] = await Promise.all([
    lookup.addresses(`autoconfig.${domain}`),
    lookup.texts(`_ua-auto-config.${domain}`),
  ]);
  const hasHost = host.outcome === 'found';
  const texts = text.outcome === 'found' ? [...text.records] : [];
  const isSilent = [host, text].some(({ outcome }) => outcome === 'unanswered');
  return {
    records: [...(hasHost ? [`autoconfig.${domain}`] : []), ...texts],
    findings:
      isSilent && !hasHost && texts.length === 0 ? [] : [judgeAutoconfiguration({ domain, hasHost, texts })],
  };
}
