// Owns the judgement on a DMARC record (RFC 7489): there, one, and what it asks of receivers.

import { type Finding, ok, problem, warning } from '../findings.ts';
import { readTags } from './tags.ts';

export function dmarcTexts(texts: readonly string[]): string[] {
  return texts.filter((text) => /^v\s*=\s*DMARC1\s*(;|$)/i.test(text));
}

/**
 * The names to look under, nearest first: a subdomain is under the record of a domain above it. Not with a list of public
 * suffixes but by walking up, as the successor of RFC 7489 has it; never a top-level domain.
 */
export function dmarcNames(domain: string): string[] {
  const labels = domain.split('.');
  const above = labels
    .map((_, index) => labels.slice(index))
    .filter((rest, index) => index === 0 || rest.length >= 2);
  // Nearest and highest count; a long name must not cost a question for each label.
  return [...above.slice(0, 1), ...above.slice(1).slice(-4)].map((rest) => `_dmarc.${rest.join('.')}`);
}

/** @param found the name under which the texts were, out of {@link dmarcNames} */
export function judgeDmarc(
  domain: string,
  found: { name: string; texts: readonly string[] } | undefined,
): Finding {
  const [text, second] = found?.texts ?? [];
  if (found === undefined || text === undefined) {
    return warning(
      'dmarc',
      `${domain} has no DMARC record: forged mail is treated as each receiver likes, and large ones want one`,
      `Begin with a TXT record at _dmarc.${domain}, such as "v=DMARC1; p=none; rua=mailto:postmaster@${domain}".`,
    );
  }
  if (second !== undefined)
    return problem('dmarc', `${found.name} has more than one DMARC record, so none counts`, 'Leave one.');
  const tags = readTags(text);
  const isAbove = found.name !== `_dmarc.${domain}`;
  const policy = ((isAbove ? tags?.get('sp') : undefined) ?? tags?.get('p'))?.toLowerCase();
  if (policy === undefined || !['none', 'quarantine', 'reject'].includes(policy)) {
    const means = `the DMARC record at ${found.name} has no policy: ${text.slice(0, 60)}`;
    return problem('dmarc', means, 'Give it p=none, p=quarantine or p=reject.');
  }
  if (policy === 'none') {
    const means = `the DMARC record at ${found.name} only watches (p=none): forged mail is delivered`;
    return warning(
      'dmarc',
      means,
      'Change to p=quarantine when the reports show that all of your own mail passes.',
    );
  }
  return ok('dmarc', `${found.name}: ${policy}`);
}
