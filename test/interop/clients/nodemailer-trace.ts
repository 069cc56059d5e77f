// A logger for nodemailer that keeps what is said on the wire, which its errors tell only in part.

import { format } from 'node:util';

export function traceOf() {
  const lines: string[] = [];
  const keep = (_entry: unknown, ...text: unknown[]): void => void lines.push(format(...text));
  const logger = {
    trace: keep,
    debug: keep,
    info: keep,
    warn: keep,
    error: keep,
    fatal: keep,
    level: () => undefined,
  };
  return { logger, text: () => lines.join('\n') };
}
