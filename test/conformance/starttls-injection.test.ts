// STARTTLS command and response injection (CVE-2011-0411; "Why TLS Is Better Without STARTTLS", USENIX Security 2021):
// what stands in clear text behind STARTTLS, or behind the answer to it, never counts inside TLS.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCertificate } from '../support/certificates.ts';
import type { PlayableGateway } from '../support/dialogue.ts';
import { raw } from '../support/scripted-upstream.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { connectTo, openSession, signIn, signInCommand } from '../support/smtp-session.ts';
import { startTestGateway } from '../support/test-gateway.ts';

describe('commands behind STARTTLS', () => {
  let gateway: PlayableGateway;
  let payloads: Record<string, string>;
  let injected: string;

  beforeAll(async () => {
    gateway = await startTestGateway();
    const login = await signInCommand(gateway);
    injected = tokenIdOf(login);
    payloads = {
      'one command': 'NOOP\r\n',
      'a whole session': `EHLO evil\r\n${login}\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\n`,
      'half a command': 'MAIL FROM:<alice@exam',
      'an open SASL exchange': 'EHLO evil\r\nAUTH OAUTHBEARER\r\n',
      'more commands than are handled in one turn': 'NOOP\r\n'.repeat(500),
      'more bytes than fit in one read': `NOOP ${'x'.repeat(4000)}\r\n`.repeat(40),
      'a line that never ends': 'x'.repeat(100_000),
      QUIT: 'QUIT\r\n',
    };
  });

  afterAll(() => gateway.close());

  /** The session inside TLS is new: every reply belongs to a command of its own, and nothing has been said before. */
  async function expectFreshSession(client: SmtpClient): Promise<void> {
    expect(await client.command('AUTH OAUTHBEARER')).toEqual([expect.stringMatching(/^503 5\.5\.1 /)]);
    expect((await client.command('EHLO client.example')).join()).toContain('AUTH OAUTHBEARER');
    expect(await client.command('RCPT TO:<bob@example.net>')).toEqual([
      expect.stringMatching(/^530 5\.7\.0 /),
    ]);
    await signIn(gateway, client);
    expect(await client.command('RCPT TO:<bob@example.net>')).toEqual([
      expect.stringMatching(/^503 5\.5\.1 /),
    ]);
    expect(await client.command('QUIT')).toEqual([expect.stringMatching(/^221 /)]);
    await client.readEnd();
  }

  test.each(['one command', 'a whole session', 'half a command', 'an open SASL exchange', 'QUIT'])(
    'in the same segment, dropped: %s',
    async (name) => {
      const client = await connectTo(gateway, 'starttls');
      await client.write(`STARTTLS\r\n${payloads[name]}`);
      expect(await client.readReply()).toEqual(['220 2.0.0 Ready to start TLS']);
      await client.startTls();
      await expectFreshSession(client);
    },
  );

  // With this much on its way, some of it arrives after the server has begun to speak TLS: then there is no session at all.
  test.each([
    'more commands than are handled in one turn',
    'more bytes than fit in one read',
    'a line that never ends',
  ])('in many segments, dropped or the connection with it: %s', async (name) => {
    const client = await connectTo(gateway, 'starttls');
    await client.write(`STARTTLS\r\n${payloads[name]}`);
    expect(await client.readLine()).toBe('220 2.0.0 Ready to start TLS');
    const shaken = await client.startTls().then(
      () => true,
      () => false,
    );
    if (shaken) await expectFreshSession(client);
    client.destroy();
  });

  test('after the answer to STARTTLS in place of a handshake: no answer, no effect', async () => {
    const client = await connectTo(gateway, 'starttls');
    expect(await client.command('STARTTLS')).toEqual(['220 2.0.0 Ready to start TLS']);
    await client.write(payloads['a whole session'] ?? '');
    // A TLS alert, perhaps; never a reply.
    await expect(client.readLine()).rejects.toThrow(/closed the connection/);
    expect(client.unread).not.toMatch(/\d{3}[ -]/);
  });

  test('nobody was signed in by any of it, and nothing reached the upstream', () => {
    const commands = gateway.upstream.connections.flatMap((connection) => connection.commands);
    expect(commands).toEqual([]);
    const events = gateway.journal.map((line) => JSON.parse(line));
    expect(events.filter(({ event }) => event === 'loginSucceeded').length).toBeGreaterThan(0);
    expect(events.filter(({ event, tokenId }) => event === 'loginSucceeded' && tokenId === injected)).toEqual(
      [],
    );
  });
});

describe('replies behind the upstream’s answer to STARTTLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-test-'));
  const ca = join(folder, 'ca.pem');

  beforeAll(async () => writeFileSync(ca, (await testCertificate()).ca));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function gatewayWithUpstreamTls(tls: 'starttls' | 'none' = 'starttls'): Promise<PlayableGateway> {
    return await startTestGateway({
      upstream: { tls, keywords: ['PIPELINING', 'SIZE 1000000'] },
      relay: { tls: 'starttls', ca, serverName: 'localhost' },
    });
  }

  test('without any, mail goes through inside TLS', async () => {
    const gateway = await gatewayWithUpstreamTls();
    const client = await openSession(gateway, 'implicit');
    expect(await client.command('MAIL FROM:<alice@example.org>')).toEqual(['250 2.1.0 sender ok']);
    expect(gateway.upstream.connections.map(({ secure }) => secure)).toEqual([true]);
    client.destroy();
    await gateway.close();
  });

  test('an EHLO reply in clear text is not believed', async () => {
    const gateway = await gatewayWithUpstreamTls();
    gateway.upstream.on('STARTTLS', raw('220 go on\r\n250-evil\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n'));
    const client = await openSession(gateway, 'implicit');
    const [reply = ''] = await client.command('MAIL FROM:<alice@example.org>');
    expect(reply).toMatch(/^(250 2\.1\.0 sender ok|451 4\.4\.)/);
    const offered = (await client.command('EHLO client.example')).join(' ');
    expect(offered).not.toMatch(/SMTPUTF8|8BITMIME/);
    client.destroy();
    await gateway.close();
  });

  test.each([
    ['does not offer STARTTLS', 'none', undefined],
    ['refuses STARTTLS for now', 'starttls', '454 4.7.0 not now\r\n'],
    ['does not know STARTTLS after all', 'starttls', '500 5.5.1 what\r\n'],
    ['says yes and goes on in clear text', 'starttls', '220 go on\r\n250 ok\r\n250 ok\r\n'],
  ] as const)('an upstream that %s gets no mail in clear text', async (_name, tls, answer) => {
    const gateway = await gatewayWithUpstreamTls(tls);
    if (answer) gateway.upstream.on('STARTTLS', raw(answer));
    const client = await openSession(gateway, 'implicit');
    const [reply = ''] = await client.command('MAIL FROM:<alice@example.org>');
    const inClear = gateway.upstream.connections.filter(({ secure }) => !secure);
    expect(inClear.flatMap(({ commands }) => commands.filter((line) => line.startsWith('MAIL')))).toEqual([]);
    if (!answer?.startsWith('220')) expect(reply).toMatch(/^451 4\.4\./);
    client.destroy();
    await gateway.close();
  });
});

/** `jti` of the token in an AUTH command. */
function tokenIdOf(command: string): string {
  const response = Buffer.from(command.split(' ')[2] ?? '', 'base64').toString();
  const claims = response.split('.')[1] ?? '';
  return JSON.parse(Buffer.from(claims, 'base64url').toString()).jti;
}
