// The inspection as a whole: several ports, closed ones, a domain besides.

import { afterEach, describe, expect, it } from 'vitest';
import { inspect, USUAL_PORTS } from '../../../src/inspection/inspect.ts';
import { type BadServer, startBadServer } from '../../support/bad-server.ts';
import { lookupIn } from './dns/zone.ts';

const servers: BadServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start(mode: 'starttls' | 'implicit'): Promise<BadServer> {
  const server = await startBadServer(mode);
  servers.push(server);
  return server;
}

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = await startBadServer('starttls');
  await server.close();
  return server.port;
}

const look = (more: Partial<Parameters<typeof inspect>[0]>) =>
  inspect({
    host: 'localhost',
    address: '127.0.0.1',
    ports: USUAL_PORTS,
    portsChosen: false,
    ca: servers[0]?.ca,
    relayTo: 'stranger@example.net',
    signIn: undefined,
    domain: undefined,
    withTranscript: false,
    limits: { answer: 20_000, whole: 60_000 },
    ...more,
  });

const reached = (report: Awaited<ReturnType<typeof look>>) =>
  report.ports.map(({ findings }) => findings.find(({ check }) => check === 'reached')?.level ?? 'open');

describe('the usual ports', () => {
  it('are those of other servers, of STARTTLS and of implicit TLS', () => {
    expect(USUAL_PORTS).toEqual([
      { port: 25, mode: 'relay' },
      { port: 587, mode: 'starttls' },
      { port: 465, mode: 'implicit' },
    ]);
  });

  it('may be closed while one is open: no submission is a warning, no port 25 is none', async () => {
    const server = await start('starttls');
    const report = await look({
      ports: [
        { port: await closedPort(), mode: 'relay' },
        { port: server.port, mode: 'starttls' },
        { port: await closedPort(), mode: 'implicit' },
      ],
    });
    expect(reached(report)).toEqual(['ok', 'open', 'warning']);
    expect(report.verdict).toBe('warning');
  });

  it('are a problem each where none is open', async () => {
    const report = await look({
      ports: [
        { port: await closedPort(), mode: 'relay' },
        { port: await closedPort(), mode: 'implicit' },
      ],
    });
    expect(reached(report)).toEqual(['problem', 'problem']);
    for (const { findings } of report.ports) expect(findings[0]?.advice).toMatch(/\S/);
  });

  it('are a problem where somebody asked for them', async () => {
    const server = await start('starttls');
    const ports = [
      { port: server.port, mode: 'starttls' as const },
      { port: await closedPort(), mode: 'relay' as const },
    ];
    expect(reached(await look({ ports, portsChosen: true }))).toEqual(['open', 'problem']);
  });
});

describe('the report', () => {
  it('counts every finding, those on the domain too', async () => {
    const server = await start('implicit');
    const lookup = lookupIn({ texts: { 'example.org': ['v=spf1 +all'] } });
    const report = await look({
      ports: [{ port: server.port, mode: 'implicit' }],
      domain: { domain: 'example.org', selectors: [], lookup },
    });
    const findings = [...report.ports, report.domain].flatMap((part) => part?.findings ?? []);
    for (const level of ['ok', 'warning', 'problem'] as const)
      expect(report.counts[level]).toBe(findings.filter((finding) => finding.level === level).length);
    expect(report.counts.problem).toBe(1);
    expect(report.verdict).toBe('problem');
  });

  it('has a transcript only where it was asked for', async () => {
    const server = await start('implicit');
    const ports = [{ port: server.port, mode: 'implicit' as const }];
    expect((await look({ ports })).ports[0]?.transcript).toBeNull();
    expect((await look({ ports, withTranscript: true })).ports[0]?.transcript?.length).toBeGreaterThan(10);
  });
});
