// An inspection of one port of a server under test, and of what it found that is not good.

import type { Finding } from '../../../src/inspection/findings.ts';
import { type InspectionOptions, inspect } from '../../../src/inspection/inspect.ts';
import type { PortReport, Report } from '../../../src/inspection/report.ts';

export interface Looked {
  readonly report: Report;
  readonly port: PortReport;
  /** Findings that are not `ok`. */
  readonly complaints: readonly Finding[];
}

export async function lookAt(
  server: { readonly port: number; readonly ca?: string },
  more: Partial<Omit<InspectionOptions, 'ports'>> & { mode: PortReport['mode'] },
): Promise<Looked> {
  const { mode, ...options } = more;
  const report = await inspect({
    host: 'localhost',
    address: '127.0.0.1',
    ports: [{ port: server.port, mode }],
    portsChosen: true,
    ca: server.ca,
    relayTo: 'stranger@example.net',
    signIn: undefined,
    domain: undefined,
    withTranscript: false,
    limits: { answer: 20_000, whole: 60_000 },
    ...options,
  });
  const port = report.ports[0] as PortReport;
  return { report, port, complaints: port.findings.filter(({ level }) => level !== 'ok') };
}
