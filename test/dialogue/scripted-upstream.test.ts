// The scripted upstream is what the other tests believe: what it writes down must be what was sent.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testCertificate } from '../support/certificates.ts';
import {
  hangUp,
  held,
  reply,
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  silence,
  startScriptedUpstream,
} from '../support/scripted-upstream.ts';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';

let upstream: ScriptedUpstream;
let client: SmtpClient;

async function open(options: ScriptedUpstreamOptions = {}): Promise<void> {
  upstream = await startScriptedUpstream(options);
  await connect();
}

async function connect(timeLimit = 20_000): Promise<void> {
  const { ca } = await testCertificate();
  const { host, port } = upstream;
  client = await connectSmtp({ host, port, ca, implicitTls: false, timeLimit });
  await client.readReply();
  await client.command('EHLO postern');
}

async function beginMessage(): Promise<void> {
  await client.write('MAIL FROM:<a@example.org> SIZE=1\r\nRCPT TO:<b@example.net> NOTIFY=NEVER\r\nDATA\r\n');
  for (const code of ['250', '250', '354']) expect(await client.readLine()).toMatch(code);
}

beforeEach(() => open());
afterEach(async () => {
  client.destroy();
  await upstream.close();
});

describe('a message', () => {
  test('is kept exactly, on the wire and unstuffed, whatever the pieces', async () => {
    await beginMessage();
    await client.writeParts('..one\r\ntwo\r\n...\r\n\xff\r\n.\r\n');
    expect(await client.readReply()).toEqual(['250 2.0.0 queued as 1']);
    const [message] = upstream.accepted;
    expect(message?.mailFrom).toBe('<a@example.org> SIZE=1');
    expect(message?.recipients).toEqual(['<b@example.net> NOTIFY=NEVER']);
    expect(message?.wire.toString('latin1')).toBe('..one\r\ntwo\r\n...\r\n\xff\r\n');
    expect(message?.data.toString('latin1')).toBe('.one\r\ntwo\r\n..\r\n\xff\r\n');
    expect(upstream.connections[0]?.received.toString('latin1')).toContain('DATA\r\n..one');
  });

  test('that loses its connection before the final dot is incomplete', async () => {
    await beginMessage();
    await client.write('half\r\n.\r');
    await upstream.received('half');
    client.destroy();
    await upstream.until(() => upstream.connections[0]?.closed === true, 'the end');
    expect([upstream.accepted, upstream.refused]).toEqual([[], []]);
    expect(upstream.incomplete.map((message) => message.text)).toEqual(['half\r\n.\r']);
  });

  test('that is empty is one all the same', async () => {
    await beginMessage();
    await client.write('.\r\n');
    await client.readReply();
    expect(upstream.accepted.map((message) => message.text)).toEqual(['']);
  });
});

describe('line ends', () => {
  const spellings = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r\n.\r', '\r.\r\n', '\n.\r', '\r\n\0.\r\n'];

  test('strict: nothing but CRLF.CRLF ends a message', async () => {
    await beginMessage();
    await client.write(`x${spellings.join('x')}x`);
    await upstream.received(spellings.at(-1) ?? '');
    expect(upstream.accepted).toEqual([]);
    await client.write('\r\n.\r\n');
    await client.readReply();
    expect(upstream.accepted[0]?.text).toBe(`x${spellings.join('x')}x\r\n`);
  });

  test.each(spellings)('gullible: %j ends one', async (spelling) => {
    await upstream.close();
    await open({ lineEndings: 'gullible' });
    await beginMessage();
    await client.writeParts(`x${spelling}NOOP\r\n`);
    expect(await client.readReply()).toEqual(['250 2.0.0 queued as 1']);
    expect(await client.readReply()).toEqual(['250 2.0.0 ok']);
    expect(upstream.accepted).toHaveLength(1);
  });
});

describe('the script', () => {
  test('answers counted rules in order, then the latest lasting one, by match', async () => {
    upstream.on('MAIL', reply('450 4.0.0 always'));
    upstream.on('MAIL', reply('451 4.0.0 later'));
    upstream.on('MAIL', reply('550 5.0.0 first'), { times: 1 });
    upstream.on('MAIL', reply('551 5.0.0 second'), { times: 1 });
    upstream.on('MAIL', reply('552-5.0.0 two', '552 5.0.0 lines'), { match: 'bob' });
    const answers = [];
    for (const name of ['al', 'al', 'bob', 'al']) answers.push(await client.command(`MAIL FROM:<${name}>`));
    expect(answers.map((lines) => lines.join('|').slice(0, 20))).toEqual([
      '550 5.0.0 first',
      '551 5.0.0 second',
      '552-5.0.0 two|552 5.',
      '451 4.0.0 later',
    ]);
  });

  test('holds an answer until it is let go, and what was pipelined behind it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    upstream.on('MAIL', held(promise, reply('250 2.1.0 at last')));
    await client.write('MAIL FROM:<a@example.org>\r\nNOOP\r\n');
    await upstream.received('NOOP');
    expect(client.unread).toBe('');
    resolve();
    expect([await client.readLine(), await client.readLine()]).toEqual(['250 2.1.0 at last', '250 2.0.0 ok']);
  });

  test('hangs up, in mid-body too, and stays silent', async () => {
    upstream.on('body', hangUp('421 4.3.2 enough'), { match: 'second' });
    await beginMessage();
    await client.write('first\r\n');
    await upstream.received('first');
    expect(client.ended).toBe(false);
    await client.write('second\r\n');
    expect(await client.readLine()).toBe('421 4.3.2 enough');
    await client.readEnd();
    upstream.on('NOOP', silence());
    await connect(1000);
    await expect(client.command('NOOP')).rejects.toThrow(/waited 1000 ms/);
  });

  test('goes down and comes back on the same port', async () => {
    await upstream.down();
    await client.readEnd();
    await expect(connect()).rejects.toThrow(/ECONNREFUSED/);
    await upstream.up();
    await connect();
    expect(await client.command('NOOP')).toEqual(['250 2.0.0 ok']);
  });
});

describe('TLS and login', () => {
  beforeEach(async () => {
    client.destroy();
    await upstream.close();
    await open({ tls: 'starttls', login: { user: 'postern', password: 'secret' } });
  });

  test('STARTTLS, then AUTH PLAIN and LOGIN; the message knows who was signed in', async () => {
    expect((await client.command('EHLO x')).join()).not.toContain('AUTH');
    expect(await client.command('STARTTLS')).toEqual(['220 2.0.0 go on']);
    await client.startTls();
    expect((await client.command('EHLO x')).join()).toContain('AUTH PLAIN LOGIN');
    expect(await client.command(`AUTH PLAIN ${btoa('\0postern\0wrong')}`)).toEqual(['535 5.7.8 wrong']);
    expect(await client.command('AUTH LOGIN')).toEqual([`334 ${btoa('Username:')}`]);
    expect(await client.command(btoa('postern'))).toEqual([`334 ${btoa('Password:')}`]);
    expect(await client.command(btoa('secret'))).toEqual(['235 2.7.0 welcome']);
    await beginMessage();
    await client.write('x\r\n.\r\n');
    await client.readReply();
    expect(upstream.accepted[0]?.user).toBe('postern');
  });
});
