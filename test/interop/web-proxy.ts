// Owns a reverse proxy of a test's own in front of Postern's web side: a real nginx, HAProxy or Apache, with the lines that an operator
// is given for it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, removeFolder } from './folder.ts';
import { freePorts } from './ports.ts';
import { programEnvironment } from './program.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export type WebProxyKind = 'nginx' | 'haproxy' | 'apache';

export interface WebProxy {
  /** HTTPS, on 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

export interface WebProxyOptions {
  readonly kind: WebProxyKind;
  /** The operator's lines, for a port and files; the rest of its configuration is the test's. */
  lines(port: number): string;
}

export async function startWebProxy({ kind, lines }: WebProxyOptions): Promise<WebProxy> {
  const folder = makeFolder(kind);
  const [port = 0] = await freePorts(1);
  const file = join(folder, `${kind}.conf`);
  const { around, program, parameters, isReady } = PROGRAMS[kind];
  mkdirSync(join(folder, 'temporary'), { mode: 0o777 });
  writeFileSync(file, around(lines(port), folder));
  const options = { folder, environment: programEnvironment(folder), isReady };
  const running: ServerProcess = await startServerProcess(program, parameters(file), options);
  return {
    port,
    async close() {
      await running.end('SIGTERM');
      removeFolder(folder);
    },
  };
}

interface WebProxyProgram {
  readonly program: string;
  parameters(file: string): string[];
  /** What a Debian system has around the operator's lines. */
  around(lines: string, folder: string): string;
  isReady(line: string): boolean;
}

const MODULES = ['mpm_event', 'authn_core', 'authz_core', 'headers', 'ssl', 'proxy', 'proxy_http'];

const PROGRAMS: Readonly<Record<WebProxyKind, WebProxyProgram>> = {
  nginx: {
    program: 'nginx',
    parameters: (file) => ['-c', file, '-e', 'stderr'],
    isReady: (line) => line.includes('start worker process '),
    around: (lines, folder) => `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${folder}/temporary/${name};`).join('\n')}
${lines}
}
`,
  },
  haproxy: {
    program: 'haproxy',
    parameters: (file) => ['-W', '-f', file],
    isReady: (line) => line.includes('Loading success'),
    around: (lines) => `defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${lines}`,
  },
  apache: {
    program: 'apache2',
    parameters: (file) => ['-D', 'FOREGROUND', '-f', file],
    isReady: (line) => line.includes('resuming normal operations'),
    around: (
      lines,
      folder,
    ) => `${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ServerRoot ${folder}
ServerName localhost
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
User www-data
Group www-data
ErrorLog "|/bin/cat"
LogLevel notice
${lines}`,
  },
};
