// What takes a socket over right after its PROXY header: TLS and HTTP find the bytes that came in the same segment.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { testCertificate } from '../../support/certificates.ts';
import { v1, v2 } from './headers.ts';
import { openTestPort, readAll } from './port-situation.ts';

const SOURCE = '192.0.2.1';
const HEADERS = { v1: v1({ source: SOURCE }), v2: v2({ source: SOURCE, checksum: true }) };
const CASES = (['v1', 'v2'] as const).flatMap((version) =>
  (['TLSv1.2', 'TLSv1.3'] as const).flatMap((tls) => [
    { version, tls, cut: undefined },
    // The first segment holds a part of the ClientHello; the rest comes when TLS has taken the socket over.
    { version, tls, cut: 40 },
  ]),
);

it.each(CASES)(
  '$version and a $tls ClientHello in one segment (cut: $cut)',
  async ({ version, tls, cut }) => {
    const { ca, certificate, key } = await testCertificate();
    const { connect, next } = await openTestPort();
    const wire = withFirstSegment(await connect(), HEADERS[version], cut);
    const client = connectTls({
      socket: wire,
      ca,
      servername: 'localhost',
      minVersion: tls,
      maxVersion: tls,
    });
    const { socket, peer } = await next();
    expect(peer.address).toBe(SOURCE);
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: createSecureContext({ cert: certificate, key }),
    });
    await Promise.all([once(secure, 'secure'), once(client, 'secureConnect')]);
    expect(secure.getProtocol()).toBe(tls satisfies SecureVersion);
    client.end('EHLO client.example.org\r\n');
    expect((await readAll(secure)).toString()).toBe('EHLO client.example.org\r\n');
  },
);

it.each(['v1', 'v2'] as const)('%s and the beginning of an HTTP request in one segment', async (version) => {
  const { port, connect } = await openTestPort();
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    response.end(`${request.method} ${body}`);
  });
  port.handTo(({ socket }) => void server.emit('connection', socket));
  const client = await connect();
  const request =
    'POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\n12345';
  client.write(Buffer.concat([HEADERS[version], Buffer.from(request)]));
  setTimeout(() => client.write('67890'), 20);
  expect((await readAll(client)).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*POST 1234567890/s);
});

/** What is written first leaves together with `header`, in one segment; beyond `cut` bytes it waits a little. */
function withFirstSegment(socket: Socket, header: Buffer, cut = Number.MAX_SAFE_INTEGER): Duplex {
  let isFirst = true;
  const wire = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      if (!isFirst) return void socket.write(chunk, done);
      isFirst = false;
      socket.write(Buffer.concat([header, chunk.subarray(0, cut)]));
      setTimeout(() => socket.write(chunk.subarray(cut), done), cut < chunk.length ? 20 : 0);
    },
    final(done) {
      socket.end(done);
    },
  });
  socket.on('data', (chunk) => wire.push(chunk));
  socket.on('end', () => wire.push(null));
  return wire;
}
