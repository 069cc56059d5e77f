// The administration socket as a file: nobody but its owner can open it, at no moment; stale ones are replaced, live ones are not.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenPrivately } from '../../../src/administration/private-socket.ts';
import { createAdministration } from '../../../src/administration/server.ts';
import { ALICE, situation } from './situation.ts';

let folder: string;
let path: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-admin-'));
  path = join(folder, 'admin.sock');
});

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

function newServer(): Server {
  const server = createServer((socket) => socket.on('error', () => {}).end('here'));
  servers.push(server);
  return server;
}

async function answerAt(path: string): Promise<string> {
  const socket = createConnection(path);
  const chunks = await socket.toArray();
  return chunks.join('');
}

const modeOf = (path: string) => statSync(path).mode & 0o7777;

describe('the file', () => {
  it('can be opened by its owner only, from the moment it is there, whatever the umask of the process', async () => {
    const server = newServer();
    const listen = server.listen.bind(server);
    let first: number | undefined;
    server.listen = ((...args: Parameters<typeof listen>) => {
      const listening = listen(...args);
      first = modeOf(path);
      return listening;
    }) as typeof listen;
    const umask = process.umask(0);
    try {
      await listenPrivately({ server, path });
      expect(process.umask()).toBe(0);
    } finally {
      process.umask(umask);
    }
    expect((first ?? 0o777) & 0o077).toBe(0);
    expect(modeOf(path)).toBe(0o600);
    expect(await answerAt(path)).toBe('here');
  });

  it.runIf(process.getuid?.() === 0)('refuses another user, though the folder is open to them', async () => {
    chmodSync(folder, 0o755);
    await listenPrivately({ server: newServer(), path });
    // connect(2) is called before createConnection returns, so the other user is there for that call only.
    process.seteuid?.(65_534);
    const socket = createConnection(path);
    process.seteuid?.(0);
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'EACCES' });
  });

  it('gets a folder for itself where there is none', async () => {
    const umask = process.umask(0);
    try {
      await listenPrivately({ server: newServer(), path: join(folder, 'run', 'postern', 'admin.sock') });
    } finally {
      process.umask(umask);
    }
    expect(modeOf(join(folder, 'run', 'postern'))).toBe(0o700);
  });

  it('replaces the socket of a process that was killed', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script], { stdio: 'ignore' }), 'exit');
    expect(lstatSync(path).isSocket()).toBe(true);
    await listenPrivately({ server: newServer(), path });
    expect(await answerAt(path)).toBe('here');
    expect(modeOf(path)).toBe(0o600);
  });
});

describe('it is not made', () => {
  const refusal = (at = path) => listenPrivately({ server: newServer(), path: at });

  it('where another Postern answers, which goes on', async () => {
    await listenPrivately({ server: newServer(), path });
    await expect(refusal()).rejects.toThrow(/another Postern is running: it answers at .*admin\.sock/);
    expect(await answerAt(path)).toBe('here');
  });

  it.each(['770', '702', '777', '1777'])('in a folder of mode %s', async (mode) => {
    chmodSync(folder, Number.parseInt(mode, 8));
    await expect(refusal()).rejects.toThrow(/others may write to the folder .* \(mode .*chmod go-w/);
    expect(existsSync(path)).toBe(false);
  });

  it.runIf(process.getuid?.() === 0)('in a folder of another user', async () => {
    mkdirSync(join(folder, 'theirs'), { mode: 0o755 });
    chownSync(join(folder, 'theirs'), 65_534, 65_534);
    await expect(refusal(join(folder, 'theirs', 'admin.sock'))).rejects.toThrow('belongs to another user');
  });

  it('over something that is no socket', async () => {
    writeFileSync(path, 'precious');
    await expect(refusal()).rejects.toThrow('is not a socket; move it away');
    expect(statSync(path).size).toBe(8);
  });

  it('where a file stands in the way of its folder', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(refusal(join(folder, 'file', 'admin.sock'))).rejects.toThrow(
      /cannot make the folder .*file/,
    );
  });

  it('at a path that the system would cut', async () => {
    await expect(refusal(join(folder, 'x'.repeat(108)))).rejects.toThrow('choose a shorter one');
  });
});

describe('the administration', () => {
  const administration = () => createAdministration({ ...situation(ALICE), settings: { socket: path } });

  it('removes its socket at close, twice if asked twice, and can be closed without having listened', async () => {
    const first = administration();
    await first.listen();
    expect(modeOf(path)).toBe(0o600);
    await first.close();
    await first.close();
    expect(existsSync(path)).toBe(false);
    await administration().close();
  });

  it('does not take away the socket of the one that runs', async () => {
    const first = administration();
    await first.listen();
    const second = administration();
    await expect(second.listen()).rejects.toThrow('another Postern is running');
    await second.close();
    expect(existsSync(path)).toBe(true);
    await first.close();
  });

  it('is closed soon, also while somebody holds a connection and says nothing', async () => {
    const held = administration();
    await held.listen();
    const socket = createConnection(path);
    await once(socket, 'connect');
    const started = performance.now();
    await held.close();
    expect(performance.now() - started).toBeLessThan(20_000);
    socket.destroy();
  });
});
