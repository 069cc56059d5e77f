// `npm run bench`: what a session, a message, a megabyte and a token cost Postern, beside a bare smtp-server in the same run.
// Prints one JSON object. Rounds alternate between the two, so that noise of the machine falls on both; medians are given.

import { fileURLToPath } from 'node:url';
import { freePorts } from '../support/free-ports.ts';
import { greeting, session, type Target, type Timings } from './client.ts';
import { startMeasuredGateway } from './gateway.ts';
import { type Child, startNode } from './process.ts';
import { measureRevocation } from './revocation.ts';
import { measureVerification } from './verification.ts';

interface Scenario {
  readonly name: string;
  readonly sessions: number;
  readonly concurrency: number;
  readonly messages: number;
  readonly body: Buffer | undefined;
}

interface Round {
  /** Server CPU milliseconds for one operation: a session, or a message. */
  readonly cpu: number;
  readonly seconds: number;
  readonly operations: number;
  readonly timings: readonly Timings[];
}

const ROUNDS = 7;
const HEADER =
  'From: bench@example.org\r\nTo: bob@example.org\r\nSubject: measured\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <m@example.org>\r\n\r\n';
const MEGABYTE = 1024 * 1024;

const SCENARIOS: readonly Scenario[] = [
  { name: 'session', sessions: 400, concurrency: 16, messages: 0, body: undefined },
  { name: 'messageNewConnection', sessions: 200, concurrency: 16, messages: 1, body: message(2048) },
  { name: 'message20PerConnection', sessions: 120, concurrency: 8, messages: 20, body: message(2048) },
  { name: 'message25MB', sessions: 6, concurrency: 2, messages: 1, body: message(25 * MEGABYTE) },
];

const [sinkPort, barePort] = (await freePorts(2)) as [number, number];
const sink = await startNode([here('sink.ts'), String(sinkPort)], 'ready');
const gateway = await startMeasuredGateway(sinkPort);
const bare = await startNode(
  [here('bare-server.ts'), String(barePort), gateway.keyFile, gateway.certificateFile],
  'ready',
);

try {
  const token = await gateway.token();
  const common = { ca: gateway.ca, user: gateway.sender, token };
  const servers = {
    postern: { child: gateway.child, target: { ...common, port: gateway.implicit } },
    bare: { child: bare, target: { ...common, port: barePort } },
  };
  const report: Record<string, unknown> = { node: process.version, tokenLength: token.length };
  for (const scenario of SCENARIOS) report[scenario.name] = await compare(scenario, servers);
  report['greeting'] = await greetings(gateway.starttls);
  report['verificationMicroseconds'] = await measureVerification();
  const { all, one } = await measureRevocation(gateway);
  report['revocationToClose'] = { one: percentiles(one), allOf1000: percentiles(all) };
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
} finally {
  await gateway.close();
  await Promise.all([sink.stop('SIGKILL'), bare.stop('SIGKILL')]);
}

type Server = { readonly child: Child; readonly target: Target };

async function compare(scenario: Scenario, servers: { postern: Server; bare: Server }) {
  const rounds = { postern: [] as Round[], bare: [] as Round[] };
  for (let index = 0; index <= ROUNDS; index += 1) {
    for (const name of ['postern', 'bare'] as const) {
      const round = await play(scenario, servers[name]);
      // The first round warms both up.
      if (index > 0) rounds[name].push(round);
    }
  }
  const ratios = rounds.postern.map((round, index) => round.cpu / (rounds.bare[index]?.cpu ?? Number.NaN));
  return {
    postern: summary(scenario, rounds.postern),
    bare: summary(scenario, rounds.bare),
    cpuRatio: round(median(ratios)),
    cpuRatioRange: [round(Math.min(...ratios)), round(Math.max(...ratios))],
  };
}

async function play(scenario: Scenario, { child, target }: Server): Promise<Round> {
  const before = child.cpu();
  const started = performance.now();
  const timings: Timings[] = [];
  let left = scenario.sessions;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      timings.push(await session(target, scenario.body, scenario.messages));
    }
  };
  await Promise.all(Array.from({ length: scenario.concurrency }, worker));
  const operations = scenario.sessions * Math.max(1, scenario.messages);
  return {
    cpu: (child.cpu() - before) / operations,
    seconds: (performance.now() - started) / 1000,
    operations,
    timings,
  };
}

function summary(scenario: Scenario, rounds: readonly Round[]) {
  const timings = rounds.flatMap((each) => each.timings);
  const rate = median(rounds.map((each) => each.operations / each.seconds));
  return {
    serverCpuMillisecondsPerOperation: round(median(rounds.map((each) => each.cpu))),
    perSecond: round(rate),
    ...(scenario.name === 'message25MB' ? { megabytesPerSecond: round(rate * 25) } : {}),
    connectAndTlsToGreeting: percentiles(timings.map((each) => each.connect)),
    login: percentiles(timings.map((each) => each.login)),
    ...(scenario.messages > 0 ? { message: percentiles(timings.flatMap((each) => each.messages)) } : {}),
  };
}

/** One connection at a time, in clear text: what a client waits before it may speak. */
async function greetings(port: number) {
  const spent: number[] = [];
  for (let index = 0; index < 200; index += 1) spent.push(await greeting(port));
  return percentiles(spent);
}

/** Milliseconds. */
function percentiles(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function message(bytes: number): Buffer {
  const line = `${'0123456789'.repeat(7)}\r\n`;
  return Buffer.from(HEADER + line.repeat(Math.ceil((bytes - HEADER.length) / line.length)));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function here(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
