// Owns the warning that the system lets Postern open too few files for the connections it may hold.

import { readFile } from 'node:fs/promises';
import type { Settings } from '../config/schema.ts';

/** Store, journal, libraries, the operator's pages. */
const RESERVE = 200;

/** As config/ writes a danger; undefined where there are enough, or where the system does not tell (it is Linux's file). */
export async function fileLimitDanger(
  { submission, upstream, upstreams }: Settings,
  /** Of the browser's door. */
  browsers: number,
  read: () => Promise<string> = () => readFile('/proc/self/limits', 'utf8'),
): Promise<string | undefined> {
  const text = await read().catch(() => '');
  const limit = Number(/^Max open files +(\d+)/m.exec(text)?.[1] ?? Number.POSITIVE_INFINITY);
  const connections = [...(upstream ? [upstream] : []), ...upstreams].reduce(
    (sum, { maxConnections }) => sum + maxConnections,
    0,
  );
  const wanted = submission.maxConnections + connections + browsers + RESERVE;
  if (limit >= wanted) return undefined;
  return `submission.maxConnections: the system lets this process open ${limit} files, too few for ${submission.maxConnections} mail clients, ${connections} connections to upstreams and ${browsers} of browsers; beyond that connections are lost without a word. Allow ${wanted} (LimitNOFILE= of systemd, ulimit -n), or lower the setting`;
}
