// Owns an HAProxy of a test's own: its configuration in a folder, its ports on loopback, what it thinks of those behind it.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { freePorts } from './ports.ts';
import { programEnvironment } from './program.ts';
import { startServerProcess } from './server-process.ts';

export interface HAProxyOptions {
  /** By name: what stands on the `server` line after the address, such as `send-proxy check`. */
  readonly routes: Readonly<Record<string, HAProxyRoute>>;
}

export interface HAProxyRoute {
  /** Port on 127.0.0.1 to pass connections on to. */
  readonly to: number;
  readonly server: string;
  /** Address to listen on instead of 127.0.0.1. */
  readonly host?: string;
  /** HAProxy ends the client's TLS; otherwise it passes on what it gets. */
  readonly tls?: boolean;
  /** Further lines, such as `option smtpchk`. */
  readonly lines?: readonly string[];
}

/** What HAProxy says of a server: `show stat`, as CSV. */
export interface ServerState {
  /** `UP`, `DOWN`, or `no check`. */
  readonly status: string;
  /** `L4OK`, `L7OK`, `L7STS`, …; with `* ` in front while a check is under way. */
  readonly check: string;
  readonly failures: number;
}

export interface HAProxy {
  /** Where it listens for a route. */
  port(route: string): number;
  state(route: string): Promise<ServerState>;
  lines(): readonly string[];
  close(): Promise<void>;
}

export async function startHAProxy({ routes }: HAProxyOptions): Promise<HAProxy> {
  const folder = makeFolder('haproxy');
  const names = Object.keys(routes);
  const [pages, ...ports] = (await freePorts(names.length + 1)) as [number, ...number[]];
  const portOf = (name: string): number => {
    const port = ports[names.indexOf(name)];
    if (port === undefined) throw new Error(`HAProxy has no route ${name}`);
    return port;
  };
  const { certificate, key } = await testCertificate();
  writeFileSync(join(folder, 'server.pem'), `${certificate}\n${key}`, { mode: 0o600 });
  const sections = names.map((name) =>
    section({ name, port: portOf(name), route: routes[name] as HAProxyRoute, folder }),
  );
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, [GLOBAL, statistics(pages), ...sections].join('\n'));
  const running = await startServerProcess('haproxy', ['-W', '-f', file], {
    folder,
    environment: programEnvironment(folder),
    isReady: (line) => line.includes('Loading success'),
  });

  return {
    port: portOf,
    lines: () => running.lines,
    async state(name) {
      const text = await (await fetch(`http://127.0.0.1:${pages}/;csv`)).text();
      const [head = [], ...rows] = text.split('\n').map((row) => row.replace(/^# /, '').split(','));
      const row = rows.find(([proxy, server]) => proxy === name && server === 'postern');
      const field = (column: string) => row?.[head.indexOf(column)] ?? '';
      return { status: field('status'), check: field('check_status'), failures: Number(field('chkfail')) };
    },
    async close() {
      await running.end('SIGTERM');
      removeFolder(folder);
    },
  };
}

const GLOBAL = `global
  stats timeout 5s
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout check 5s
  # To the end of a check that a slow machine takes.
  default-server inter 200ms
`;

const statistics = (port: number): string => `frontend statistics
  bind 127.0.0.1:${port}
  mode http
  stats enable
  stats uri /
`;

function section(given: { name: string; port: number; route: HAProxyRoute; folder: string }): string {
  const { name, port, route, folder } = given;
  const tls = route.tls ? ` ssl crt ${join(folder, 'server.pem')}` : '';
  const lines = [
    `listen ${name}`,
    `bind ${route.host ?? '127.0.0.1'}:${port}${tls}`,
    'unique-id-format %{+X}o\\ %ci:%cp_%Ts_%rt',
    ...(route.lines ?? []),
    `server postern 127.0.0.1:${route.to} ${route.server}`,
  ];
  return `${lines.join('\n  ')}\n`;
}
