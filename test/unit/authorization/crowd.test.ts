import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { boundCrowd, MAX_CONNECTIONS } from '../../../src/authorization/crowd.ts';
import { openTestDoor } from '../../support/authorization-server.ts';

let server: Server;
/** Of the requests that wait for it. */
let held: ServerResponse[];
let sockets: Socket[];

beforeEach(async () => {
  held = [];
  sockets = [];
  server = createServer((request, response) => {
    if (request.url === '/hold') held.push(response);
    else request.resume().on('end', () => response.end('here'));
  });
  boundCrowd(server, 3);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.closeAllConnections();
  server.close();
});

/** Resolves when the server has it. */
async function open(from = '127.0.0.1', text = ''): Promise<Socket> {
  const accepted = once(server, 'connection');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  sockets.push(socket);
  socket.on('error', () => {});
  socket.resume();
  await Promise.all([accepted, once(socket, 'connect')]);
  if (text !== '') socket.write(text);
  return socket;
}

const isClosed = (socket: Socket) => Promise.race([once(socket, 'close').then(() => true), later()]);
const later = () => new Promise<false>((resolve) => void setTimeout(resolve, 100, false));
const GET = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

async function answerOver(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [chunk] = await once(socket, 'data');
  return String(chunk);
}

test('who comes last is served, and the oldest of those that are idle has gone', async () => {
  const [first, second, third] = [await open(), await open(), await open()];
  const gone = once(first, 'close');
  const last = await open();
  await gone;
  for (const socket of [second, third, last]) expect(await answerOver(socket, GET('/'))).toContain('here');
});

test('half a request and half a body are no better than silence', async () => {
  const head = await open('127.0.0.1', 'GET / HTTP/1.1\r\nX: ');
  const body = await open('127.0.0.1', 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc');
  await once(server, 'request');
  await open();
  const [goneFirst, goneSecond] = [once(head, 'close'), once(body, 'close')];
  await open();
  await goneFirst;
  await open();
  await goneSecond;
});

test('whoever is being answered stays, however many come', async () => {
  const waiting = await open('127.0.0.1', GET('/hold'));
  await once(server, 'request');
  for (let count = 0; count < 10; count += 1) await open();
  const answer = once(waiting, 'data');
  held[0]?.end('at last');
  expect(String((await answer)[0])).toContain('at last');
  // Once answered it is one of the idle, and the oldest.
  const gone = once(waiting, 'close');
  await open();
  await gone;
});

test('a network with many connections takes no place from one with few', async () => {
  const neighbour = await open('127.0.0.2');
  for (let count = 0; count < 10; count += 1) await open('127.0.0.1');
  expect(await isClosed(neighbour)).toBe(false);
  expect(await answerOver(neighbour, GET('/'))).toContain('here');
});

test('where nobody else can go, the newest does', async () => {
  for (let count = 0; count < 3; count += 1) {
    const asked = once(server, 'request');
    await open('127.0.0.1', GET('/hold'));
    await asked;
  }
  await once(await open(), 'close');
  expect(held).toHaveLength(3);
});

test('the web door is bounded so, and serves on', async () => {
  const door = await openTestDoor({ listen: { host: '127.0.0.1', port: 0 } });
  await door.server.listen();
  const { port } = door.server.app.server.address() as AddressInfo;
  let closed = 0;
  for (let count = 0; count < MAX_CONNECTIONS + 20; count += 1) {
    const socket = connect({ port, host: '127.0.0.1' });
    sockets.push(
      socket
        .on('error', () => {})
        .on('close', () => {
          closed += 1;
        })
        .resume(),
    );
    await once(socket, 'connect');
  }
  await vi.waitFor(() => expect(closed).toBe(20), { timeout: 20_000 });
  const answer = await fetch(`http://127.0.0.1:${port}/.well-known/openid-configuration`);
  expect(answer.status).toBe(200);
  for (const socket of sockets) socket.destroy();
  await door.close();
});
