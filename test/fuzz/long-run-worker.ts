// The thread of the long run that plays inputs, one after the other; its watcher is in long-run.ts.
// What it is about to play it writes into shared memory first: an input that hangs the thread can be read there.

import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { makeInput, randomFrom } from './long-run-mutation.ts';
import { type Found, loadFound, loadTargets, playFound, type Target } from './long-run-targets.ts';

export interface WorkerData {
  readonly seed: number;
  /** Milliseconds. */
  readonly time: number;
  /** Of the targets, only this one. */
  readonly only: string | undefined;
  /** Two numbers, how many inputs have begun and the length of the present one, then that one as JSON of a {@link Found}. */
  readonly present: SharedArrayBuffer;
}

export type WorkerReport =
  | { readonly kind: 'heap'; readonly bytes: number; readonly inputs: number }
  | { readonly kind: 'failure'; readonly found: Found; readonly error: string }
  | { readonly kind: 'over'; readonly played: Readonly<Record<string, number>>; readonly slowest: number };

/** Milliseconds that one input may take. */
const PATIENCE = 3_000;
const HEAP_EVERY = 10_000;

const { seed, time, only, present } = workerData as WorkerData;
const report = (what: WorkerReport): void => parentPort?.postMessage(what);
const counter = new Int32Array(present, 0, 2);
const room = new Uint8Array(present, 8);
const played: Record<string, number> = {};
let inputs = 0;
let slowest = 0;

const targets = (await loadTargets()).filter(({ name }) => only === undefined || name === only);
if (await everyFoundOne()) await run();
report({ kind: 'over', played, slowest });

/** What failed once. False where one fails again. */
async function everyFoundOne(): Promise<boolean> {
  for (const found of loadFound()) if (!(await attempt(found))) return false;
  return true;
}

async function run(): Promise<void> {
  const end = performance.now() + time;
  let nextHeap = 0;
  const turns = targets.flatMap((target) => Array<Target>(target.share).fill(target));
  for (let number = seed; performance.now() < end; number += 1) {
    const target = turns[number % turns.length] as Target;
    const input = makeInput(randomFrom(number), target);
    if (!(await attempt({ target: target.name, seed: number, input }))) return;
    if (performance.now() < nextHeap) continue;
    nextHeap = performance.now() + HEAP_EVERY;
    report({ kind: 'heap', bytes: heap(), inputs });
  }
  report({ kind: 'heap', bytes: heap(), inputs });
}

async function attempt(found: Found): Promise<boolean> {
  show(found);
  const started = performance.now();
  try {
    const outcome = playFound(targets, found);
    if (outcome) await within(outcome);
  } catch (error) {
    report({ kind: 'failure', found, error: (error as Error).stack ?? String(error) });
    return false;
  }
  const spent = performance.now() - started;
  slowest = Math.max(slowest, spent);
  if (spent > PATIENCE) {
    report({ kind: 'failure', found, error: `took ${Math.round(spent)} ms` });
    return false;
  }
  played[found.target] = (played[found.target] ?? 0) + 1;
  return true;
}

function show(found: Found): void {
  inputs += 1;
  const { written } = new TextEncoder().encodeInto(JSON.stringify(found), room);
  Atomics.store(counter, 1, written);
  Atomics.store(counter, 0, inputs);
}

async function within(work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = setTimeout(() => reject(new Error(`no end within ${PATIENCE} ms`)), PATIENCE);
  await Promise.race([work, promise]).finally(() => clearTimeout(late));
}

/** Bytes in use after everything that is of no use has been collected. */
function heap(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return getHeapStatistics().used_heap_size;
}
