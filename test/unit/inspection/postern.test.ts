// Postern's own door under inspection, as it is in production: nothing to complain of, and little to put up with.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';
import { lookAt } from './look-at.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(() => gateway.close());

describe.each(['starttls', 'implicit'] as const)('Postern with %s', (mode) => {
  it('has nothing but ok, a sign-in included', async () => {
    const port = { port: gateway.ports[mode], ca: gateway.ca };
    const token = await gateway.token('good');
    const { complaints, report } = await lookAt(port, { mode, signIn: { token, user: 'alice@example.org' } });
    expect(complaints).toEqual([]);
    expect(report.counts.ok).toBeGreaterThan(13);
    expect(report.ports[0]?.findings.filter(({ check }) => check === 'signed-in')).toHaveLength(2);
  });

  it('begins no message at the mail server behind', () => {
    const commands = gateway.upstream.connections.flatMap((connection) => connection.commands);
    expect(commands.filter((line) => /^(DATA|BDAT)/i.test(line))).toEqual([]);
    expect(commands.filter((line) => /^RCPT/i.test(line)).join()).not.toContain('example.net');
  });
});
