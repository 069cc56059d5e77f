// Certificate-bound tokens (RFC 8705 §3): good only on a connection that was made with their certificate, however it was made.

import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, type Issued, makeAuthority } from '../../support/certificate-maker.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';

const listen = { host: '127.0.0.1', port: 0 };
let authority: Authority;
let device: Issued;
let other: Issued;
/** Of an authority that the listeners do not name: `optional` lets it in, and its key is proved all the same. */
let selfMade: Issued;
let gateway: TestGateway;
const sockets: Socket[] = [];

const thumbprint = ({ certificate }: Issued): string =>
  createHash('sha256').update(new X509Certificate(certificate).raw).digest('base64url');
const boundTo = (issued: Issued): string =>
  gateway.mint({ jti: `bound-${Math.random()}`, cnf: { 'x5t#S256': thumbprint(issued) } });

beforeAll(async () => {
  authority = await makeAuthority('Devices');
  device = await authority.issue({ names: [], commonName: 'scanner', usage: 'client' });
  other = await authority.issue({ names: [], commonName: 'printer', usage: 'client' });
  selfMade = await (await makeAuthority('Home-made')).issue({ names: [], usage: 'client' });
  gateway = await startTestGateway({
    clientAuthorities: authority.certificate,
    submission: {
      listeners: [
        { listen, tls: 'starttls', clientCertificate: 'optional' },
        { listen, tls: 'implicit', clientCertificate: 'optional' },
        { listen, tls: 'implicit', clientCertificate: 'none' },
        {
          listen,
          tls: 'implicit',
          clientCertificate: 'required',
          proxyProtocol: { from: ['127.0.0.1'] },
        },
      ],
    },
  });
});
afterEach(() => sockets.splice(0).forEach((socket) => void socket.destroy()));
afterAll(() => gateway.close());

interface Attempt {
  readonly listener?: 'starttls' | 'implicit' | 'deaf' | 'proxied';
  readonly shown?: Issued | undefined;
  readonly token: string;
  readonly session?: Buffer | undefined;
}

const LISTENERS = ['starttls', 'implicit', 'deaf', 'proxied'] as const;

/** The code of the answer to AUTH; a failure challenge is answered first. */
async function attempt({ listener = 'implicit', shown, token, session }: Attempt) {
  const port = gateway.bound[LISTENERS.indexOf(listener)]?.port ?? 0;
  const raw = connectTcp({ host: gateway.host, port });
  sockets.push(raw.on('error', () => undefined));
  if (listener === 'proxied') raw.write('PROXY TCP4 192.0.2.7 192.0.2.1 40000 465\r\n');
  if (listener === 'starttls') {
    await once(raw, 'data');
    raw.write('STARTTLS\r\n');
    await once(raw, 'data');
  }
  const proof = shown ? { cert: shown.certificate, key: shown.key } : {};
  const socket: TLSSocket = connect({
    socket: raw,
    ca: gateway.ca,
    servername: 'localhost',
    ...proof,
    ...(session && { session }),
  });
  sockets.push(socket.on('error', () => undefined));
  const tickets: Buffer[] = [];
  socket.on('session', (ticket) => tickets.push(ticket));
  let heard = '';
  socket.on('data', (bytes) => {
    heard += String(bytes);
  });
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(heard)) await once(socket, 'data');
  };
  if (listener !== 'starttls') await until(/^220 /m);
  socket.write('EHLO client.example\r\n');
  await until(/^250 /m);
  heard = '';
  socket.write(
    `AUTH OAUTHBEARER ${Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`).toString('base64')}\r\n`,
  );
  await until(/\r\n/);
  if (heard.startsWith('334')) {
    heard = '';
    socket.write('AQ==\r\n');
    await until(/\r\n/);
  }
  return { code: heard.slice(0, 3), session: tickets.at(-1), resumed: socket.isSessionReused() };
}

const lastReason = (): string => {
  const failures = gateway.journal
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'loginFailed');
  const { code, reason } = failures.at(-1) ?? {};
  return `${code}: ${reason}`;
};

describe.each(['starttls', 'implicit', 'proxied'] as const)('on a connection by %s', (listener) => {
  it('is good with its certificate', async () => {
    expect((await attempt({ listener, shown: device, token: boundTo(device) })).code).toBe('235');
  });

  it('is refused with another, and the operator reads with which', async () => {
    expect((await attempt({ listener, shown: other, token: boundTo(device) })).code).toBe('535');
    expect(lastReason()).toBe(
      `token-bound: bound to the client certificate ${thumbprint(device)} (cnf.x5t#S256); this connection was made with ${thumbprint(other)}`,
    );
  });
});

describe('a token that is bound', () => {
  it.each(['starttls', 'implicit', 'deaf'] as const)(
    'is refused without a certificate by %s',
    async (listener) => {
      expect((await attempt({ listener, token: boundTo(device) })).code).toBe('535');
      expect(lastReason()).toMatch(
        /^token-bound: .* none was shown\. A listener asks for one with clientCertificate/,
      );
    },
  );

  it('is refused where the listener does not ask: what a client would show is never seen', async () => {
    expect((await attempt({ listener: 'deaf', shown: device, token: boundTo(device) })).code).toBe('535');
  });

  it('is good with a certificate of nobody known: the key is what counts (RFC 8705 §2.2)', async () => {
    expect((await attempt({ shown: selfMade, token: boundTo(selfMade) })).code).toBe('235');
  });

  it('stays bound when it was good on another connection a moment ago', async () => {
    const token = boundTo(device);
    const together = [device, other, undefined, device].map((shown) => attempt({ shown, token }));
    expect((await Promise.all(together)).map(({ code }) => code)).toEqual(['235', '535', '535', '235']);
    expect((await attempt({ token })).code).toBe('535');
  });

  it('is never good for what an earlier connection showed: none is resumed where certificates are asked for', async () => {
    const { session } = await attempt({ shown: device, token: boundTo(device) });
    expect(await attempt({ token: boundTo(device), session })).toMatchObject({ code: '535', resumed: false });
  });
});

it('a bearer token is good with any certificate and without', async () => {
  for (const shown of [device, undefined]) {
    expect((await attempt({ shown, token: gateway.mint({}) })).code).toBe('235');
  }
});
