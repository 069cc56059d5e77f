// Messages of Postern's own, sent through a real door: what arrives, what is told when something is refused.

import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import PostalMime from 'postal-mime';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { type MailerSettings, type OutgoingMessage, sendMail } from '../../../src/relay/mailer.ts';
import { Secret } from '../../../src/setting.ts';
import type { PlayableGateway } from '../../support/dialogue.ts';
import { freePorts } from '../../support/free-ports.ts';
import { reply } from '../../support/scripted-upstream.ts';
import { startTestGateway, type TestGatewayOptions } from '../../support/test-gateway.ts';

const TIMEOUTS = { connect: 2000, silence: 5000 };

let gateway: PlayableGateway;

async function start(options?: TestGatewayOptions): Promise<PlayableGateway> {
  gateway = await startTestGateway(options);
  return gateway;
}

afterEach(async () => {
  await gateway?.close();
});

async function settings(kind: string, more: Partial<MailerSettings> = {}): Promise<MailerSettings> {
  return {
    host: 'localhost',
    port: gateway.ports[more.tls ?? 'starttls'],
    tls: 'starttls',
    ca: gateway.ca,
    user: 'alice@example.org',
    token: new Secret(await gateway.token(kind)),
    timeouts: TIMEOUTS,
    ...more,
  };
}

function message(more: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    from: 'alice@example.org',
    to: ['bob@example.org'],
    cc: [],
    bcc: [],
    subject: 'Hello',
    text: 'Good day.\n',
    attachments: [],
    ...more,
  };
}

describe('a message', () => {
  it.each([
    ['OAUTHBEARER', 'starttls'],
    ['XOAUTH2', 'starttls'],
    ['OAUTHBEARER', 'implicit'],
  ] as const)('signs in with %s over %s and arrives', async (mechanism, tls) => {
    await start({ submission: { mechanisms: [mechanism] } });
    const outcome = await sendMail({ settings: await settings('good', { tls }), message: message() });
    expect(outcome).toMatchObject({ sent: true, accepted: ['bob@example.org'], rejected: [] });
    expect(gateway.upstream.accepted).toHaveLength(1);
    expect(gateway.journal.some((line) => line.includes(`"mechanism":"${mechanism}"`))).toBe(true);
  });

  it('carries subject, body, copies and attachments; blind copies stand in the envelope only', async () => {
    await start();
    const outcome = await sendMail({
      settings: await settings('good'),
      message: message({
        cc: ['carol@example.org'],
        bcc: ['dave@example.org'],
        subject: 'Grüße\r\nBcc: eve@example.org',
        text: Readable.from(['From the start\n', '.\n', 'to the end — ', 'ü\n']),
        attachments: [{ filename: 'räport.bin', content: Readable.from([Buffer.from([0, 1, 2, 255])]) }],
      }),
    });
    expect(outcome).toMatchObject({ sent: true });
    const [arrived] = gateway.upstream.accepted;
    expect(arrived?.recipients.map((recipient) => recipient.split('>')[0])).toEqual([
      '<bob@example.org',
      '<carol@example.org',
      '<dave@example.org',
    ]);
    const parsed = await PostalMime.parse(arrived?.data ?? '');
    expect(parsed.subject).toContain('Grüße');
    expect(parsed.text?.replaceAll('\r\n', '\n').trimEnd()).toBe('From the start\n.\nto the end — ü');
    expect(parsed.attachments[0]?.filename).toBe('räport.bin');
    expect(new Uint8Array(parsed.attachments[0]?.content as ArrayBuffer)).toEqual(
      new Uint8Array([0, 1, 2, 255]),
    );
    expect(parsed.bcc ?? []).toEqual([]);
    expect(arrived?.data.toString()).not.toContain('dave@example.org');
  });

  it('is told to be refused for one recipient and accepted for the other', async () => {
    await start();
    gateway.upstream.on('RCPT', reply('550 5.1.1 no such user'), { match: 'nobody@' });
    const outcome = await sendMail({
      settings: await settings('good'),
      message: message({ to: ['bob@example.org', 'nobody@example.org'] }),
    });
    expect(outcome).toMatchObject({ sent: true, accepted: ['bob@example.org'] });
    expect(outcome.rejected).toEqual([
      { address: 'nobody@example.org', reply: expect.stringContaining('550 5.1.1') },
    ]);
  });
});

describe('a failure is told with its step', () => {
  it('envelope: when every recipient is refused', async () => {
    await start();
    gateway.upstream.on('RCPT', reply('550 5.1.1 no such user'));
    const outcome = await sendMail({ settings: await settings('good'), message: message() });
    expect(outcome).toMatchObject({ sent: false, step: 'envelope' });
    expect(outcome.rejected).toHaveLength(1);
  });

  it('envelope: when the sender is not the person’s', async () => {
    await start();
    const outcome = await sendMail({
      settings: await settings('good'),
      message: message({ from: 'bob@example.org' }),
    });
    expect(outcome).toMatchObject({ sent: false, step: 'envelope', reply: expect.stringMatching(/^550/) });
  });

  it('message: when the upstream refuses what it read', async () => {
    await start();
    gateway.upstream.on('end', reply('554 5.6.0 no'));
    const outcome = await sendMail({ settings: await settings('good'), message: message() });
    expect(outcome).toMatchObject({ sent: false, step: 'message', reply: expect.stringMatching(/^554/) });
  });

  it.each(['OAUTHBEARER', 'XOAUTH2'] as const)(
    'login: when %s is given an expired token',
    async (mechanism) => {
      await start({ submission: { mechanisms: [mechanism] } });
      const outcome = await sendMail({ settings: await settings('expired'), message: message() });
      expect(outcome).toMatchObject({
        sent: false,
        step: 'login',
        reply: expect.stringMatching(/^535 5\.7\.8/),
      });
      expect(gateway.upstream.accepted).toEqual([]);
    },
  );

  it('tls: when the certificate is not of a known authority', async () => {
    await start();
    const outcome = await sendMail({
      settings: await settings('good', { ca: undefined }),
      message: message(),
    });
    expect(outcome).toMatchObject({ sent: false, step: 'tls' });
    expect(gateway.journal.join()).not.toContain('login.succeeded');
  });

  it('tls: when the certificate is for another name', async () => {
    await start();
    const outcome = await sendMail({
      settings: await settings('good', { host: '127.0.0.2' }),
      message: message(),
    });
    expect(outcome).toMatchObject({ sent: false, step: expect.stringMatching(/tls|connect/) });
  });

  it('connect: when nothing listens; the body is let go', async () => {
    await start();
    const body = new PassThrough();
    const outcome = await sendMail({
      settings: await settings('good', { port: (await freePorts(1))[0] as number }),
      message: message({ text: body }),
    });
    expect(outcome).toMatchObject({
      sent: false,
      step: 'connect',
      reason: expect.stringContaining('nothing listens'),
    });
    expect(body.destroyed).toBe(true);
  });

  it('input: when the body breaks off, and nothing of it is delivered', async () => {
    await start();
    const body = Readable.from(
      (async function* () {
        yield 'x'.repeat(200_000);
        throw new Error('disk failure');
      })(),
    );
    const outcome = await sendMail({ settings: await settings('good'), message: message({ text: body }) });
    expect(outcome).toMatchObject({
      sent: false,
      step: 'input',
      reason: expect.stringContaining('disk failure'),
    });
    expect(gateway.upstream.accepted).toEqual([]);
  });

  it('connect: when the line breaks in mid-message; the body is let go, and nothing of it is delivered', async () => {
    await start();
    const port = await breakingLine(gateway.ports.starttls, 300_000);
    const body = Readable.from(
      (function* () {
        for (;;) yield 'x'.repeat(1000).concat('\n');
      })(),
    );
    const outcome = await sendMail({
      settings: await settings('good', { port }),
      message: message({ text: body }),
    });
    expect(outcome).toMatchObject({ sent: false, step: 'connect' });
    expect(body.destroyed).toBe(true);
    expect(gateway.upstream.accepted).toEqual([]);
  });

  it('never repeats the token', async () => {
    await start();
    const token = await gateway.token('expired');
    const outcome = await sendMail({ settings: await settings('expired'), message: message() });
    expect(JSON.stringify(outcome)).not.toContain(token);
  });
});

/** A line to the port that breaks once so many octets have passed towards it. */
async function breakingLine(target: number, octets: number): Promise<number> {
  const server = createServer((client) => {
    const onwards = connect(target, '127.0.0.1');
    let passed = 0;
    const hangUp = () => {
      client.destroy();
      onwards.destroy();
    };
    client.on('data', (chunk) => {
      passed += chunk.length;
      if (passed > octets) hangUp();
      else onwards.write(chunk);
    });
    onwards.on('data', (chunk) => client.write(chunk));
    for (const socket of [client, onwards]) socket.on('error', hangUp).on('close', hangUp);
  });
  onTestFinished(() => void server.close());
  return listen(server);
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
