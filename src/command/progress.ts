// A progress bar on the terminal for what takes long; silent where nobody watches.

import type { Surroundings } from './surroundings.ts';

export interface Progress {
  /** Octets dealt with so far. */
  advance(octets: number): void;
  /** Takes the bar off the screen. */
  end(): void;
}

/** Shorter work is over before a bar could be read. */
const WORTH_SHOWING = 1024 * 1024;
const REDRAW_MILLISECONDS = 100;

/** `total` in octets, undefined where it is not known beforehand (a body from a pipe). */
export function startProgress(given: {
  errors: Surroundings['errors'];
  total: number | undefined;
  now?: () => number;
}): Progress {
  const { errors, total } = given;
  const now = given.now ?? Date.now;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  if (errors.isTTY !== true) return { advance: () => {}, end: () => {} };
  return {
    advance(octets) {
      if ((total ?? octets) < WORTH_SHOWING || now() - drawnAt < REDRAW_MILLISECONDS) return;
      drawnAt = now();
      isDrawn = true;
      errors.write(`\r\x1b[K${drawBar({ octets, total, width: errors.columns ?? 80 })}`);
    },
    end() {
      if (isDrawn) errors.write('\r\x1b[K');
    },
  };
}

/** `sending [#######-------] 50% of 25.0 MB`, or the amount alone where the end is not known. */
export function drawBar(given: { octets: number; total: number | undefined; width: number }): string {
  const { octets, total, width } = given;
  // A line as wide as the terminal would wrap, and could not be taken back.
  if (total === undefined || total === 0) return `sending ${megabytes(octets)}`.slice(0, width - 1);
  const share = Math.min(1, octets / total);
  const percent = `${String(Math.floor(share * 100)).padStart(3)}% of ${megabytes(total)}`;
  const room = Math.min(40, width - percent.length - 'sending [] '.length - 1);
  if (room < 4) return percent.trim().slice(0, width - 1);
  const filled = Math.round(room * share);
  return `sending [${'#'.repeat(filled)}${'-'.repeat(room - filled)}] ${percent}`;
}

function megabytes(octets: number): string {
  return `${(octets / 1_000_000).toFixed(1)} MB`;
}
