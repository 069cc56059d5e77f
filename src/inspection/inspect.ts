// Owns the inspection as a whole: the ports of a host, what DNS says of a domain, one report.

import { type DomainOptions, examineDomain } from './dns/domain.ts';
import { countLevels, type Finding, worstLevel } from './findings.ts';
import { examinePort, type PortOptions } from './port.ts';
import type { DomainReport, PortMode, PortReport, Report } from './report.ts';
import { makeSafe } from './secrecy.ts';

export interface InspectionOptions {
  readonly host: string;
  /** IP address to connect to, where it is not the one that the host resolves to. */
  readonly address: string | undefined;
  readonly ports: readonly { readonly port: number; readonly mode: PortMode }[];
  /** Whether somebody chose these ports; a closed one is a problem then. */
  readonly portsChosen: boolean;
  /** PEM of authorities to trust in place of the public ones. */
  readonly ca: string | undefined;
  /** Address of a stranger to the server, for open-relay probes; nothing is sent there. */
  readonly relayTo: string;
  readonly signIn: PortOptions['signIn'];
  /** What DNS says of a domain is asked only where there is one. */
  readonly domain: Omit<DomainOptions, 'host' | 'address'> | undefined;
  readonly withTranscript: boolean;
  readonly limits: PortOptions['limits'];
}

/** The ports: 25 as other mail servers see it, submission by STARTTLS and by implicit TLS (RFC 8314). */
export const USUAL_PORTS: InspectionOptions['ports'] = [
  { port: 25, mode: 'relay' },
  { port: 587, mode: 'starttls' },
  { port: 465, mode: 'implicit' },
];

/** Never rejects for anything that the server or DNS does; everything is bounded in time and size. */
export async function inspect(options: InspectionOptions): Promise<Report> {
  const [ports, domain] = await Promise.all([
    Promise.all(options.ports.map((port) => examinePort(portOptions(options, port)))),
    options.domain ? examineDomain({ ...options.domain, ...hostOf(options) }) : null,
  ]);
  return makeSafe(
    composeReport({ host: options.host, ports, domain, withTranscript: options.withTranscript }),
    options.signIn ? [options.signIn.token] : [],
  );
}

export function composeReport(given: {
  host: string;
  ports: readonly PortReport[];
  domain: DomainReport | null;
  withTranscript: boolean;
}): Report {
  const { host, domain, withTranscript } = given;
  const isSilent = given.ports.every(({ address }) => address === null);
  const ports = given.ports.map((port) => ({
    ...port,
    findings: isSilent ? port.findings.map(asProblem) : port.findings,
    transcript: withTranscript ? port.transcript : null,
  }));
  const counts = countLevels([...ports, ...(domain ? [domain] : [])].flatMap(({ findings }) => findings));
  return { host, verdict: worstLevel(counts), counts, ports, domain };
}

/** A closed port is no harm while another is open. */
function asProblem(finding: Finding): Finding {
  return {
    advice: 'See that the server runs, and that no firewall is between.',
    ...finding,
    level: 'problem',
  };
}

function portOptions(
  { host, address, portsChosen, ca, relayTo, signIn, limits }: InspectionOptions,
  port: InspectionOptions['ports'][number],
): PortOptions {
  return { ...port, host, connectTo: address ?? host, expected: portsChosen, ca, relayTo, signIn, limits };
}

function hostOf({ host, address }: InspectionOptions): Pick<DomainOptions, 'host' | 'address'> {
  return { host, address };
}
