// What one attack costs Postern and its well-behaved clients: their waits before it and during it, memory and processor time.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../support/free-ports.ts';
import { type MeasuredGateway, startMeasuredGateway } from './gateway.ts';
import type { Order, Report } from './hostile-attacker.ts';
import type { Victim } from './hostile-caller.ts';
import { type SteadyClients, startSteadyClients, type Waits } from './hostile-steady.ts';
import { startNode } from './process.ts';

export interface Siege {
  readonly gateway: MeasuredGateway;
  /** Before the attack, for `before` milliseconds, and from its first connection until `during` milliseconds after it is under way. */
  attack(name: string, times: { before: number; during: number }): Promise<Outcome>;
  close(): Promise<void>;
}

export interface Outcome {
  readonly attack: string;
  readonly before: Waits;
  readonly during: Waits;
  /** Resident memory of the Postern process, bytes. */
  readonly memory: { readonly before: number; readonly peak: number; readonly after: number };
  /** Most file descriptors that it had at a time. */
  readonly descriptors: number;
  /** Share of one processor that Postern took. */
  readonly load: number;
  /** As the attacker counted. */
  readonly counts: Readonly<Record<string, number>>;
}

/** An attack that is not under way by then is measured as it is, milliseconds. */
const GATHERING = 8_000;

/** @param limits of the section `submission`, where not those that hold by default */
export async function laySiege(options: {
  perSecond: number;
  roundTrip?: number;
  limits?: readonly string[];
}): Promise<Siege> {
  const [port] = (await freePorts(1)) as [number];
  const sink = await startNode([here('sink.ts'), String(port)], 'ready');
  const gateway = await startMeasuredGateway(port, options.limits ?? []);
  const attacker = { ...whom(gateway, gateway.sender), token: await gateway.token() };
  // Not the attacker's own account: what one user may have is bounded by itself.
  const good = { ...whom(gateway, gateway.otherSender), token: await gateway.token('other-app') };
  const clients = startSteadyClients({ ...options, victim: good });
  // What every process needs once: compiled code, the connection to the upstream.
  await delay(2_000);
  await clients.take();
  return {
    gateway,
    attack: (name, times) => attack({ name, times, gateway, clients, victim: attacker }),
    async close() {
      await clients.stop();
      await gateway.close();
      await sink.stop('SIGKILL');
    },
  };
}

async function attack(given: {
  name: string;
  times: { before: number; during: number };
  gateway: MeasuredGateway;
  clients: SteadyClients;
  victim: Victim;
}): Promise<Outcome> {
  const { name, times, clients } = given;
  const { child } = given.gateway;
  await clients.take();
  await delay(times.before);
  const before = await clients.take();
  const memory = child.memory();
  forgetPeak(child.pid);
  const started = performance.now();
  const cpu = child.cpu();
  let descriptors = 0;
  const looking = setInterval(() => {
    descriptors = Math.max(descriptors, readdirSync(`/proc/${child.pid}/fd`).length);
  }, 100);

  const attacker = startAttacker(name, given.victim);
  await Promise.race([attacker.underWay, delay(GATHERING)]);
  await delay(times.during);
  const load = (child.cpu() - cpu) / (performance.now() - started);
  const during = await clients.take();
  clearInterval(looking);
  const peak = peakOf(child.pid);
  const counts = await attacker.enough();
  await delay(300);
  return {
    attack: name,
    before,
    during,
    memory: { before: memory, peak, after: child.memory() },
    descriptors,
    load,
    counts,
  };
}

/** A process of its own, so that its work is not measured as the others' wait. */
export function startAttacker(attack: string, victim: Victim) {
  const child = fork(here('hostile-attacker.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const reported = Promise.withResolvers<Readonly<Record<string, number>>>();
  const underWay = new Promise<void>((resolve, reject) => {
    child.on('message', (report: Report) => {
      if (report === 'under way') resolve();
      else reported.resolve(report.counts);
    });
    child.once('exit', (code) => {
      const error = new Error(`the attacker of "${attack}" has ended with ${code}`);
      reject(error);
      reported.reject(error);
    });
  });
  // Whoever waits for none of them hears of it by the other.
  underWay.catch(() => undefined);
  reported.promise.catch(() => undefined);
  const order = (what: Order): boolean => child.send(what);
  order({ attack, victim });
  return {
    underWay,
    async enough(): Promise<Readonly<Record<string, number>>> {
      order('enough');
      const counts = await reported.promise;
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      return counts;
    },
  };
}

function whom({ starttls, implicit, ca }: MeasuredGateway, user: string) {
  return { starttls, implicit, ca, user };
}

/** Highest resident memory since {@link forgetPeak}, bytes. Linux: proc(5). */
function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

function here(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

/** The value that `share` of them do not exceed; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
