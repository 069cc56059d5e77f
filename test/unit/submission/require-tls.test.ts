// REQUIRETLS (RFC 8689) rests on TLS on both sides: where one lacks it, it is neither offered nor taken.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { testCertificate } from '../../support/certificates.ts';
import { POLITE_KEYWORDS } from '../../support/scripted-upstream.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { connectTo, openSession } from '../../support/smtp-session.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';

let gateway: TestGateway;
let client: SmtpClient | undefined;
let folder: string;

afterEach(async () => {
  client?.destroy();
  await gateway.close();
  rmSync(folder, { recursive: true });
});

async function startBehind(
  tls: 'none' | 'starttls' | 'implicit',
  keywords = [...POLITE_KEYWORDS, 'REQUIRETLS'],
) {
  folder = mkdtempSync(join(tmpdir(), 'postern-require-tls-'));
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, (await testCertificate()).ca);
  gateway = await startTestGateway({
    upstream: { tls, keywords },
    relay: { tls, ...(tls === 'none' ? {} : { ca, serverName: 'localhost' }) },
    upstreamKnown: true,
  });
}

const offered = (reply: readonly string[]) => reply.some((line) => /^250[ -]REQUIRETLS$/.test(line));

describe.each(['starttls', 'implicit'] as const)('with the upstream behind %s', (tls) => {
  test('it is offered inside TLS only, and goes on; the message’s own wish stays in it', async () => {
    await startBehind(tls);
    const clear = await connectTo(gateway, 'starttls');
    expect(offered(await clear.command('EHLO client.example'))).toBe(false);
    clear.destroy();
    client = await openSession(gateway, 'starttls');
    expect(offered(await client.command('EHLO client.example'))).toBe(true);
    await client.write('MAIL FROM:<alice@example.org> requiretls\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n');
    for (const code of [/^250/, /^250/, /^354/]) expect(await client.readLine()).toMatch(code);
    await client.write('From: alice@example.org\r\nTLS-Required:  No \r\n\r\nText\r\n.\r\n');
    expect(await client.readLine()).toMatch(/^250/);
    const [message] = gateway.upstream.accepted;
    expect(message?.mailFrom).toBe('<alice@example.org> REQUIRETLS');
    // RFC 8689 §5: to be ignored beside REQUIRETLS, but not taken out.
    expect(message?.text).toContain('\r\nTLS-Required:  No \r\n');
  });
});

test('with the upstream in clear text its offer counts for nothing', async () => {
  await startBehind('none');
  client = await openSession(gateway, 'implicit');
  expect(offered(await client.command('EHLO client.example'))).toBe(false);
  expect(await client.command('MAIL FROM:<alice@example.org> REQUIRETLS')).toEqual([
    expect.stringMatching(/^550 5\.7\.30 REQUIRETLS support required \[/),
  ]);
  expect(gateway.upstream.connections[0]?.received.toString()).not.toContain('MAIL');
});

test('with an upstream that has TLS without it, neither', async () => {
  await startBehind('implicit', POLITE_KEYWORDS);
  client = await openSession(gateway, 'implicit');
  expect(offered(await client.command('EHLO client.example'))).toBe(false);
  expect((await client.command('MAIL FROM:<alice@example.org> REQUIRETLS'))[0]).toMatch(/^550 5\.7\.30 /);
});
