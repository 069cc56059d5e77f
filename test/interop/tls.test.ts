// TLS of the real program: its certificate replaced under load, its sessions resumed by another process and by another's client.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authority, makeAuthority } from '../support/certificate-maker.ts';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { freePorts } from './ports.ts';
import { programEnvironment, runProgram } from './program.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import { beginMessage, expectCode, initialResponse, openSession } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

const RECIPIENT = 'alice@example.org';
const SECOND = 1000;
const FURTHER_NAMES = ['post.example.net', '*.xn--bcher-kva.example'];
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let folder: string;
let sink: Sink;
let gate: Gate;
let token: string;

beforeAll(async () => {
  folder = makeFolder('tls');
  sink = await startSink(folder);
  const further = await (await makeAuthority()).issue({ names: FURTHER_NAMES, kind: 'rsa' });
  const files = { certificate: join(folder, 'further.pem'), key: join(folder, 'further-key.pem') };
  writeFileSync(files.certificate, further.certificate);
  writeFileSync(files.key, further.key, { mode: 0o600 });
  gate = await startGate({
    upstream: { port: sink.port },
    submission: { tls: { certificate: 'certificate.pem', key: 'key.pem', certificates: [files] } },
  });
  token = await gate.token();
});
afterAll(async () => {
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
});

type Mode = 'starttls' | 'implicit';

/** Connected, TLS begun with a certificate of one of these authorities, EHLO said. */
async function greet(mode: Mode, ca: string): Promise<SmtpClient> {
  const implicitTls = mode === 'implicit';
  const client = await connectSmtp({
    host: '127.0.0.1',
    port: gate.ports[mode],
    implicitTls,
    ca,
    timeLimit: 60_000,
  });
  expectCode(await client.readReply(), 220);
  expectCode(await client.command('EHLO client.example.org'), 250);
  if (implicitTls) return client;
  expectCode(await client.command('STARTTLS'), 220);
  await client.startTls();
  expectCode(await client.command('EHLO client.example.org'), 250);
  return client;
}

async function submit(client: SmtpClient, subject: string): Promise<void> {
  await beginMessage(client, RECIPIENT);
  expectCode(await client.command(`From: <${SENDER}>\r\nSubject: ${subject}\r\n\r\nHello\r\n.`), 250);
}

const hasArrived = (subject: string) =>
  sink.arrivals.some(({ head }) => head.includes(`Subject: ${subject}\r\n`));

/** What a renewal does: the one file, and a moment later the other. */
async function replace(
  pair: { certificate: string; key: string },
  order: readonly ('certificate' | 'key')[],
) {
  for (const what of order) {
    const file = join(gate.folder, `${what}.pem`);
    writeFileSync(`${file}.new`, pair[what], { mode: 0o600 });
    renameSync(`${file}.new`, file);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

test('a certificate replaced under load: no connection fails, the new one is served within five seconds', async () => {
  const before = readFileSync(gate.ca, 'utf8');
  const authorities: Authority[] = [await makeAuthority('Second'), await makeAuthority('Third')];
  const all = [before, ...authorities.map(({ certificate }) => certificate)].join('\n');
  const failures: string[] = [];
  let connections = 0;
  let isOver = false;
  const load = (['starttls', 'implicit', 'starttls', 'implicit'] as const).map(async (mode) => {
    while (!isOver && failures.length === 0) {
      connections += 1;
      const subject = `load ${connections}`;
      try {
        const client = await greet(mode, all);
        expectCode(await client.command(`AUTH XOAUTH2 ${initialResponse(token)}`), 235);
        await submit(client, subject);
        expectCode(await client.command('QUIT'), 221);
        client.destroy();
      } catch (error) {
        failures.push(String(error));
      }
    }
  });
  // In the middle of a message when the certificate changes under it.
  const patient = await openSession(gate, token);
  await beginMessage(patient, RECIPIENT);
  await patient.write(`From: <${SENDER}>\r\nSubject: patient\r\n\r\n`);

  const took: number[] = [];
  for (const [index, authority] of authorities.entries()) {
    const kind = index === 0 ? 'rsa' : 'ec';
    const pair = await authority.issue({ names: ['localhost'], kind });
    await replace(pair, index === 0 ? ['certificate', 'key'] : ['key', 'certificate']);
    const replaced = performance.now();
    for (const mode of ['starttls', 'implicit'] as const) {
      await until(async () => {
        const client = await greet(mode, authority.certificate).catch(() => undefined);
        client?.destroy();
        return client !== undefined;
      }, `the new certificate on ${mode}`);
    }
    took.push(performance.now() - replaced);
    const seen = connections;
    await until(() => connections >= seen + 20 || failures.length > 0, 'more connections');
  }
  isOver = true;
  await Promise.all(load);
  expectCode(await patient.command('Hello\r\n.'), 250);
  expectCode(await patient.command('QUIT'), 221);

  process.stderr.write(
    `certificate swap: new one served after ${took.map((time) => `${Math.round(time)} ms`).join(' and ')}; ` +
      `${connections} connections, ${failures.length} failed\n`,
  );
  expect(failures).toEqual([]);
  // A busy machine may take its time for one of the two.
  expect(Math.min(...took)).toBeLessThan(5 * SECOND);
  expect(hasArrived('patient')).toBe(true);
  for (let number = 1; number <= connections; number += 1) expect(hasArrived(`load ${number}`)).toBe(true);
  const told = gate.journal.lines().filter(({ event }) => event.startsWith('certificate'));
  expect(told.map(({ event }) => event).filter((event) => event !== 'certificateExpires')).toEqual([
    'certificateReloaded',
    'certificateReloaded',
  ]);
  writeFileSync(gate.ca, all);
});

test('files of no use are kept out, told once, and the certificate before them is served', async () => {
  const ca = readFileSync(gate.ca, 'utf8');
  const file = join(gate.folder, 'certificate.pem');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, good.slice(0, good.length / 2));
  const { reason } = await gate.journal.find(
    ({ event }) => event === 'certificateReloadFailed',
    'the failure',
  );
  expect(reason).toContain('is it cut off?');
  (await greet('implicit', ca)).destroy();
  writeFileSync(file, good);
});

/** Another process with the same settings and store, on ports of its own. */
async function startSecond(): Promise<{ process: ServerProcess; ports: Record<Mode, number> }> {
  const [starttls, implicit, web, pages] = (await freePorts(4)) as [number, number, number, number];
  const settings = JSON.parse(readFileSync(join(gate.folder, 'postern.yaml'), 'utf8'));
  settings.submission.listeners[0].listen = `127.0.0.1:${starttls}`;
  settings.submission.listeners[1].listen = `127.0.0.1:${implicit}`;
  settings.authorization.listen = `127.0.0.1:${web}`;
  settings.audit.listen = `127.0.0.1:${pages}`;
  const file = join(gate.folder, 'second.yaml');
  writeFileSync(file, JSON.stringify(settings));
  const second = await startServerProcess(process.execPath, [MAIN, 'serve', '--config', file], {
    folder: gate.folder,
    environment: programEnvironment(gate.folder),
    isReady: (line) => line.includes('"event":"started"'),
  });
  return { process: second, ports: { starttls, implicit } };
}

/** One connection of openssl's own client. */
async function openssl(given: {
  port: number;
  mode: Mode;
  version?: string;
  serverName?: string;
  options?: readonly string[];
}) {
  const { port, mode, version = '-tls1_3', serverName = 'localhost', options = [] } = given;
  const { text } = await runProgram(
    'openssl',
    [
      's_client',
      ...['-connect', `127.0.0.1:${port}`, '-servername', serverName, version, '-ign_eof', '-crlf'],
      ...(mode === 'starttls' ? ['-starttls', 'smtp', '-name', 'client.example.org'] : []),
      ...options,
    ],
    { folder, input: 'QUIT\n' },
  );
  const began = /^(New|Reused), (\S+), Cipher is (\S+)$/m.exec(text);
  if (!began || !text.includes('221 ')) throw new Error(`no connection:\n${text}`);
  return {
    began: began[1],
    subject: /^subject=CN = (.*)$/m.exec(text)?.[1],
    lifetime: Number(/lifetime hint: (\d+) \(seconds\)/.exec(text)?.[1]),
  };
}

test('each name gets the certificate that bears it, on every port and in every version', async () => {
  for (const mode of ['starttls', 'implicit'] as const) {
    for (const version of ['-tls1_3', '-tls1_2']) {
      const shown = async (serverName: string) =>
        (await openssl({ port: gate.ports[mode], mode, version, serverName })).subject;
      expect(await shown('localhost')).toBe('localhost');
      expect(await shown('post.example.net')).toBe('post.example.net');
      expect(await shown('mail.xn--bcher-kva.example')).toBe('post.example.net');
      expect(await shown('elsewhere.example.net')).toBe('localhost');
    }
  }
});

test('sessions are resumed by another process of the same store, each ticket used once', async () => {
  const second = await startSecond();
  try {
    const stops = (['starttls', 'implicit'] as const).flatMap((mode) => [
      { mode, port: gate.ports[mode] },
      { mode, port: second.ports[mode] },
    ]);
    const verified = ['-CAfile', gate.ca, '-verify_return_error'];
    for (const version of ['-tls1_3', '-tls1_2']) {
      const session = join(folder, `session${version}`);
      const seen = [];
      for (let round = 0; round < 11; round += 1) {
        const stop = stops[round % stops.length];
        // From a file, and the new one back into it.
        const options = [...(round === 0 ? [] : ['-sess_in', session]), '-sess_out', session];
        if (stop) seen.push(await openssl({ ...stop, version, options: [...options, ...verified] }));
      }
      expect(seen.map(({ began }) => began)).toEqual(['New', ...Array(10).fill('Reused')]);
      // RFC 8446 §4.6.1: at most seven days; here one period of the keys.
      expect(seen[0]?.lifetime).toBe(43_200);
    }
  } finally {
    await second.process.end('SIGTERM');
  }
});
