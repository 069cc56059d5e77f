// Owns the journal: one JSON line per event on standard output, through pino. The only importer of pino.

import { type DestinationStream, pino } from 'pino';
import { createLineWriter, type LineWriter } from './line-writer.ts';
import { describeError, scrubEngineText, scrubText } from './scrub.ts';
import type { AuditSettings } from './settings.ts';

/** Journal lines held in memory at most while standard output takes none. */
const MAX_HELD_CHARACTERS = 8 * 1024 * 1024;

export type Level = AuditSettings['level'];
export type JournalDestination = DestinationStream;

/** What a protocol engine says of itself, for `debug` and `trace`. */
export interface EngineLine {
  readonly where: string;
  readonly session?: string | undefined;
  readonly text: string;
}

export interface Journal {
  /** A function that writes lines of one event; make it once, not per line. */
  event(name: string, level: Level): (fields: object) => void;
  engine(level: 'debug' | 'trace', line: EngineLine): void;
  /** Ask before building a costly text. */
  enabled(level: Level): boolean;
  close(): Promise<void>;
}

export function openJournal(options: {
  readonly level: Level;
  readonly destination: JournalDestination | undefined;
  readonly onLost: (lines: number) => void;
}): Journal {
  const writer = options.destination ?? standardOutput(options.onLost);
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
      // Every field whose text a peer or a library has a hand in; a Secret prints as [secret] by its own toJSON.
      serializers: {
        error: (error: unknown) => describeError(error),
        reason: scrubText,
        userName: scrubText,
        user: scrubText,
        client: scrubText,
        mechanism: scrubText,
        mailFrom: scrubText,
        upstreamReply: scrubText,
        issuer: scrubText,
        audience: scrubText,
        keyId: scrubText,
        algorithm: scrubText,
        scope: scrubText,
        cause: scrubText,
        signal: scrubText,
        signalId: scrubText,
        text: scrubText,
      },
    },
    writer,
  );

  return {
    event(name, level) {
      const child = logger.child({ event: name });
      return (fields) => child[level](fields);
    },
    engine(level, line) {
      if (logger.isLevelEnabled(level)) {
        logger[level]({ where: line.where, session: line.session, text: scrubEngineText(line.text) });
      }
    },
    enabled: (level) => logger.isLevelEnabled(level),
    async close() {
      await ('close' in writer ? (writer as LineWriter).close() : undefined);
    },
  };
}

function standardOutput(onLost: (lines: number) => void): LineWriter {
  return createLineWriter({ descriptor: 1, maxCharacters: MAX_HELD_CHARACTERS, onLost });
}

/** ISO 8601 in UTC; the part down to the minute is kept, since formatting a date costs more than the rest of a line. */
function isoTime(): () => string {
  let minute = Number.NaN;
  let prefix = '';
  return () => {
    const now = Date.now();
    const inMinute = now % 60_000;
    if (now - inMinute !== minute) {
      minute = now - inMinute;
      prefix = new Date(minute).toISOString().slice(0, 17);
    }
    return `,"time":"${prefix}${(inMinute + 100_000).toString().slice(1, 3)}.${(inMinute + 100_000).toString().slice(3)}Z"`;
  };
}
