// Listeners that ask mail clients for a certificate: whom they let in, and that a token is asked for all the same.

import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, type Issued, makeAuthority } from '../../support/certificate-maker.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';

const listen = { host: '127.0.0.1', port: 0 };
let authority: Authority;
let device: Issued;
let stranger: Issued;
let gateway: TestGateway | undefined;
const sockets: Socket[] = [];

beforeAll(async () => {
  authority = await makeAuthority('Devices');
  device = await authority.issue({ names: [], commonName: 'scanner', usage: 'client' });
  stranger = await (await makeAuthority('Others')).issue({ names: [], usage: 'client' });
});
afterEach(() => sockets.splice(0).forEach((socket) => void socket.destroy()));
afterAll(() => gateway?.close());

async function start(clientCertificate: 'none' | 'optional' | 'required'): Promise<TestGateway> {
  await gateway?.close();
  gateway = await startTestGateway({
    clientAuthorities: authority.certificate,
    submission: {
      listeners: [
        { listen, tls: 'starttls', clientCertificate },
        { listen, tls: 'implicit', clientCertificate },
      ],
    },
  });
  return gateway;
}

/** What the client hears first under TLS: a reply to EHLO, or nothing where the connection ends. */
async function hear(port: 'starttls' | 'implicit', shown: Issued | undefined): Promise<string> {
  const { host, ports, ca } = gateway as TestGateway;
  const raw = connectTcp({ host, port: ports[port] });
  sockets.push(raw.on('error', () => undefined));
  if (port === 'starttls') {
    await once(raw, 'data');
    raw.write('STARTTLS\r\n');
    await once(raw, 'data');
  }
  const proof = shown ? { cert: shown.certificate, key: shown.key } : {};
  const socket: TLSSocket = connect({ socket: raw, ca, servername: 'localhost', ...proof });
  sockets.push(socket.on('error', () => undefined));
  let heard = '';
  socket.on('data', (bytes) => {
    heard += String(bytes);
  });
  socket.write('EHLO client.example\r\n');
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.on('data', () => /^250 /m.test(heard) && resolve());
  });
  return heard;
}

describe.each(['starttls', 'implicit'] as const)('%s', (port) => {
  it('required: only a certificate of the authorities gets as far as EHLO', async () => {
    await start('required');
    expect(await hear(port, device)).toContain('250 AUTH');
    expect(await hear(port, undefined)).toBe('');
    expect(await hear(port, stranger)).toBe('');
  });

  it('optional: everybody gets that far', async () => {
    await start('optional');
    for (const shown of [device, undefined, stranger]) expect(await hear(port, shown)).toContain('250 AUTH');
  });

  it('none: nobody is asked', async () => {
    await start('none');
    for (const shown of [device, undefined]) expect(await hear(port, shown)).toContain('250 AUTH');
  });
});
