// The operator's pages.

import { describe, expect, onTestFinished, test } from 'vitest';
import { createAudit } from '../../../src/audit/audit.ts';
import { createMetrics } from '../../../src/audit/metrics.ts';
import { createAuditServer, type ReadinessCheck } from '../../../src/audit/server.ts';
import { recordedAudit } from './journal-lines.ts';

function server(checks: Record<string, ReadinessCheck>, checkMilliseconds = 20_000) {
  return createAuditServer({ metrics: createMetrics(), checks, checkMilliseconds });
}

describe('/health', () => {
  test('says ok whatever the checks say', async () => {
    const answer = await server({ store: async () => false }).inject('/health');
    expect([answer.statusCode, answer.json()]).toEqual([200, { status: 'ok' }]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });
});

describe('/ready', () => {
  test('is 200 where every check passes', async () => {
    const answer = await server({ store: async () => true, upstream: async () => true }).inject('/ready');
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { status: 'ready', checks: { store: { ready: true }, upstream: { ready: true } } },
    ]);
  });

  test('is 503 with the reason of each check that does not', async () => {
    const answer = await server(
      {
        fine: async () => true,
        told: async () => 'connection refused',
        silent: async () => false,
        broken: () => Promise.reject(new Error('disk is gone')),
        stuck: () => new Promise(() => {}),
      },
      50,
    ).inject('/ready');
    expect([answer.statusCode, answer.json()]).toEqual([
      503,
      {
        status: 'not ready',
        checks: {
          fine: { ready: true },
          told: { ready: false, reason: 'connection refused' },
          silent: { ready: false, reason: 'not ready' },
          broken: { ready: false, reason: 'disk is gone' },
          stuck: { ready: false, reason: 'no answer within 50 ms' },
        },
      },
    ]);
  });

  test('runs a check once for many questions at a time', async () => {
    let runs = 0;
    let release = () => {};
    const held = new Promise<boolean>((resolve) => {
      release = () => resolve(true);
    });
    const app = server(
      {
        slow: () => {
          runs += 1;
          return held;
        },
      },
      20_000,
    );
    const answers = Promise.all(Array.from({ length: 10 }, () => app.inject('/ready')));
    await expect.poll(() => runs).toBe(1);
    await new Promise((resolve) => setImmediate(resolve));
    release();
    expect((await answers).map((answer) => answer.statusCode)).toEqual(Array(10).fill(200));
    expect(runs).toBe(1);
  });
});

describe('other requests', () => {
  test('/metrics is Prometheus text', async () => {
    const answer = await server({}).inject('/metrics');
    expect(answer.headers['content-type']).toContain('text/plain; version=0.0.4');
    expect(answer.body).toContain('# TYPE postern_sessions_open gauge');
  });

  test('an unknown page names the known ones', async () => {
    const answer = await server({}).inject('/nothing');
    expect([answer.statusCode, answer.body]).toEqual([404, expect.stringContaining('/metrics')]);
  });
});

describe('serve', () => {
  test('listens, counts the process, and lets go of the port', async () => {
    const audit = recordedAudit();
    const { port } = await audit.serve({ checks: {} });
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(await answer.text()).toContain('process_cpu_seconds_total');
    await audit.close();
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
  });

  test('rejects where the port is taken, and closes all the same', async () => {
    const first = recordedAudit();
    const { port } = await first.serve({ checks: {} });
    onTestFinished(() => first.close());
    const second = createAudit({
      settings: { level: 'error', listen: { host: '127.0.0.1', port } },
      destination: { write() {} },
    });
    await expect(second.serve({ checks: {} })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.close();
  });
});
