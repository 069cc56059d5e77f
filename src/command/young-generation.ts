// Owns the bound on V8's young generation, which decides how much memory of messages under way piles up before it is collected.

import { PerformanceObserver } from 'node:perf_hooks';
import v8 from 'node:v8';

/** Bytes of both its halves; V8 goes up to 32 MB each. */
const LIMIT = 4 * 1024 * 1024;
/** Milliseconds in which a program is loaded and started, with turns so long that it could double more than once in one. */
const LOADING = 5_000;

/**
 * What Postern throws away is read buffers, which lie outside V8's heap and are freed with the young objects that hold them: the
 * larger the young generation, the more of them wait. Ten 25 MB messages at once take some 70 MB without this bound and 35 MB
 * with it, at no more processor time. To be called before anything large is loaded.
 *
 * The option `--max-semi-space-size=2` does the same; this is for every start without it, and leaves an operator's own alone.
 */
export function boundYoungGeneration({ loading = LOADING }: { loading?: number } = {}): void {
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  if (/semi[-_]space/.test(options)) return;
  setGrowth(1);
  const collections = new PerformanceObserver(() => setGrowth(size() < LIMIT ? 2 : 1));
  setTimeout(() => collections.observe({ entryTypes: ['gc'] }), loading).unref();
}

/** By how much it may grow after a collection. V8 reads this factor each time, and the option for its maximum only at start. */
function setGrowth(factor: 1 | 2): void {
  v8.setFlagsFromString(`--semi-space-growth-factor=${factor}`);
}

function size(): number {
  return v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space')?.space_size ?? 0;
}
