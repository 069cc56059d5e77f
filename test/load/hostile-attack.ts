// What every attack of the measurements is made of: whom it attacks, what it counts, and its pace.

import { Caller, type CallerOptions, type Stage, type Victim } from './hostile-caller.ts';

/** Resolves once it is under way; it goes on until its process ends. */
export type Attack = (ground: Ground) => Promise<void>;

export interface Ground {
  readonly victim: Victim;
  /** One more of these. */
  count(what: string): void;
}

/** So many times a second, however long each takes; not more than `atATime` at a time. */
export function paced(perSecond: number, act: () => Promise<unknown>, atATime = 2_000): void {
  const started = performance.now();
  let begun = 0;
  let underWay = 0;
  setInterval(() => {
    const due = ((performance.now() - started) / 1000) * perSecond;
    for (; begun < due; begun += 1) {
      if (underWay >= atATime) continue;
      underWay += 1;
      void act()
        .catch(() => undefined)
        .finally(() => {
          underWay -= 1;
        });
    }
  }, 10);
}

/** `lanes` of them, each again and again, as fast as it goes. */
export function unceasing(lanes: number, act: () => Promise<unknown>): void {
  const lane = async (): Promise<void> => {
    for (;;) {
      await act().catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  for (let index = 0; index < lanes; index += 1) void lane();
}

/** So many callers that have come so far, opened a few at a time; those that are turned away are counted. */
export async function gather(
  ground: Ground,
  options: { count: number; stage: Stage; caller: (index: number) => CallerOptions },
): Promise<Caller[]> {
  const callers: Caller[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < options.count) {
      const index = next;
      next += 1;
      const caller = new Caller(ground.victim, options.caller(index));
      caller.socket.once('close', () => ground.count('closed by the server'));
      try {
        callers.push(await caller.reach(options.stage));
        ground.count('opened');
      } catch {
        ground.count('turned away');
        caller.hangUp();
      }
    }
  };
  await Promise.all(Array.from({ length: 40 }, worker));
  return callers;
}

/** Both doors in turn. */
export const bothWays = (index: number): CallerOptions => ({ by: index % 2 === 0 ? 'implicit' : 'starttls' });

/** Both doors, from so many addresses of loopback that no steady client has. */
export const fromMany =
  (addresses: number) =>
  (index: number): CallerOptions => ({ ...bothWays(index), from: `127.0.1.${1 + (index % addresses)}` });

/** Writes again and again what `bytes` gives, as fast as it is taken. */
export function pour(caller: Caller, bytes: () => Buffer | string): void {
  const { socket } = caller;
  const more = (): void => {
    for (let round = 0; round < 16; round += 1) {
      if (caller.ended || socket.destroyed) return;
      if (!socket.write(bytes())) return void socket.once('drain', more);
    }
    setImmediate(more);
  };
  more();
}
