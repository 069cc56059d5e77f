// A real HAProxy in front: the client's true address is what Postern sees and writes down, and only from HAProxy is it believed.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SmtpClient } from '../support/smtp-client.ts';
import { v1, v2 } from '../unit/port/headers.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { type HAProxy, startHAProxy } from './haproxy.ts';
import { composeLetter } from './letter.ts';
import { freePorts } from './ports.ts';
import { expectCode, initialResponse, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

const ALICE = 'alice@example.org';
const HAPROXY = '127.0.0.1';
const CLIENT = '127.0.0.2';
/** Not in the list of proxies. */
const STRANGER = '127.0.0.3';
const TIME_LIMIT = 60_000;
// What HAProxy can add behind the addresses, its checksum among it.
const EXTRAS = 'proxy-v2-options crc32c,unique-id,authority,ssl,cert-cn,ssl-cipher,cert-sig,cert-key';

interface Route {
  readonly name: string;
  /** How the client reaches HAProxy: TLS from the first byte, or STARTTLS. */
  readonly tls: 'starttls' | 'implicit';
  readonly server: string;
  /** HAProxy ends the client's TLS and begins its own. */
  readonly reencrypts?: boolean;
}

const ROUTES: Route[] = [
  { name: 'v1-starttls', tls: 'starttls', server: 'send-proxy' },
  { name: 'v1-implicit', tls: 'implicit', server: 'send-proxy' },
  { name: 'v2-starttls', tls: 'starttls', server: 'send-proxy-v2' },
  { name: 'v2-implicit', tls: 'implicit', server: 'send-proxy-v2' },
  { name: 'v2-extras-starttls', tls: 'starttls', server: `send-proxy-v2 ${EXTRAS}` },
  { name: 'v2-extras-implicit', tls: 'implicit', server: `send-proxy-v2 ${EXTRAS}` },
  {
    name: 'v2-ssl-cn',
    tls: 'implicit',
    server: `send-proxy-v2-ssl-cn ${EXTRAS} ssl verify none`,
    reencrypts: true,
  },
];

/** HAProxy looks every 200 ms whether Postern lives. */
const CHECKS: Record<string, Omit<Route, 'name'> & { lines?: string[]; result: string }> = {
  'check-v1': { tls: 'starttls', server: 'send-proxy check check-send-proxy', result: 'L4OK' },
  'check-v2': { tls: 'starttls', server: 'send-proxy-v2 check check-send-proxy', result: 'L4OK' },
  'check-implicit': { tls: 'implicit', server: 'send-proxy-v2 check check-send-proxy', result: 'L4OK' },
  'check-smtp': {
    tls: 'starttls',
    server: 'send-proxy-v2 check check-send-proxy',
    lines: ['option smtpchk EHLO haproxy.example.org'],
    result: 'L7OK',
  },
  'check-tls': {
    tls: 'implicit',
    server: 'send-proxy-v2 ssl verify none check check-send-proxy',
    result: 'L6OK',
  },
  // Connects and leaves without a word: with `addr` HAProxy sends no header in its checks unless told.
  'check-tcp': { tls: 'starttls', server: `send-proxy check addr ${HAPROXY}`, result: 'L4OK' },
};

let folder: string;
let sink: Sink;
let gate: Gate;
let haproxy: HAProxy;
let ports: { starttls: number; implicit: number };
let token: string;

beforeAll(async () => {
  folder = makeFolder('behind-haproxy');
  sink = await startSink(folder);
  const [starttls, implicit] = (await freePorts(2)) as [number, number];
  ports = { starttls, implicit };
  const proxyProtocol = { from: [`${HAPROXY}/32`] };
  gate = await startGate({
    upstream: { port: sink.port },
    submission: {
      listeners: [
        { listen: `127.0.0.1:${starttls}`, tls: 'starttls', proxyProtocol },
        { listen: `127.0.0.1:${implicit}`, tls: 'implicit', proxyProtocol },
      ],
    },
  });
  token = await gate.token();
  haproxy = await startHAProxy({
    routes: {
      ...Object.fromEntries(
        ROUTES.map(({ name, tls, server, reencrypts = false }) => [
          name,
          { to: ports[tls], server, tls: reencrypts },
        ]),
      ),
      'stranger-v1': { to: starttls, server: `send-proxy source ${STRANGER}` },
      'stranger-v2': { to: starttls, server: `send-proxy-v2 source ${STRANGER}` },
      'stranger-implicit': { to: implicit, server: `send-proxy-v2 source ${STRANGER}` },
      'no-header': { to: starttls, server: '' },
    },
  });
});
afterAll(async () => {
  await haproxy?.close();
  const leaks = gate?.journal.leaks([token]);
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
  expect(leaks).toEqual([]);
});

async function connectFrom(address: string, port: number): Promise<Socket> {
  const host = address === '::1' ? '::1' : '127.0.0.1';
  const socket = connect({ host, port, localAddress: address });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function clientAt(given: {
  from: string;
  port: number;
  tls: 'starttls' | 'implicit';
}): Promise<SmtpClient> {
  const ca = readFileSync(gate.ca, 'utf8');
  const plain = await connectFrom(given.from, given.port);
  const options = { host: '127.0.0.1', port: given.port, ca, timeLimit: TIME_LIMIT };
  if (given.tls === 'starttls') {
    const client = new SmtpClient(plain, { ...options, implicitTls: false });
    expectCode(await client.readReply(), 220);
    expectCode(await client.command('EHLO client.example.org'), 250);
    expectCode(await client.command('STARTTLS'), 220);
    await client.startTls();
    return client;
  }
  const secure = connectTls({ socket: plain, ca, servername: 'localhost' });
  await once(secure, 'secureConnect');
  const client = new SmtpClient(secure, { ...options, implicitTls: true });
  expectCode(await client.readReply(), 220);
  return client;
}

/** What the journal has told of connections since it had `start` lines. */
const since = (start: number) =>
  gate.journal
    .lines()
    .slice(start)
    .filter(({ peer }) => peer !== undefined);

/** ... as soon as it has told of the end of a session: no test leaves one to the next. */
const untilClosed = (start: number) =>
  until(() => {
    const told = since(start);
    return told.some(({ event }) => event === 'sessionClosed') && told;
  }, 'the end of the session in the journal');

describe('a message through HAProxy', () => {
  test.each(ROUTES)('($name) bears the client’s address, as does the journal', async ({ name, tls }) => {
    const start = gate.journal.lines().length;
    const client = await clientAt({ from: CLIENT, port: haproxy.port(name), tls });
    expectCode(await client.command('EHLO client.example.org'), 250);
    expectCode(await client.command(`AUTH XOAUTH2 ${initialResponse(token)}`), 235);
    const letter = composeLetter({ from: SENDER, to: [ALICE] });
    expectCode(await client.command(`MAIL FROM:<${SENDER}> BODY=8BITMIME`), 250);
    expectCode(await client.command(`RCPT TO:<${ALICE}>`), 250);
    expectCode(await client.command('DATA'), 354);
    await client.write(stuffed(letter.bytes));
    expectCode(await client.command('.'), 250);
    expectCode(await client.command('QUIT'), 221);

    const arrival = await sink.find(({ head }) => head.includes(letter.mark), 'the letter');
    const content = arrival.content();
    const received = /^Received: .*?\r\n(?![ \t])/ms.exec(content.toString('latin1'))?.[0] ?? '';
    expect(received).toContain(`[${CLIENT}]`);
    expect(received).not.toContain(HAPROXY);
    expect(content.subarray(-letter.bytes.length).equals(letter.bytes)).toBe(true);
    const told = await untilClosed(start);
    expect(told.map(({ event, peer }) => [event, peer])).toEqual(
      ['sessionOpened', 'loginSucceeded', 'messageAccepted', 'sessionClosed'].map((event) => [event, CLIENT]),
    );
  });
});

const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

test.runIf(hasIPv6)('a client of IPv6 keeps its address, though HAProxy speaks IPv4 to Postern', async () => {
  const routes = Object.fromEntries(
    ['send-proxy', 'send-proxy-v2'].map((server) => [server, { to: ports.starttls, server, host: '::1' }]),
  );
  const dual = await startHAProxy({ routes });
  try {
    for (const name of Object.keys(routes)) {
      const start = gate.journal.lines().length;
      const client = await clientAt({ from: '::1', port: dual.port(name), tls: 'starttls' });
      expectCode(await client.command('QUIT'), 221);
      expect((await untilClosed(start)).map(({ peer }) => peer)).toEqual(['::1', '::1']);
    }
  } finally {
    await dual.close();
  }
});

describe('who is no proxy', () => {
  test('is a client like any other, under its own address', async () => {
    for (const tls of ['starttls', 'implicit'] as const) {
      const start = gate.journal.lines().length;
      const client = await clientAt({ from: STRANGER, port: ports[tls], tls });
      expectCode(await client.command('EHLO client.example.org'), 250);
      expectCode(await client.command('QUIT'), 221);
      const told = await untilClosed(start);
      expect(told.map(({ peer }) => peer)).toEqual([STRANGER, STRANGER]);
    }
  });

  test.each([
    ['v1', v1({ source: CLIENT })],
    ['v2', v2({ source: CLIENT })],
  ])('is not believed: its %s header ends the session', async (_, header) => {
    const start = gate.journal.lines().length;
    const socket = await connectFrom(STRANGER, ports.starttls);
    socket.write(Buffer.concat([header, Buffer.from('EHLO client.example.org\r\n')]));
    expect(await textOf(socket)).toMatch(/^220 [^\r\n]*\r\n421 [^\r\n]*\r\n$/);
    const told = await untilClosed(start);
    expect(new Set(told.map(({ peer }) => peer))).toEqual(new Set([STRANGER]));
  });

  test.each(['stranger-v1', 'stranger-v2'])(
    'is refused also when it is an HAProxy that nobody has listed (%s)',
    async (name) => {
      const start = gate.journal.lines().length;
      expect(await textOf(await connectFrom(CLIENT, haproxy.port(name)))).toMatch(/^220 [^\r\n]*\r\n421 /);
      const told = await untilClosed(start);
      expect(new Set(told.map(({ peer }) => peer))).toEqual(new Set([STRANGER]));
    },
  );

  test('finds no TLS behind its header on the implicit port', async () => {
    const start = gate.journal.lines().length;
    await expect(
      clientAt({ from: CLIENT, port: haproxy.port('stranger-implicit'), tls: 'implicit' }),
    ).rejects.toThrow();
    const direct = await connectFrom(STRANGER, ports.implicit);
    direct.write(v1({ source: CLIENT }));
    expect(await textOf(direct)).not.toContain('220');
    expect(since(start).filter(({ event }) => event === 'sessionOpened')).toEqual([]);
  });
});

test('an HAProxy that sends no header is refused, and the journal says why', async () => {
  const start = gate.journal.lines().length;
  const socket = await connectFrom(CLIENT, haproxy.port('no-header'));
  socket.write('EHLO client.example.org\r\n');
  expect(await textOf(socket)).toBe('');
  await until(() => since(start).length > 0, 'the journal');
  expect(since(start)).toEqual([
    expect.objectContaining({ event: 'proxyRefused', peer: HAPROXY, reason: 'no PROXY header' }),
  ]);
});

describe('health checks', () => {
  test('succeed, and leave no warning in the journal', async () => {
    const start = gate.journal.lines().length;
    const checking = await startHAProxy({
      routes: Object.fromEntries(
        Object.entries(CHECKS).map(([name, { tls, server, lines = [] }]) => [
          name,
          { to: ports[tls], server, lines },
        ]),
      ),
    });
    try {
      for (const [name, { result }] of Object.entries(CHECKS)) {
        await until(async () => (await checking.state(name)).check === result, `${name} to be ${result}`);
      }
      // Some rounds of all of them.
      await until(
        () => since(start).filter(({ event }) => event === 'sessionClosed').length > 20,
        'more checks',
      );
      for (const name of Object.keys(CHECKS)) {
        expect(await checking.state(name), name).toMatchObject({ status: 'UP', failures: 0 });
      }
    } finally {
      await checking.close();
    }
    const told = since(start);
    expect(new Set(told.map(({ event, level, peer }) => [event, level, peer].join(' ')))).toEqual(
      new Set([`sessionOpened debug ${HAPROXY}`, `sessionClosed info ${HAPROXY}`]),
    );
  });
});

/** Everything that is heard on a connection until it ends. */
async function textOf(socket: Socket): Promise<string> {
  const late = setTimeout(() => socket.destroy(new Error('the connection was left open')), TIME_LIMIT);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  clearTimeout(late);
  if (socket.errored?.message.includes('left open')) throw socket.errored;
  return text;
}
