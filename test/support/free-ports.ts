// Owns the choice of ports that stay free while a server on them is stopped and started again.

import { createServer } from 'node:net';

// Below the range of which Linux gives ports to outgoing connections and to `listen(0)` (ip_local_port_range), else one of those
// could be on the port meanwhile; and each of the workers that run side by side has a part of its own.
const LOWEST = 10_000;
const PARTS = 4;
const PART = 2_500;
const ours = LOWEST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % PARTS) * PART;

/** Ports of 127.0.0.1 on which nobody listens, each another one. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = ours + Math.floor(Math.random() * PART);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
