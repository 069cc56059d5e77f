// Further clients of Debian's through Postern: libraries of PHP and Java, programs of the terminal, and Exim sending a machine's mail.

import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aerc } from './clients/aerc.ts';
import { type Attempt, challengesIn, waysOf } from './clients/client.ts';
import { exim, fromPage } from './clients/exim-client.ts';
import { jakartaMail } from './clients/jakarta-mail.ts';
import { phpMailer } from './clients/php-mailer.ts';
import { sNail } from './clients/s-nail.ts';
import { WRITTEN_BODY } from './clients/written-body.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { APP, type Gate, MAIN, SENDER, startGate } from './gate.ts';
import { composeLetter, expectIntact, type Letter } from './letter.ts';
import { runProgram } from './program.ts';
import { type Sink, startSink } from './sink.ts';

const ALICE = 'alice@example.org';
const BOB = 'bob@example.org';

let folder: string;
let sink: Sink;
let gate: Gate;
let token: string;

beforeAll(async () => {
  folder = makeFolder('clients');
  sink = await startSink(folder);
  gate = await startGate({ upstream: { port: sink.port } });
  token = await gate.token();
});
afterAll(async () => {
  const leaks = gate?.journal.leaks([token]);
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
  expect(leaks).toEqual([]);
});

function attempt(letter: Letter, more: Partial<Attempt> = {}): Attempt {
  const { mechanism = 'XOAUTH2', tls = 'starttls' } = more;
  return {
    mechanism,
    tls,
    port: gate.ports[tls],
    ca: gate.ca,
    user: SENDER,
    token,
    mailFrom: SENDER,
    recipients: [ALICE],
    letter,
    folder,
    ...more,
  };
}

const arrivalOf = (letter: Letter) => sink.find(({ head }) => head.includes(letter.mark), 'the letter');
const hasArrived = (letter: Letter) => sink.arrivals.some(({ head }) => head.includes(letter.mark));

describe('a message', () => {
  test.each([
    ...waysOf([jakartaMail]).map((way) => ({ ...way, byClient: [] })),
    ...waysOf([exim]).map((way) => ({ ...way, byClient: ['Received'] })),
  ])('goes from $name with $mechanism over $tls TLS to two people, byte for byte', async (way) => {
    const { client, mechanism, tls, byClient } = way;
    const recipients = [ALICE, BOB];
    const letter = composeLetter({ from: SENDER, to: recipients });
    const { delivered, told } = await client.submit(attempt(letter, { mechanism, tls, recipients }));
    expect(delivered, told).toBe(true);
    const arrival = await arrivalOf(letter);
    expect([arrival.mailFrom, ...arrival.recipients]).toEqual([SENDER, ...recipients]);
    expectIntact(arrival.content(), letter, ['Received'], byClient);
  });

  test.each(waysOf([phpMailer]))(
    'that $name writes itself goes with $mechanism over $tls TLS, byte for byte',
    async ({ client, mechanism, tls }) => {
      const letter = composeLetter({ from: SENDER, to: [ALICE] });
      const { delivered, told, sent } = await client.submit(attempt(letter, { mechanism, tls }));
      expect(delivered, told).toBe(true);
      const arrival = await arrivalOf(letter);
      expect([arrival.mailFrom, ...arrival.recipients]).toEqual([SENDER, ALICE]);
      expectIntact(arrival.content(), { bytes: sent as Buffer }, ['Received']);
    },
  );

  test.each(waysOf([sNail, aerc]))(
    'that $name writes itself goes with $mechanism over $tls TLS',
    async ({ client, mechanism, tls }) => {
      const letter = composeLetter({ from: SENDER, to: [ALICE] });
      const { delivered, told } = await client.submit(attempt(letter, { mechanism, tls }));
      expect(delivered, told).toBe(true);
      const arrival = await arrivalOf(letter);
      expect([arrival.mailFrom, ...arrival.recipients]).toEqual([SENDER, ALICE]);
      expect(arrival.content().toString()).toContain(`\r\n\r\n${WRITTEN_BODY.replaceAll('\n', '\r\n')}`);
    },
  );
});

test('the token that docs/machines.md has renewed is good for Exim', async () => {
  const etc = join(folder, 'etc');
  mkdirSync(etc);
  writeFileSync(join(etc, 'secret'), APP.secret, { mode: 0o600 });
  const script = fromPage('sbin/renew-postern-token', {
    'postern token': `${process.execPath} ${MAIN} token`,
    'https://mail.example.org': gate.issuer,
    '--client-id app': `--client-id ${APP.id}`,
    '/etc/postern': etc,
  });
  const { code, text } = await runProgram('sh', [], { folder, input: script });
  expect(code, text).toBe(0);
  const file = join(etc, 'token');
  expect((statSync(file).mode & 0o777).toString(8)).toBe('640');
  const letter = composeLetter({ from: SENDER, to: [ALICE] });
  const { delivered, told } = await exim.submit(attempt(letter, { token: readFileSync(file, 'utf8') }));
  expect(delivered, told).toBe(true);
});

/** What each says of a token that is not taken, beside the challenge or in place of it. */
const SAID_OF_TOKEN = [
  { client: jakartaMail, mechanism: 'XOAUTH2', says: 'OAUTH2 asked for more', showsChallenge: true },
  // Its QUIT is taken for the answer to the challenge, and gets the 535.
  {
    client: phpMailer,
    mechanism: 'XOAUTH2',
    says: '535 5.7.8 Authentication credentials invalid',
    showsChallenge: true,
  },
  { client: sNail, mechanism: 'XOAUTH2', says: 'SMTP server: 334 ', showsChallenge: true },
  {
    client: aerc,
    mechanism: 'OAUTHBEARER',
    says: 'OAUTHBEARER authentication error (invalid_token)',
    showsChallenge: false,
  },
  { client: aerc, mechanism: 'XOAUTH2', says: 'XOAUTH2 authentication error (400)', showsChallenge: false },
  { client: exim, mechanism: 'OAUTHBEARER', says: ' == ', showsChallenge: true },
  { client: exim, mechanism: 'XOAUTH2', says: ' == ', showsChallenge: true },
] as const;

describe('is told when', () => {
  test.each(SAID_OF_TOKEN.map((each) => ({ ...each, name: each.client.name })))(
    'a token is not taken: $name with $mechanism',
    async ({ client, mechanism, says, showsChallenge }) => {
      const letter = composeLetter({ from: SENDER, to: [ALICE] });
      const bad = attempt(letter, { mechanism, token: 'bm8tc3VjaC10b2tlbg' });
      const { delivered, told } = await client.submit(bad);
      expect(delivered, told).toBe(false);
      expect(told).toContain(says);
      expect(challengesIn(told).length > 0, told).toBe(showsChallenge);
      expect(hasArrived(letter)).toBe(false);
    },
  );

  test.each([jakartaMail, phpMailer, sNail, aerc, exim])(
    "the sender is somebody else's: $name",
    async (client) => {
      const letter = composeLetter({ from: BOB, to: [ALICE] });
      const { delivered, told } = await client.submit(attempt(letter, { mailFrom: BOB }));
      expect(delivered, told).toBe(false);
      expect(told).toContain('Not authorized to send from this address [');
      expect(hasArrived(letter)).toBe(false);
    },
  );

  test.each([jakartaMail, exim])("only the header From is somebody else's: $name", async (client) => {
    const letter = composeLetter({ from: BOB, to: [ALICE] });
    const { delivered, told } = await client.submit(attempt(letter));
    expect(delivered, told).toBe(false);
    expect(told).toContain('550 5.7.1 Not authorized to send with this header From [');
    expect(hasArrived(letter)).toBe(false);
  });
});
