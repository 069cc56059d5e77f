// Owns the grace of a used refresh token: a program whose answer was lost on the way comes with the same one again.
//
// To the OAuth server that is theft, for which the grant ends (RFC 9700 §4.14.2); on a mobile network it happens every day. For
// a short time the same token is therefore good for another answer, unless a successor was used: then the first answer arrived.
// And of all its successors only one may ever be used. A second holder is so found out as soon as both come back, as
// without the grace; until then a thief has one access token, as without it.

import type { Artifact, ArtifactStore } from '../stores.ts';

const MODEL = 'RefreshToken';

/** Answers beyond the first. A program that sends the same request this often at once has no lost answer, but a fault. */
const MOST_REPEATS = 5;
/** Successors of one token that are looked at: repeats at several nodes at once may be more than {@link MOST_REPEATS}. */
const FAMILY = 1_000;
/** Tokens whose repeats are counted; beyond that, the successors in the store are all that is counted. */
const MAX_COUNTED = 10_000;

export interface RefreshGrace {
  /** Whether a used token may be used once more. */
  covers(row: string): Promise<boolean>;
  /** Uses it once more; false where that may not be. */
  repeat(row: string): Promise<boolean>;
  /** Whether somebody came with another successor of the same token. To be asked once this one is marked as used. */
  hasUsedRival(row: string, artifact: Pick<Artifact, 'uid'>): Promise<boolean>;
}

/** Each refresh token's row has the row of the one it came from as its `uid`. */
export function createRefreshGrace(options: {
  readonly artifacts: Pick<ArtifactStore, 'find' | 'list'>;
  /** Milliseconds; 0 for none. */
  readonly grace: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}): RefreshGrace {
  const { artifacts, grace, now = Date.now } = options;
  /** The one first repeated longest ago first. */
  const repeats = new Map<string, number>();
  const seconds = () => Math.floor(now() / 1000);
  const successors = (row: string) =>
    artifacts.list(MODEL, { uid: row }, { now: seconds(), after: '', limit: FAMILY });

  async function covers(row: string): Promise<boolean> {
    if (grace === 0) return false;
    const used = (await artifacts.find(MODEL, row, seconds()))?.consumedAt;
    if (used === undefined || seconds() - used > grace / 1000) return false;
    const answers = await successors(row);
    return answers.length <= MOST_REPEATS && answers.every(({ consumedAt }) => consumedAt === undefined);
  }

  /** In this process, since those that come at once do not yet see each other's successors in the store. */
  function count(row: string): number {
    const times = (repeats.get(row) ?? 0) + 1;
    repeats.set(row, times);
    const [oldest] = repeats.keys();
    if (repeats.size > MAX_COUNTED && oldest !== undefined) repeats.delete(oldest);
    return times;
  }

  return {
    covers,
    repeat: async (row) => (await covers(row)) && count(row) <= MOST_REPEATS,
    async hasUsedRival(row, { uid }) {
      if (uid === undefined) return false;
      const family = await successors(uid);
      return family.some(({ id, consumedAt }) => id !== row && consumedAt !== undefined);
    },
  };
}
