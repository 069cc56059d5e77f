// `npm run fuzz -- --minutes 10`: fuzzes what reads a client's bytes, for as long as it is told, and watches time and memory.
// --seed N begins elsewhere, --target NAME plays one target only. Exit code 1 on a failure; its input is then in seeds/found/.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { FOUND, type Found } from './long-run-targets.ts';
import type { WorkerData, WorkerReport } from './long-run-worker.ts';

/** Milliseconds without a new input after which the thread hangs. */
const HANGS_AFTER = 10_000;
/** JSON of the longest input, every character of it escaped. */
const ROOM = 1_048_576;
/** The heap counts as growing where it ends so much above what it was after a quarter of the run. */
const MAY_GROW = 3_000_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    target: { type: 'string' },
  },
});
const data: WorkerData = {
  seed: Number(values.seed),
  time: Number(values.minutes) * 60_000,
  only: values.target,
  present: new SharedArrayBuffer(8 + ROOM),
};
if (!(data.time > 0) || !Number.isSafeInteger(data.seed)) throw new Error('--minutes and --seed are numbers');

setFlagsFromString('--expose-gc');
const started = performance.now();
const heaps: { readonly at: number; readonly bytes: number }[] = [];
let inputs = 0;
say(`${values.minutes} min from seed ${data.seed}`);
const worker = new Worker(new URL('long-run-worker.ts', import.meta.url), { workerData: data });
worker.on('message', hear);
worker.once('error', (error) => fail(present(), `the thread has ended: ${error.stack}`));

const counter = new Int32Array(data.present, 0, 2);
let seen = -1;
let since = performance.now();
const watch = setInterval(() => {
  const now = Atomics.load(counter, 0);
  if (now !== seen) since = performance.now();
  else if (performance.now() - since > HANGS_AFTER) fail(present(), 'hangs');
  seen = now;
}, 500);

function hear(report: WorkerReport): void {
  if (report.kind === 'failure') return fail(report.found, report.error);
  if (report.kind === 'over') return over(report);
  inputs = report.inputs;
  heaps.push({ at: performance.now() - started, bytes: report.bytes });
  say(`${seconds().toFixed(0).padStart(4)} s  ${inputs} inputs  heap ${megabytes(report.bytes)} MB`);
}

function over({ played, slowest }: Extract<WorkerReport, { kind: 'over' }>): void {
  clearInterval(watch);
  const warm = heaps.find(({ at }) => at >= data.time / 4) ?? heaps[0];
  const last = heaps.at(-1);
  const grown = (last?.bytes ?? 0) - (warm?.bytes ?? 0);
  const each = Object.entries(played).map(([name, count]) => `${name} ${count}`);
  say(
    `${each.join(', ')}; ${Math.round(inputs / seconds())} inputs a second, the slowest took ${slowest.toFixed(0)} ms`,
  );
  say(
    `heap ${megabytes(warm?.bytes ?? 0)} MB after warming up, ${megabytes(last?.bytes ?? 0)} MB at the end`,
  );
  if (grown <= MAY_GROW) return;
  say(`FAILED: the heap has grown by ${megabytes(grown)} MB`);
  process.exitCode = 1;
}

function fail(found: Found, error: string): void {
  clearInterval(watch);
  const text = JSON.stringify(found, null, 2);
  const name = `${found.target}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.json`;
  const file = fileURLToPath(new URL(name, FOUND));
  writeFileSync(file, `${text}\n`);
  say(
    `FAILED: ${found.target}, seed ${found.seed}: ${error}\nThe input is in ${file}; commit it with the repair.`,
  );
  void worker.terminate();
  process.exitCode = 1;
}

/** What is being played, as the thread wrote it down. */
function present(): Found {
  const length = Atomics.load(new Int32Array(data.present, 0, 2), 1);
  return JSON.parse(Buffer.from(new Uint8Array(data.present, 8, length)).toString());
}

function seconds(): number {
  return (performance.now() - started) / 1000;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
