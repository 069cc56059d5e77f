// The demo's upstream: a mail server that keeps exactly what it got, and pages that show it safely.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastify from 'fastify';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type DemoInbox, inboxPages, mountInbox, startDemoInbox } from '../../../src/demo/inbox.ts';
import { openInboxFolder } from '../../../src/demo/inbox-folder.ts';
import { startInboxServer } from '../../../src/demo/inbox-server.ts';

const LISTEN = { host: '127.0.0.1', port: 0 };
let folder: string;
let inbox: DemoInbox;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-inbox-'));
  inbox = await startDemoInbox({ listen: LISTEN, folder });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) {
    socket.destroy();
  }
  await inbox.close();
  await rm(folder, { recursive: true, force: true });
});

const files = () => readdirSync(join(folder, 'inbox'));

/** A client that says one line after the other; each `say` resolves with the whole reply. */
async function client(port = inbox.port) {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  let received = '';
  let wake = () => {};
  socket.on('data', (data) => {
    received += data;
    wake();
  });
  async function reply(): Promise<string> {
    for (;;) {
      const [whole] = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(received) ?? [];
      if (whole !== undefined) {
        received = received.slice(whole.length);
        return whole;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return {
    socket,
    greeting: await reply(),
    reply,
    say(line: string | Buffer): Promise<string> {
      socket.write(line);
      socket.write('\r\n');
      return reply();
    },
  };
}

async function send(message: string | Buffer, recipients = ['bob@example.net'], from = 'alice@example.org') {
  const { say, socket } = await client();
  await say('EHLO localhost');
  await say(`MAIL FROM:<${from}> BODY=8BITMIME SMTPUTF8`);
  for (const recipient of recipients) {
    await say(`RCPT TO:<${recipient}>`);
  }
  await say('DATA');
  const answer = await say(Buffer.concat([Buffer.from(message), Buffer.from('.')]));
  socket.end('QUIT\r\n');
  return answer;
}

describe('the mail server', () => {
  test('greets at once and offers what it can do, neither TLS nor login', async () => {
    // smtp-server's own delay is 100 ms, each time; a busy machine has a quick moment now and then.
    let took = Infinity;
    for (let tries = 0; took >= 90 && tries < 100; tries += 1) {
      const start = performance.now();
      await client();
      took = performance.now() - start;
    }
    expect(took).toBeLessThan(90);
    const { greeting, say } = await client();
    expect(greeting).toMatch(/^220 inbox\.localhost ESMTP/);
    const offered = (await say('EHLO localhost'))
      .split('\r\n')
      .slice(1, -1)
      .map((line) => line.slice(4));
    expect(offered.sort()).toEqual(
      ['8BITMIME', 'DSN', 'ENHANCEDSTATUSCODES', 'PIPELINING', 'SIZE 67108864', 'SMTPUTF8'].sort(),
    );
    for (const command of ['AUTH PLAIN AGEAYg==', 'STARTTLS', 'WIZ x']) {
      expect(await say(command)).toMatch(/^500 /);
    }
  });

  test('keeps a message byte for byte behind its envelope, and says 250 when it lies there', async () => {
    const message = Buffer.concat([
      Buffer.from('Subject: raw\r\nX-Envelope-To: not@envelope\r\n\r\n..two dots\r\n..\r\n'),
      Buffer.from([0xff, 0x00, 0x80, 0x0a, 0x0d, 0x20]),
      Buffer.from('\r\n'),
    ]);
    const answer = await send(message, ['bob@example.net', 'jürgen@example.net', 'carol@example.net']);
    const [name, ...others] = files();
    expect([answer, others]).toEqual([expect.stringMatching(/^250 2\./), []]);
    expect(name).toMatch(/^\d{8}T\d{9}Z-[0-9a-f]{8}\.eml$/);
    const envelope =
      'X-Envelope-From: alice@example.org\r\n' +
      'X-Envelope-To: bob@example.net\r\nX-Envelope-To: jürgen@example.net\r\nX-Envelope-To: carol@example.net\r\n';
    const unstuffed = Buffer.from(message.toString('latin1').replaceAll('\r\n..', '\r\n.'), 'latin1');
    expect(readFileSync(join(folder, 'inbox', name ?? ''))).toEqual(
      Buffer.concat([Buffer.from(envelope), unstuffed]),
    );
  });

  test('takes the null sender', async () => {
    await send('Subject: bounce\r\n\r\n', ['bob@example.net'], '');
    expect((await inbox.list())[0]?.mailFrom).toBe('<>');
  });

  test('knows nobody by the name of nobody', async () => {
    const { say } = await client();
    await say('EHLO localhost');
    await say('MAIL FROM:<alice@example.org>');
    expect(await say('RCPT TO:<nobody@example.net>')).toMatch(/^550 5\.1\.1 /);
    expect(await say('RCPT TO:<Nobody@example.org>')).toMatch(/^550 5\.1\.1 /);
    expect(await say('RCPT TO:<nobody.else@example.net>')).toMatch(/^250 2\.1\.5 /);
  });

  test('streams to the disk, and keeps nothing of a message that did not come whole', async () => {
    const { say, socket } = await client();
    await say('EHLO localhost');
    await say('MAIL FROM:<alice@example.org>');
    await say('RCPT TO:<bob@example.net>');
    await say('DATA');
    socket.write(Buffer.alloc(2_000_000, `${'x'.repeat(98)}\r\n`));
    const sizes = () => files().map((name) => statSync(join(folder, 'inbox', name)).size);
    await expect.poll(sizes).toEqual([expect.toSatisfy((size: number) => size > 1_500_000)]);
    expect(files()[0]).toMatch(/^\..*\.part$/);
    socket.destroy();
    await expect.poll(files).toEqual([]);
  });

  test('refuses a message over its limit, declared or not, and the next one goes through', async () => {
    const path = join(folder, 'small');
    const server = await startInboxServer({
      listen: LISTEN,
      folder: await openInboxFolder({ path }),
      maxMessageBytes: 300_000,
    });
    onTestFinished(() => server.close());
    const { say } = await client(server.port);
    await say('EHLO localhost');
    expect(await say('MAIL FROM:<a@example.org> SIZE=300001')).toMatch(/^552 /);
    for (const [size, answer] of [
      [300_100, /^552 /],
      [299_900, /^250 /],
    ] as const) {
      await say('MAIL FROM:<a@example.org>');
      await say('RCPT TO:<b@example.org>');
      await say('DATA');
      expect(await say(`${Buffer.alloc(size, `${'x'.repeat(98)}\r\n`).toString()}\r\n.`)).toMatch(answer);
      expect(readdirSync(path)).toHaveLength(answer.source.includes('250') ? 1 : 0);
    }
  });

  test('goes on when its folder is removed, and says 451 when it cannot be made again', async () => {
    rmSync(join(folder, 'inbox'), { recursive: true });
    expect(await inbox.list()).toEqual([]);
    expect(await send('Subject: one\r\n\r\n')).toMatch(/^250 /);
    expect(files()).toHaveLength(1);
    rmSync(join(folder, 'inbox'), { recursive: true });
    writeFileSync(join(folder, 'inbox'), '');
    expect(await send('Subject: two\r\n\r\n')).toMatch(/^451 .*\(ENOTDIR\)/);
    expect(await send(`Subject: three\r\n\r\n${'x'.repeat(1_000_000)}\r\n`)).toMatch(/^451 /);
  });

  test('takes many messages at once over pipelining clients', async () => {
    const all = Array.from({ length: 8 }, async (_, i) => {
      const { say, reply, socket } = await client();
      await say('EHLO localhost');
      for (let j = 0; j < 10; j++) {
        socket.write('MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n');
        expect([await reply(), await reply(), await reply()].map((line) => line.slice(0, 3))).toEqual([
          '250',
          '250',
          '354',
        ]);
        expect(await say(`Subject: ${i}-${j}\r\n\r\n.`)).toMatch(/^250 /);
      }
    });
    await Promise.all(all);
    const subjects = (await inbox.list()).map(({ subject }) => subject);
    expect(new Set(subjects).size).toBe(80);
  });

  test('says nothing on the console', () => {
    const module = new URL('../../../src/demo/inbox.ts', import.meta.url).href;
    const script = `import { startDemoInbox } from '${module}';
      const inbox = await startDemoInbox({ listen: { host: '127.0.0.1', port: 0 }, folder: process.argv[1] });
      await inbox.close();`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script, folder], {
      encoding: 'utf8',
    });
    expect([run.status, run.stdout, run.stderr]).toEqual([0, '', '']);
  });

  test('says which port is taken', async () => {
    await expect(startDemoInbox({ listen: { host: '127.0.0.1', port: inbox.port }, folder })).rejects.toThrow(
      `its inbox cannot listen on 127.0.0.1:${inbox.port} (EADDRINUSE)`,
    );
  });
});

describe('the folder', () => {
  const chunks = async function* (...texts: string[]) {
    yield* texts.map((text) => Buffer.from(text));
  };
  const envelope = { mailFrom: 'a@example.org', recipients: ['b@example.org'] };

  test('removes the oldest beyond its number and its bytes, also those of an earlier run', async () => {
    const path = join(folder, 'few');
    for (let run = 0; run < 2; run++) {
      const few = await openInboxFolder({ path, maxMessages: 3 });
      for (let i = 0; i < 4; i++) {
        await few.store(envelope, chunks(`Subject: ${run}.${i}\r\n\r\n`));
      }
      expect((await few.list()).map(({ subject }) => subject)).toEqual([`${run}.3`, `${run}.2`, `${run}.1`]);
    }
    const small = await openInboxFolder({ path, maxBytes: 4_900 });
    await small.store(envelope, chunks('Subject: big\r\n\r\n', 'x'.repeat(4_800)));
    expect((await small.list()).map(({ subject }) => subject)).toEqual(['big']);
  });

  test('sweeps away halves of an earlier run and leaves other files alone', async () => {
    const path = join(folder, 'old');
    await openInboxFolder({ path });
    writeFileSync(join(path, '.20260101T000000000Z-00000000.part'), 'half');
    writeFileSync(join(path, 'notes.eml'), 'Subject: mine\r\n\r\n');
    const old = await openInboxFolder({ path });
    expect([readdirSync(path), await old.list()]).toEqual([['notes.eml'], []]);
  });

  test.each([
    ['=?UTF-8?B?R3LDvMOfZQ==?= =?UTF-8?Q?_aus_K=C3=B6ln?=', 'Grüße aus Köln'],
    ['=?iso-8859-1*de?q?Gr=FC=DFe?=', 'Grüße'],
    ['plain =?x-unknown?B?eA==?= end', 'plain =?x-unknown?B?eA==?= end'],
    ['folded\r\n  over\r\n\tlines', 'folded  over\tlines'],
    ['raw Grüße', 'raw Grüße'],
  ])('shows the subject %j as %j', async (written, shown) => {
    await send(
      `From: =?utf-8?q?Al=C3=ADce?= <alice@example.org>\r\nTo: b@example.net\r\nSubject: ${written}\r\n\r\nSubject: body\r\n`,
    );
    expect((await inbox.list())[0]).toMatchObject({
      subject: shown,
      from: 'Alíce <alice@example.org>',
      to: 'b@example.net',
      mailFrom: 'alice@example.org',
      recipients: ['bob@example.net'],
      receivedAt: expect.toSatisfy((time: number) => Math.abs(Date.now() - time) < 60_000),
    });
  });

  test('reads by id and nothing else', async () => {
    await send('Subject: one\r\n\r\n');
    writeFileSync(join(folder, 'key.pem.eml'), 'secret');
    const [message] = await inbox.list();
    expect((await inbox.read(message?.id ?? ''))?.length).toBe(message?.bytes);
    for (const id of [
      '',
      '.',
      '..',
      '../key.pem',
      '..%2fkey.pem',
      `../inbox/${message?.id}`,
      `${message?.id}\0`,
    ]) {
      expect(await inbox.read(id)).toBeUndefined();
    }
  });
});

describe('the pages', () => {
  const HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e';

  test('list what arrived and show each message, with nothing of it alive', async () => {
    await send(`From: ${HOSTILE}\r\nSubject: ${HOSTILE}\r\n\r\n${HOSTILE}\r\n</pre>\r\n`);
    const pages = inboxPages(inbox);
    const list = await pages('/demo/inbox');
    const [path = ''] = /\/demo\/inbox\/[\w-]+/.exec(list.body) ?? [];
    const message = await pages(path);
    for (const { status, headers, body } of [list, message]) {
      expect(status).toBe(200);
      expect(body).not.toMatch(/<script|<img|onerror=alert\(1\)>|\u202e/);
      expect(body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      );
    }
    expect(message.body.match(/<\/pre>/g)).toHaveLength(1);
  });

  test('show the beginning of a large message', async () => {
    await send(`Subject: large\r\n\r\n${'x'.repeat(1_000_000)}end\r\n`);
    const [message] = await inbox.list();
    const { body } = await inboxPages(inbox)(`/demo/inbox/${message?.id}`);
    expect(body.length).toBeLessThan(400_000);
    expect(body).toContain('are shown');
  });

  test('are mounted in a web server, which finds no other file', async () => {
    const app = fastify();
    mountInbox(app, inbox);
    await send('Subject: mounted\r\n\r\n');
    const [message] = await inbox.list();
    const status = async (url: string) => (await app.inject(url)).statusCode;
    expect(await status('/demo/inbox?again')).toBe(200);
    expect(await status(`/demo/inbox/${message?.id}`)).toBe(200);
    expect(await status('/demo/inbox/unknown')).toBe(404);
    expect(await status('/demo/inbox/..%2f..%2fkey.pem')).toBe(404);
    expect((await app.inject('/demo/inbox')).headers['content-security-policy']).toContain(
      "default-src 'none'",
    );
  });
});
