// Where this machine's own OpenSSL will not speak an old version: nothing is said of the server then.

import { afterEach, expect, it, vi } from 'vitest';
import { type BadServer, startBadServer } from '../../support/bad-server.ts';
import { lookAt } from './look-at.ts';

vi.mock(import('node:tls'), async (original) => {
  const tls = await original();
  const connect = (options: { maxVersion?: string }) => {
    if (options.maxVersion === 'TLSv1') throw Object.assign(new Error(), { code: 'ERR_SSL_NO_CIPHER_MATCH' });
    return tls.connect(options as never);
  };
  return { ...tls, connect: connect as never };
});

let server: BadServer | undefined;

afterEach(() => server?.close());

it.each(['starttls', 'implicit'] as const)('is told as such, on a port with %s', async (mode) => {
  server = await startBadServer(mode, { versions: ['TLSv1', 'TLSv1.3'] });
  const { complaints } = await lookAt(server, { mode });
  expect(complaints.map(({ level, means }) => [level, means])).toEqual([
    ['problem', expect.stringContaining('TLSv1.1 still taken')],
    ['warning', expect.stringContaining('TLSv1 could not be tried')],
  ]);
});
