// `postern send`: from the command line through a real door to the upstream.

import { createReadStream, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import PostalMime from 'postal-mime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CommandFailure } from '../../../src/command/failure.ts';
import { type SendOptions, type SignIn, send } from '../../../src/command/send.ts';
import { Secret } from '../../../src/setting.ts';
import type { PlayableGateway } from '../../support/dialogue.ts';
import { reply } from '../../support/scripted-upstream.ts';
import { startTestGateway } from '../../support/test-gateway.ts';
import { run, surroundings } from './surroundings.ts';

let directory: string;
let gateway: PlayableGateway;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'postern-send-'));
  gateway = await startTestGateway();
  mkdirSync(join(directory, 'data/demo'), { recursive: true });
  writeFileSync(join(directory, 'data/demo/ca.pem'), gateway.ca);
});

afterEach(async () => {
  await gateway.close();
  rmSync(directory, { recursive: true });
});

const alice: SignIn = async () => ({
  token: new Secret(await gateway.token('good')),
  address: 'alice@example.org',
});

async function sendAs(
  signIn: SignIn,
  options: Partial<SendOptions> = {},
  more: Parameters<typeof surroundings>[0] = {},
) {
  const around = surroundings({ directory, input: 'Good day.\n', ...more });
  const port = gateway.ports[options.tls ?? 'starttls'];
  const exitCode = await send({
    options: { to: ['bob@example.org'], subject: 'Hi', tls: 'starttls', port, ...options },
    surroundings: around,
    signIn,
  });
  return { exitCode, printed: around.printed(), told: around.told() };
}

describe('send', () => {
  it('sends as the person who is signed in, trusting the authority of the demo', async () => {
    const signIn = vi.fn(alice);
    const { exitCode, printed, told } = await sendAs(signIn);
    expect(exitCode).toBe(0);
    expect(printed).toMatch(/^sent to bob@example\.org: 250 /);
    expect(told).toBe('');
    expect(signIn.mock.calls[0]?.[0].issuer).toBe('http://localhost:8080');
    const [arrived] = gateway.upstream.accepted;
    expect(arrived?.mailFrom).toContain('<alice@example.org>');
    const parsed = await PostalMime.parse(arrived?.data ?? '');
    expect(parsed).toMatchObject({ subject: 'Hi', from: { address: 'alice@example.org' } });
    expect(parsed.text?.trim()).toBe('Good day.');
  });

  it('sends an attachment under its own name', async () => {
    writeFileSync(join(directory, 'report.bin'), Buffer.from([1, 2, 3]));
    expect((await sendAs(alice, { attach: ['report.bin'] })).exitCode).toBe(0);
    const parsed = await PostalMime.parse(gateway.upstream.accepted[0]?.data ?? '');
    expect(parsed.attachments[0]?.filename).toBe('report.bin');
    expect(new Uint8Array(parsed.attachments[0]?.content as ArrayBuffer)).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('tells a program the outcome as JSON', async () => {
    const { exitCode, printed } = await sendAs(alice, { json: true });
    expect(exitCode).toBe(0);
    expect(JSON.parse(printed)).toMatchObject({
      sent: true,
      from: 'alice@example.org',
      accepted: ['bob@example.org'],
      rejected: [],
    });
  });

  it('ends with 1 when one of the recipients is refused, and says which', async () => {
    gateway.upstream.on('RCPT', reply('550 5.1.1 no such user'), { match: 'nobody@' });
    const { exitCode, told } = await sendAs(alice, { to: ['bob@example.org', 'nobody@example.org'] });
    expect(exitCode).toBe(1);
    expect(told).toMatch(/^refused: nobody@example\.org: 550 5\.1\.1/);
  });

  it('says in one line why nothing was sent, with the server’s words and what to do', async () => {
    const expired: SignIn = async () => ({
      token: new Secret(await gateway.token('expired')),
      address: 'alice@example.org',
    });
    const failure = await sendAs(expired).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandFailure);
    expect(failure).toMatchObject({
      message: expect.stringMatching(/^not sent: the server did not accept the token \(535 5\.7\.8 /),
      advice: expect.stringContaining('postern token'),
      exitCode: 1,
    });
    expect((failure as Error).message.match(/535/g)).toHaveLength(1);
  });

  it('tells a missing attachment before it asks anybody to sign in', async () => {
    const signIn = vi.fn(alice);
    await expect(sendAs(signIn, { attach: ['missing.pdf'] })).rejects.toThrow(
      'cannot read missing.pdf: there is no such file',
    );
    expect(signIn).not.toHaveBeenCalled();
  });

  it('lets go of standard input when the sign-in fails', async () => {
    const input = new PassThrough();
    const failing: SignIn = async () => {
      throw new CommandFailure('not signed in');
    };
    await expect(sendAs(failing, {}, { input })).rejects.toThrow('not signed in');
    await expect.poll(() => input.destroyed).toBe(true);
  });

  it('sends nothing of a body that breaks off', async () => {
    const input = new PassThrough();
    input.write('x'.repeat(50_000));
    const reading = sendAs(alice, {}, { input });
    await gateway.upstream.received('DATA\r\n');
    input.destroy(new Error('disk failure'));
    await expect(reading).rejects.toThrow('could not be read to its end: disk failure');
    expect(gateway.upstream.accepted).toEqual([]);
  });

  it('shows a bar on a terminal for what is large, and takes it away', async () => {
    const file = join(directory, 'letter.txt');
    writeFileSync(file, `${'x'.repeat(70)}\n`.repeat(40_000));
    const fd = openSync(file, 'r');
    const input = Object.assign(createReadStream('', { fd }), { fd });
    const { exitCode, told } = await sendAs(alice, {}, { input, terminalWidth: 80 });
    expect(exitCode).toBe(0);
    expect(told).toMatch(/sending \[[#-]+\] +\d+% of 2\.8 MB/);
    expect(told.endsWith('\r\u001b[K')).toBe(true);
  });
});

describe('a token of a program’s own', () => {
  const args = (...more: string[]) => [
    'send',
    ...['--to', 'bob@example.org', '--from', 'app@example.org'],
    ...['--port', String(gateway.ports.starttls)],
    ...more,
  ];

  it('is read from a file', async () => {
    writeFileSync(join(directory, 'token.txt'), `${await gateway.token('app')}\n`);
    const { exitCode, told } = await run(args('--token-file', 'token.txt'), { directory, input: 'Hi\n' });
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
    expect(gateway.upstream.accepted[0]?.mailFrom).toContain('<app@example.org>');
  });

  it('is read from the environment, as host, port and authority are', async () => {
    const environment = {
      POSTERN_TOKEN: await gateway.token('app'),
      POSTERN_HOST: '127.0.0.1',
      POSTERN_PORT: String(gateway.ports.starttls),
      POSTERN_CA: 'data/demo/ca.pem',
    };
    const command = ['send', '--to', 'bob@example.org', '--from', 'app@example.org'];
    const { exitCode, told } = await run(command, { directory, environment, input: 'Hi\n' });
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
  });

  it('needs the sender to be named', async () => {
    const environment = { POSTERN_TOKEN: 'abc' };
    const { exitCode, told } = await run(['send', '--to', 'bob@example.org'], { directory, environment });
    expect(exitCode).toBe(2);
    expect(told).toContain('Name the sender with --from');
  });

  it.each(['two words', 'line\r\nMAIL FROM:<x>', 'ctrl\u0001a', ''])(
    'is not repeated when it is none: %j',
    async (text) => {
      writeFileSync(join(directory, 'token.txt'), text);
      const { exitCode, told } = await run(args('--token-file', 'token.txt'), { directory });
      expect(exitCode).toBe(1);
      expect(told).toBe('postern: token.txt does not hold an access token\n');
    },
  );
});
