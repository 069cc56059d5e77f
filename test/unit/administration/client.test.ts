// The asking side of the administration socket: a whole exchange, and every way in which none comes about.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAdministrationClient } from '../../../src/administration/client.ts';
import { createAdministration } from '../../../src/administration/server.ts';
import { ALICE, ALICE_PHONE, BOB, situation } from './situation.ts';

let folder: string;
let socket: string;
const closing: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-admin-'));
  socket = join(folder, 'admin.sock');
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true });
});

async function postern() {
  const door = situation(ALICE, ALICE_PHONE, BOB);
  const administration = createAdministration({ ...door, settings: { socket } });
  await administration.listen();
  closing.push(() => administration.close());
  return door;
}

async function impostor(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
}

const answering = (listener: RequestListener) => impostor(createHttpServer(listener));
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it should have failed'),
    (error: { kind: string; message: string }) => error,
  );

describe('over the socket', () => {
  it('sessions are listed, by address and client', async () => {
    await postern();
    const client = createAdministrationClient({ socket });
    expect(await client.sessions({})).toHaveLength(3);
    expect(await client.sessions({ person: 'alice@example.org', client: 'phone' })).toMatchObject([
      { id: ALICE_PHONE.id, state: 'in-message' },
    ]);
  });

  it('access is ended and given back', async () => {
    const door = await postern();
    const client = createAdministrationClient({ socket });
    expect(await client.revoke({ person: 'alice@example.org', disable: true, cause: 'ärger' })).toMatchObject(
      {
        action: 'disable-person',
        grants: 2,
        sessions: [{ id: ALICE.id }, { id: ALICE_PHONE.id }],
      },
    );
    expect(await client.enable({ person: 'alice@example.org', cause: 'x' })).toMatchObject({ found: true });
    expect(door.calls[0]).toContain('ärger');
  });

  it('hears why a request makes no sense', async () => {
    await postern();
    const client = createAdministrationClient({ socket });
    expect(await failureOf(client.sessions({ person: 'nobody' }))).toMatchObject({
      kind: 'refused',
      message: 'person is not a mail address',
    });
  });
});

describe('without an answer', () => {
  const ask = (timeout = 10_000) => failureOf(createAdministrationClient({ socket, timeout }).sessions({}));

  it('there is no socket', async () => {
    expect(await ask()).toMatchObject({ kind: 'not-running', message: expect.stringContaining(socket) });
  });

  it('nobody listens', async () => {
    await impostor(createServer());
    await closing.pop()?.();
    expect((await ask()).kind).toBe('not-running');
  });

  it('there cannot be a socket', async () => {
    await postern();
    const client = createAdministrationClient({ socket: join(folder, 'admin.sock', 'below') });
    expect((await failureOf(client.sessions({}))).kind).toBe('not-running');
  });

  it.runIf(process.getuid?.() === 0)('it is another user’s socket', async () => {
    await postern();
    chmodSync(folder, 0o755);
    // The connection is begun within the call, so the other user is there for that only.
    process.seteuid?.(65_534);
    const asked = ask();
    process.seteuid?.(0);
    expect(await asked).toMatchObject({ kind: 'not-allowed', message: expect.stringContaining(socket) });
  });

  it('it hangs', async () => {
    const held: Socket[] = [];
    await impostor(createServer((connection) => void held.push(connection)));
    const failure = await ask(200);
    for (const connection of held) connection.destroy();
    expect(failure).toMatchObject({ kind: 'late', message: expect.stringContaining('did not answer') });
  });

  it('it is no Postern', async () => {
    await impostor(createServer((connection) => connection.resume().end('220 mail.example.org ESMTP\r\n')));
    expect((await ask()).kind).toBe('failed');
  });

  it('it answers in another language', async () => {
    await answering((_request, response) => response.end('<html>'));
    expect(await ask()).toMatchObject({ kind: 'failed', message: expect.stringContaining('status 200') });
  });

  it('it breaks off', async () => {
    await answering((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"sessions":[', () => response.destroy());
    });
    expect((await ask()).kind).toBe('failed');
  });
});
