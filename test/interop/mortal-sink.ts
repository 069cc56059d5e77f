// Owns a mail server that is killed and started again, and again, until the test has enough of it; its ledger outlives it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { noteProcessGroup } from './folder.ts';
import { type SinkStep, STEPS } from './ledger-sink.ts';
import { programEnvironment } from './program.ts';

const PROGRAM = fileURLToPath(new URL('./ledger-sink.ts', import.meta.url));

/** `between`: it kills itself at a step of the dialogue, never with a message in doubt. `anywhere`: it is killed at any moment. */
export type Manner = 'between' | 'anywhere';

export interface MortalSink {
  readonly port: number;
  /** How often it has died, by step; `anywhere` for those that were killed from outside. */
  readonly deaths: ReadonlyMap<string, number>;
  /** Each line of the ledger: the subject of a whole message, or `damaged`. */
  ledger(): string[];
  /** From now on it lives, until it is closed. */
  spare(): Promise<void>;
  close(): Promise<void>;
}

/** @param options.random uniform in [0, 1) */
export async function startMortalSink(options: {
  folder: string;
  file: string;
  port: number;
  manner: Manner;
  random: () => number;
}): Promise<MortalSink> {
  const { folder, file, port, manner, random } = options;
  const deaths = new Map<string, number>();
  const between = (least: number, most: number): number => least + Math.floor(random() * (most - least));
  let child: ChildProcess | undefined;
  let isSpared = false;
  const spared = Promise.withResolvers<void>();
  writeFileSync(file, '');

  async function live(end: { step: SinkStep; count: number } | undefined): Promise<void> {
    const parameters = [PROGRAM, String(port), file, ...(end ? [end.step, String(end.count)] : [])];
    const started = spawn(process.execPath, parameters, {
      ...{ cwd: folder, env: programEnvironment(folder), detached: true },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const forget = noteProcessGroup(started.pid as number);
    started.once('exit', forget);
    child = started;
    await once(createInterface({ input: started.stdout }), 'line');
  }

  async function liveAndDie(): Promise<void> {
    const step = manner === 'between' ? (STEPS[between(0, STEPS.length)] as SinkStep) : undefined;
    // Connections are made seldom, commands come with each message.
    const count = step === 'greeting' || step === 'EHLO' ? between(1, 30) : between(50, 600);
    await live(step && { step, count });
    const dead = once(child as ChildProcess, 'exit');
    if (step) {
      await Promise.race([dead, spared.promise]);
    } else {
      await delay(between(50, 1_500));
      child?.kill('SIGKILL');
      await dead;
    }
    const isDead = child?.signalCode === 'SIGKILL';
    if (isDead) deaths.set(step ?? 'anywhere', (deaths.get(step ?? 'anywhere') ?? 0) + 1);
  }

  async function stop(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const dead = once(child, 'exit');
    child.kill('SIGKILL');
    await dead;
  }

  await live(undefined);
  const cycle = (async () => {
    await stop();
    while (!isSpared) {
      await liveAndDie();
      if (!isSpared) await delay(between(20, 400));
    }
  })();

  async function end(): Promise<void> {
    isSpared = true;
    spared.resolve();
    await cycle;
    await stop();
  }

  return {
    ...{ port, deaths },
    ledger: () => readFileSync(file, 'utf8').split('\n').slice(0, -1),
    async spare() {
      await end();
      await live(undefined);
    },
    close: end,
  };
}
