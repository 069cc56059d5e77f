// What Postern signs, judged by two programs that know nothing of it: every kind of message, and every change to one.

import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDkim } from '../../src/dkim/dkim.ts';
import { DKIM_PRIVATE_KEY, DKIM_RECORD } from '../support/dkim.ts';
import { DNS_RECORDS, PRIVATE_KEYS } from '../support/dkim-keys.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { composeLetter } from './letter.ts';
import { type Postfix, startPostfix } from './postfix.ts';
import { runProgram } from './program.ts';
import { expectCode, openSession, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';
import { openVerifier, VERIFIERS, type Verifier, type VerifierName } from './verifiers/verify.ts';
import { openWay, type Way } from './way.ts';

const NAMES = Object.keys(VERIFIERS) as VerifierName[];
const RECORDS = {
  'rsa._domainkey.example.org': DNS_RECORDS.rsa,
  'ed._domainkey.example.org': DNS_RECORDS.ed,
  'own._domainkey.example.org': DKIM_RECORD,
  'own._domainkey.example.net': DKIM_RECORD,
};
/** What each says of a message that is as Postern has signed it; the one of Debian 12 does not know Ed25519 yet. */
const GOOD: Record<VerifierName, Record<'rsa' | 'ed', string>> = {
  dkimpy: { rsa: 'pass', ed: 'pass' },
  'Mail::DKIM': {
    rsa: 'pass',
    ed: expect.stringMatching(/^(pass|invalid \(unsupported algorithm ed25519-sha256\))$/),
  },
};
const HEADER = `From: App <${SENDER}>\r\nTo: alice@example.org\r\nSubject: a letter\r\n`;
const MEMORY = 65_536;

let folder: string;
let sink: Sink;
let gate: Gate;
let token: string;
let verifier: Verifier;

function dkim() {
  for (const name of ['rsa', 'ed'] as const) writeFileSync(join(folder, `${name}.pem`), PRIVATE_KEYS[name]);
  return {
    keys: ['rsa', 'ed'].map((selector) => ({
      domain: 'example.org',
      selector,
      privateKey: join(folder, `${selector}.pem`),
    })),
    maxMemoryBytes: MEMORY,
    spoolFolder: join(folder, 'spool'),
  };
}

beforeAll(async () => {
  folder = makeFolder('dkim');
  sink = await startSink(folder);
  gate = await startGate({ upstream: { port: sink.port }, dkim: dkim() });
  token = await gate.token();
  verifier = openVerifier(folder, RECORDS);
});
afterAll(async () => {
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
});

/** Through Postern; what has arrived. */
async function send(message: Buffer, parameters = ''): Promise<Buffer> {
  const before = sink.arrivals.length;
  const client = await begin(gate, token, parameters);
  expectCode(await client.command('DATA'), 354);
  await client.write(stuffed(message));
  expectCode(await client.command('.'), 250);
  client.destroy();
  const arrival = await until(() => sink.arrivals[before], 'the message to arrive');
  return arrival.content();
}

async function begin(at: Gate, token: string, parameters = ''): Promise<SmtpClient> {
  const client = await openSession(at, token);
  expectCode(await client.command(`MAIL FROM:<${SENDER}>${parameters}`), 250);
  expectCode(await client.command('RCPT TO:<alice@example.org>'), 250);
  return client;
}

const text = (lines: string): Buffer => Buffer.from(lines, 'utf8');
const KINDS: [string, Buffer, string?][] = [
  [
    'a letter with all that is easily damaged',
    composeLetter({ from: SENDER, to: ['alice@example.org'] }).bytes,
  ],
  ['dots at the start of lines', text(`${HEADER}\r\n.\r\n..\r\n.a\r\n...b\r\n`)],
  ['no body', text(HEADER)],
  ['an empty body', text(`${HEADER}\r\n`)],
  ['blank lines at its end', text(`${HEADER}\r\na\r\n\r\n \t\r\n\r\n`)],
  ['blank lines and nothing else', text(`${HEADER}\r\n\r\n\r\n\r\n`)],
  ['blanks everywhere', text(`${HEADER}X-Y:  a \t b  \r\n\r\n a  b\t \tc \r\n\td  \r\n`)],
  [
    '8-bit text that is no UTF-8',
    Buffer.concat([text(`${HEADER}\r\n`), Buffer.from('\xa0\xff\xc3 \xe4\r\n', 'latin1')]),
    ' BODY=8BITMIME',
  ],
  [
    'a header in UTF-8',
    text(`From: Grüße <${SENDER}>\r\nSubject: Grüße \u00a0 äöü\r\nTo: a@example.org\r\n\r\nGrüße\r\n`),
    ' BODY=8BITMIME SMTPUTF8',
  ],
  [
    'a folded and long header',
    text(
      `From:\r\n App\r\n\t<${SENDER}>\r\nTo: a@example.org${',\r\n b@example.org'.repeat(2000)}\r\nSubject: ${'x'.repeat(900)}\r\n  \ty \r\n\r\nbody\r\n`,
    ),
  ],
  ['10,000 lines', text(`${HEADER}\r\n${'a line \t of text.\r\n'.repeat(10_000)}`)],
  ['one line of a megabyte', text(`${HEADER}\r\n${'x y'.repeat(400_000)}\r\n`)],
  [
    'several fields of a name',
    text(
      `Received: from x\r\n${HEADER}To: bob@example.org\r\nReferences: <a@b>\r\nReferences: <c@d>\r\n\r\nbody\r\n`,
    ),
  ],
];

describe.each(NAMES)('%s takes both signatures', (name) => {
  test.each(KINDS)('of %s', async (_what, message, parameters) => {
    const arrived = await send(message, parameters);
    expect(arrived.subarray(0, 'DKIM-Signature:'.length).toString()).toBe('DKIM-Signature:');
    expect(arrived.includes(message)).toBe(true);
    expect(await verifier.verify(name, arrived)).toEqual(GOOD[name]);
  });

  test.each<[string, string, string]>([
    ['the author', 'From: App', 'From: Boss'],
    ['the subject', 'Subject: a letter', 'Subject: another'],
    ['the recipient', 'To: alice', 'To: bob'],
    ['the date', 'Date: ', 'Date: 1'],
    ['the message id', 'Message-ID: <', 'Message-ID: <1'],
    ['the body', 'body', 'other'],
    ['the end of the body', 'body\r\n', 'body\r\nmore\r\n'],
    ['a second From above', 'From: App', `From: boss@example.org\r\nFrom: App`],
    ['a second Subject', 'Subject: a letter', 'Subject: b\r\nSubject: a letter'],
    ['a Cc that was not there', 'Subject: a', 'Cc: b@example.org\r\nSubject: a'],
    ['a Content-Type that was not there', 'Subject: a', 'Content-Type: text/html\r\nSubject: a'],
  ])('and none of them after a change of %s', async (_what, from, to) => {
    const arrived = (await send(text(`${HEADER}\r\nbody\r\n`))).toString('latin1');
    const at = arrived.lastIndexOf(from);
    expect(at).toBeGreaterThan(0);
    const changed = arrived.slice(0, at) + to + arrived.slice(at + from.length);
    const words = await verifier.verify(name, Buffer.from(changed, 'latin1'));
    expect(Object.keys(words).sort()).toEqual(['ed', 'rsa']);
    expect(Object.values(words)).not.toContain('pass');
  });

  test.each([
    ['of the same domain, relaxed', 'example.org', 'relaxed'],
    ['of the same domain, simple', 'example.org', 'simple'],
    ['of another domain, relaxed', 'example.net', 'relaxed'],
    ['of another domain, simple', 'example.net', 'simple'],
  ] as const)('beside a signature of the sender’s own %s', async (_what, domain, form) => {
    const message = text(
      `${HEADER}Date: Sat, 21 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n.\r\n a  b \r\n\r\n`,
    );
    const own = await verifier.sign(message, {
      privateKey: DKIM_PRIVATE_KEY,
      domain,
      selector: 'own',
      form,
      names: ['From', 'From', 'To', 'Subject', 'Subject', 'Date', 'Message-ID', 'Cc', 'Cc'],
    });
    const arrived = await send(Buffer.concat([Buffer.from(own), message]));
    expect(await verifier.verify(name, arrived)).toEqual({ ...GOOD[name], own: 'pass' });
  });
});

describe('through a real Postfix', () => {
  let way: Way<Postfix>;
  let postfixToken: string;
  beforeAll(async () => {
    way = await openWay({ startServer: startPostfix, dkim: dkim() });
    postfixToken = await way.gate.token();
  });
  afterAll(() => way?.close());

  async function judged(mark: string): Promise<void> {
    const arrival = await way.sink.find(({ head }) => head.includes(mark), 'the letter');
    for (const name of NAMES) expect(await verifier.verify(name, arrival.content())).toEqual(GOOD[name]);
  }

  test('by DATA', async () => {
    const letter = composeLetter({ from: SENDER, to: ['alice@example.org'], bytes: 200_000 });
    const client = await begin(way.gate, postfixToken, ' BODY=8BITMIME');
    expectCode(await client.command('DATA'), 354);
    await client.write(stuffed(letter.bytes));
    expectCode(await client.command('.'), 250);
    client.destroy();
    await judged(letter.mark);
  });

  test.each([7, 5000])('by BDAT, in chunks of %i octets', async (size) => {
    const mark = `chunks of ${size}`;
    const message = text(`${HEADER}X-Mark: ${mark}\r\n\r\n.\r\n..\r\n${'text\r\n'.repeat(size / 7)}.`);
    const client = await begin(way.gate, postfixToken);
    for (let at = 0; at < message.length; at += size) {
      const piece = message.subarray(at, at + size);
      await client.write(Buffer.concat([Buffer.from(`BDAT ${piece.length}\r\n`), piece]));
      expectCode(await client.readReply(), 250);
    }
    expectCode(await client.command('BDAT 0 LAST'), 250);
    client.destroy();
    await judged(mark);
  });
});

/** Files of the process in the spool, though they have no name there. */
function spooled(): number {
  return readdirSync(`/proc/${gate.pid}/fd`).filter((file) => {
    try {
      return readlinkSync(`/proc/${gate.pid}/fd/${file}`).includes('/spool/');
    } catch {
      return false;
    }
  }).length;
}

const LARGE = text(`${HEADER}\r\n${'a line of text\r\n'.repeat(100_000)}`);

test('a client that is cut off leaves nothing in the spool and nothing at the mail server', async () => {
  const before = sink.arrivals.length;
  const client = await begin(gate, token);
  expectCode(await client.command('DATA'), 354);
  await client.write(LARGE);
  await until(() => spooled() === 1, 'the message to be in the spool');
  client.destroy();
  await until(() => spooled() === 0, 'the spool to be free');
  expect(readdirSync(join(folder, 'spool'))).toEqual([]);
  expect(sink.arrivals.length).toBe(before);
  expect(sink.cutOff).toBe(0);
});

test('kill -9 in the middle of a message leaves no file', async () => {
  const client = await begin(gate, token);
  expectCode(await client.command('DATA'), 354);
  await client.write(LARGE);
  await until(() => spooled() === 1, 'the message to be in the spool');
  await gate.stop('SIGKILL');
  client.destroy();
  expect(readdirSync(join(folder, 'spool'))).toEqual([]);
  await gate.start();
  token = await gate.token();
  expect(await verifier.verify('dkimpy', await send(LARGE))).toEqual(GOOD.dkimpy);
});

test('the commands of docs/dkim.md make keys and records that fit each other', async () => {
  const page = readFileSync(new URL('../../docs/dkim.md', import.meta.url), 'utf8');
  const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)]
    .map(([, block = '']) => block)
    .filter((block) => block.includes('openssl'));
  expect(commands).toHaveLength(2);
  const { code, output, text: said } = await runProgram('bash', ['-e', '-c', commands.join('')], { folder });
  expect(code, said).toBe(0);
  const records = output
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [, name = '', strings = ''] = /^(\S+) TXT \((.*)\)$/.exec(line) ?? [];
      const pieces = [...strings.matchAll(/"([^"]*)"/g)].map(([, piece = '']) => piece);
      expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(256);
      return [`${name}.example.org`, pieces.join('')];
    });
  const opened = openDkim({
    keys: ['rsa', 'ed'].map((kind) => ({
      domain: 'example.org',
      selector: `${kind}-2026`,
      privateKey: join(folder, `dkim-${kind}-2026.pem`),
    })),
    sealedFields: ['From'],
    signedFields: [],
    spoolFolder: folder,
    maxMemoryBytes: 0,
    maxSpoolBytes: 0,
  });
  if ('faults' in opened) throw new Error(JSON.stringify(opened.faults));
  const signing = opened.begin('example.org');
  signing?.update(Buffer.from('body\r\n'));
  const fields = await signing?.fields(HEADER, Date.now());
  signing?.spool.close();
  const message = text(`${fields}${HEADER}\r\nbody\r\n`);
  const words = await openVerifier(folder, Object.fromEntries(records)).verify('dkimpy', message);
  expect(words).toEqual({ 'rsa-2026': 'pass', 'ed-2026': 'pass' });
});
