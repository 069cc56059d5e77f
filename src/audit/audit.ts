// Owns the putting together of journal, events, metrics and the operator's pages.

import type { FastifyInstance } from 'fastify';
import type { SocketAddress } from '../setting.ts';
import type { AuditEvents } from './event-fields.ts';
import { createEvents } from './events.ts';
import { type EngineLine, type JournalDestination, type Level, openJournal } from './journal.ts';
import { collectProcessMetrics, createMetrics, type Metrics } from './metrics.ts';
import { createAuditServer, listenAudit, type ReadinessCheck } from './server.ts';
import type { AuditSettings } from './settings.ts';

export type { AuditEvents } from './event-fields.ts';
export type { EngineLine, JournalDestination } from './journal.ts';
export type { ReadinessCheck } from './server.ts';

export interface Audit {
  readonly events: AuditEvents;
  readonly metrics: Metrics;
  /** What a protocol engine says of itself; costs nothing unless `audit.level` is `debug` or lower. */
  debug(line: EngineLine): void;
  trace(line: EngineLine): void;
  /** Ask before building a costly text for {@link debug} or {@link trace}. */
  enabled(level: Level): boolean;
  /** Starts /health, /ready and /metrics; gives the address bound. Rejects with the system's error where it cannot listen. */
  serve(options: { checks: Readonly<Record<string, ReadinessCheck>> }): Promise<SocketAddress>;
  /** Ends the pages and writes what is held; events that come afterwards are still written. */
  close(): Promise<void>;
}

export function createAudit(options: { settings: AuditSettings; destination?: JournalDestination }): Audit {
  const metrics = createMetrics();
  const journal = openJournal({
    level: options.settings.level,
    destination: options.destination,
    onLost: (lines) => metrics.linesLost.inc(lines),
  });
  const writer = createEvents({ journal, metrics });
  let app: FastifyInstance | undefined;

  return {
    events: writer.events,
    metrics,
    debug: (line) => journal.engine('debug', line),
    trace: (line) => journal.engine('trace', line),
    enabled: (level) => journal.enabled(level),
    async serve({ checks }) {
      collectProcessMetrics(metrics);
      app = createAuditServer({ metrics, checks });
      return listenAudit(app, options.settings.listen);
    },
    async close() {
      await app?.close();
      writer.close();
      await journal.close();
    },
  };
}
