// How `postern check` looks on a terminal: facts of each port, a line a finding, a line at the end.

import type { Finding, Level } from '../inspection/findings.ts';
import type { DomainReport, PortMode, PortReport, Report } from '../inspection/report.ts';
import type { CertificateFacts, TlsFacts } from '../inspection/tls-facts.ts';

/** The report holds nothing that a terminal would act on. */
export function reportLines({ host, ports, domain, counts }: Report): string[] {
  return [
    ...ports.flatMap((port) => [...portLines(host, port), '']),
    ...(domain ? [...domainLines(domain), ''] : []),
    `${spellCount(counts.problem, 'problem')}, ${spellCount(counts.warning, 'warning')}, ${counts.ok} ok`,
  ];
}

const MODES: Readonly<Record<PortMode, string>> = {
  starttls: 'submission, STARTTLS',
  implicit: 'submission, implicit TLS',
  relay: 'mail from other servers',
};

function portLines(host: string, port: PortReport): string[] {
  const { clear, tls } = port.capabilities;
  return [
    `${host} port ${port.port} (${MODES[port.mode]})`,
    ...fact('address', port.address),
    ...fact('greeting', port.banner),
    ...fact('without TLS', clear?.join(', ')),
    ...fact('inside TLS', tls?.join(', ')),
    ...(port.tls ? tlsLines(port.tls) : []),
    ...port.findings.flatMap(findingLines),
    ...(port.transcript?.map((line) => `    ${line}`) ?? []),
  ];
}

function tlsLines({ protocol, cipher, certificates }: TlsFacts): string[] {
  return [...fact('TLS', `${protocol} ${cipher}`), ...certificates.flatMap(certificateLines)];
}

function certificateLines(certificate: CertificateFacts, index: number): string[] {
  const { subject, names, issuer, validFrom, validTo, daysLeft, key, signature } = certificate;
  const strength = [key.type, key.curve ?? key.bits, signature].filter((part) => part !== null).join(' ');
  return [
    ...fact(index === 0 ? 'certificate' : 'issuer', subject),
    ...fact('  names', names.join(', ')),
    ...fact('  issued by', issuer),
    ...fact('  valid', `${validFrom.slice(0, 10)} to ${validTo.slice(0, 10)}, ${spellDays(daysLeft)}`),
    ...fact('  key', strength),
  ];
}

function domainLines({ domain, records, findings }: DomainReport): string[] {
  return [
    `${domain} in DNS`,
    ...records.spf.flatMap((text) => fact('SPF', text)),
    ...Object.entries(records.dkim).flatMap(([name, texts]) =>
      texts.flatMap((text) => fact('DKIM', `${name} ${text}`)),
    ),
    ...records.dmarc.flatMap((text) => fact('DMARC', text)),
    ...findings.flatMap(findingLines),
  ];
}

/** Nothing where there is nothing to say. */
function fact(name: string, text: string | null | undefined): string[] {
  return text ? [`  ${name.padEnd(12)} ${text}`] : [];
}

const LEVELS: Readonly<Record<Level, string>> = { ok: 'ok     ', warning: 'warning', problem: 'problem' };

function findingLines({ level, means, advice }: Finding): string[] {
  return [`  ${LEVELS[level]}  ${means}`, ...(advice === undefined ? [] : [`           ${advice}`])];
}

function spellDays(days: number): string {
  if (days < 0) return 'expired';
  return days === 1 ? '1 day left' : `${days} days left`;
}

function spellCount(count: number, noun: string): string {
  return `${count === 0 ? 'no' : count} ${noun}${count === 1 ? '' : 's'}`;
}
