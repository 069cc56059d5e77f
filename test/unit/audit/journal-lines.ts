// Support of the audit tests: a journal that keeps its lines.

import { type Audit, createAudit } from '../../../src/audit/audit.ts';
import type { AuditSettings } from '../../../src/audit/settings.ts';

export interface RecordedAudit extends Audit {
  readonly text: () => string;
  readonly lines: () => Record<string, unknown>[];
}

export function recordedAudit(level: AuditSettings['level'] = 'trace'): RecordedAudit {
  const written: string[] = [];
  const audit = createAudit({
    settings: { level, listen: { host: '127.0.0.1', port: 0 } },
    destination: { write: (line: string) => void written.push(line) },
  });
  return {
    ...audit,
    text: () => written.join(''),
    lines: () => written.map((line) => JSON.parse(line)),
  };
}
