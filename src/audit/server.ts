// Owns the operator's pages: /health, /ready and /metrics.

import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance } from 'fastify';
import type { SocketAddress } from '../setting.ts';
import type { Metrics } from './metrics.ts';
import { scrubText } from './scrub.ts';

/** `true` is ready; `false` or a text that says why is not. */
export type ReadinessCheck = () => Promise<boolean | string>;

interface CheckResult {
  readonly ready: boolean;
  readonly reason?: string;
}

/** A balancer asks every few seconds; a check that hangs must not hang its question. */
const CHECK_MILLISECONDS = 2_000;
const MAX_CONNECTIONS = 100;

export function createAuditServer(options: {
  readonly metrics: Metrics;
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly checkMilliseconds?: number;
}): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 1024,
    requestTimeout: 10_000,
    connectionTimeout: 30_000,
    forceCloseConnections: true,
  });
  // Beyond the reach of strangers, as a rule; and if not, they must not get the files that mail needs.
  app.server.maxConnections = MAX_CONNECTIONS;
  const readiness = shared(() => runChecks(options.checks, options.checkMilliseconds ?? CHECK_MILLISECONDS));

  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: 'Not found. There is /health, /ready and /metrics.' }),
  );

  app.get('/health', async () => ({ status: 'ok' }));

  app.get('/ready', async (_request, reply) => {
    const checks = await readiness();
    const ready = Object.values(checks).every((check) => check.ready);
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready', checks });
  });

  app.get('/metrics', async (_request, reply) =>
    reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics()),
  );

  return app;
}

/** @returns the address bound */
export async function listenAudit(app: FastifyInstance, address: SocketAddress): Promise<SocketAddress> {
  await app.listen({ host: address.host === '' ? '::' : address.host, port: address.port });
  const bound = app.server.address() as AddressInfo;
  return { host: bound.address, port: bound.port };
}

async function runChecks(
  checks: Readonly<Record<string, ReadinessCheck>>,
  milliseconds: number,
): Promise<Record<string, CheckResult>> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await runCheck(check, milliseconds)] as const),
  );
  return Object.fromEntries(results);
}

async function runCheck(check: ReadinessCheck, milliseconds: number): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${milliseconds} ms`), milliseconds);
  });
  try {
    const answer = await Promise.race([check(), late]);
    return answer === true
      ? { ready: true }
      : { ready: false, reason: answer === false ? 'not ready' : String(scrubText(answer)) };
  } catch (error) {
    return { ready: false, reason: String(scrubText(error instanceof Error ? error.message : 'failed')) };
  } finally {
    clearTimeout(timer);
  }
}

/** Many questions at once share one run: asking often must not load the store or the upstream. */
function shared<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
}
