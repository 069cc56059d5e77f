// Postern signs in at a real Dovecot with access tokens: of each grant, in both mechanisms, renewed once where Dovecot refuses one.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testCertificate } from '../support/certificates.ts';
import { parseJwt } from '../support/parsed-jwt.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { startTokenEndpoint, type TokenEndpoint } from '../support/token-endpoint.ts';
import { expectSame, type Outcome } from './comparison.ts';
import { startDovecot } from './dovecot.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { SENDER } from './gate.ts';
import type { MailServer } from './mail-server.ts';
import { KINDS } from './messages/all.ts';
import type { Kind } from './messages/kind.ts';
import { KEYS, type Mint, mint, startMint } from './minting.ts';
import { type RoutedGate, startRoutedGate } from './routed-gate.ts';
import { expectCode, openSession } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { submit } from './submit.ts';
import { greetDirectly } from './two-ways.ts';
import { until } from './until.ts';

const MECHANISMS = ['XOAUTH2', 'OAUTHBEARER'] as const;
type Mechanism = (typeof MECHANISMS)[number];
const SENT = KINDS.filter(({ name }) => ['several recipients', 'every way a dot can stand'].includes(name));
const [ONE] = SENT as [Kind];

const closing: (() => unknown)[] = [];
const mints = new Map<string, Mint>();
let folder: string;
let sink: Sink;
/** One judges tokens itself; the other asks Postern about Postern's own. */
let judge: MailServer;
let asker: MailServer;
let introspection: TokenEndpoint;
let routed: RoutedGate;

beforeAll(async () => {
  folder = makeFolder('oauth');
  closing.push(() => removeFolder(folder));
  sink = await startSink(folder);
  closing.push(() => sink.close());
  judge = await startDovecot({ sink: sink.port, judging: { keys: KEYS } });
  closing.push(() => judge.close());
  introspection = await startTokenEndpoint(({ form }) => askPostern(form.get('token') ?? ''));
  closing.push(() => introspection.close());
  asker = await startDovecot({ sink: sink.port, judging: { introspection: introspection.url } });
  closing.push(() => asker.close());
  const ways = {
    ...(await fetchingWays()),
    ...Object.fromEntries(MECHANISMS.map((mechanism) => [passedBy(mechanism), passing(mechanism)])),
  };
  routed = await startRoutedGate({ port: judge.port, folder, ways });
  closing.push(() => routed.gate.close());
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

/** What the gate is told of each grant that fetches tokens; each has a token endpoint of its own. */
async function fetchingWays(): Promise<Record<string, object>> {
  const secret = join(folder, 'secret');
  writeFileSync(secret, 'of Postern', { mode: 0o600 });
  const fetching = async (name: string, options: Partial<Parameters<typeof startMint>[0]>, more: object) => {
    const made = await startMint({ qualities: ['good'], mailboxOf: () => SENDER, ...options });
    closing.push(() => made.close());
    mints.set(name, made);
    const common = { tokenEndpoint: made.endpoint.url, clientId: 'postern', mailbox: 'sender' };
    return { [name]: { oauth: { ...common, ...more } } };
  };
  const asApp = (mechanism: Mechanism) => ({
    grant: 'client-credentials',
    clientSecret: { file: secret },
    mechanism,
  });
  const keyFile = join(folder, 'key.pem');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(refreshTokenFile(), 'refresh-0\n', { mode: 0o600 });
  const all = [];
  for (const mechanism of MECHANISMS) {
    all.push(
      await fetching(`app ${mechanism}`, {}, asApp(mechanism)),
      await fetching(`expired ${mechanism}`, { qualities: ['expired', 'good'] }, asApp(mechanism)),
      await fetching(`forged ${mechanism}`, { qualities: ['forged'] }, asApp(mechanism)),
    );
  }
  all.push(
    await fetching(
      'refresh',
      { more: (count) => ({ refresh_token: `refresh-${count}` }) },
      { grant: 'refresh-token', clientSecret: { file: secret }, refreshTokenFile: refreshTokenFile() },
    ),
    await fetching(
      'assertion',
      { mailboxOf: ({ form }) => String(parseJwt(form.get('assertion') ?? '')?.claims['sub']) },
      { grant: 'jwt-bearer', clientKey: { file: keyFile } },
    ),
    await fetching(
      'exchange',
      {
        mailboxOf({ form }) {
          const subject = parseJwt(form.get('subject_token') ?? '')?.claims['sub'];
          if (subject !== 'exchange') throw new Error('the subject token is somebody else’s');
          return SENDER;
        },
      },
      { grant: 'token-exchange', clientSecret: { file: secret } },
    ),
  );
  return Object.assign({}, ...all);
}

const refreshTokenFile = (): string => join(folder, 'refresh-token');

/** The client whose own token is passed on, and whose mailbox is called as it is. */
const passedBy = (mechanism: Mechanism): string => `${mechanism.toLowerCase()}@example.org`;

const passing = (mechanism: Mechanism): object => ({
  port: asker.port,
  oauth: { grant: 'pass-through', mechanism, mailbox: passedBy(mechanism) },
});

/** RFC 7662: as Dovecot would by itself, had it the name of a client. */
async function askPostern(token: string): Promise<{ status: number; body: string }> {
  const client = Buffer.from('nobody:a secret of a client').toString('base64');
  const answer = await fetch(`${routed.gate.issuer}/token/introspection`, {
    method: 'POST',
    headers: { authorization: `Basic ${client}` },
    body: new URLSearchParams({ token }),
  });
  return { status: answer.status, body: await answer.text() };
}

/** To a Dovecot itself, and what it says of a token that is good for the one that judges by itself. */
async function connectDirectly(
  to: MailServer,
  mechanism: Mechanism,
): Promise<{ client: SmtpClient; reply: string[] }> {
  const { ca } = await testCertificate();
  const { client } = await greetDirectly({ port: to.port, ca });
  const head = mechanism === 'XOAUTH2' ? `user=${SENDER}` : `n,a=${SENDER},`;
  const response = Buffer.from(`${head}\x01auth=Bearer ${mint(SENDER)}\x01\x01`).toString('base64');
  return { client, reply: await client.command(`AUTH ${mechanism} ${response}`) };
}

async function sendDirectly(kind: Kind, mechanism: Mechanism): Promise<Outcome> {
  const { client, reply } = await connectDirectly(judge, mechanism);
  expectCode(reply, 235);
  const outcome = await arrivalsOf(() => submit(client, kind));
  client.destroy();
  return outcome;
}

async function sendThrough(kind: Kind, way: string): Promise<Outcome> {
  const client = await openSession(routed.gate, await routed.tokenOf(way));
  const outcome = await arrivalsOf(() => submit(client, kind));
  client.destroy();
  return outcome;
}

async function arrivalsOf(send: () => Promise<Outcome['answers']>): Promise<Outcome> {
  const before = sink.arrivals.length;
  const answers = await send();
  return { answers, arrivals: sink.arrivals.slice(before) };
}

async function expectArrives(way: string): Promise<void> {
  const { answers, arrivals } = await sendThrough(ONE, way);
  expect(answers.message.at(-1)).toMatch(/^250 /);
  expect(arrivals).toHaveLength(1);
}

describe.each(MECHANISMS)('with %s', (mechanism) => {
  test('what arrives is the same as directly', async () => {
    for (const kind of SENT) {
      const direct = await sendDirectly(kind, mechanism);
      expectSame(kind, { direct, through: await sendThrough(kind, `app ${mechanism}`) });
    }
    await until(() => judge.log().includes(`submission(${SENDER})`), 'the mailbox in Dovecot’s log');
    // One token serves them all.
    expect(mints.get(`app ${mechanism}`)?.given).toHaveLength(1);
  });

  test('a token that Dovecot takes no longer is renewed once, and the message goes through', async () => {
    const way = `expired ${mechanism}`;
    await expectArrives(way);
    expect(judge.log()).toContain('Token has expired');
    expect(mints.get(way)?.given).toHaveLength(2);
    await expectArrives(way);
    expect(mints.get(way)?.given).toHaveLength(2);
  });

  test('where no token helps, the client may try again later and the operator reads why', async () => {
    const way = `forged ${mechanism}`;
    const { answers, arrivals } = await sendThrough(ONE, way);
    expect(answers.mailFrom).toMatch(/^451 4\./);
    expect(arrivals).toEqual([]);
    const [, session = 'none'] = /\[(\w+)\]$/.exec(answers.mailFrom) ?? [];
    const line = await routed.gate.journal.find(
      (entry) => entry['code'] === 'upstream-login' && JSON.stringify(entry).includes(session),
      `upstream-login of ${session}`,
    );
    expect(line['reason']).toContain(`upstream refused ${mechanism} as ${SENDER}: 535 5.7.8`);
    expect(mints.get(way)?.given).toHaveLength(2);
  });

  test('the user’s own token is passed on, and Dovecot asks Postern about it', async () => {
    const other = await connectDirectly(asker, mechanism);
    expectCode(other.reply, 334);
    other.client.destroy();
    const asked = introspection.requests.length;
    await expectArrives(passedBy(mechanism));
    expect(introspection.requests.length).toBeGreaterThan(asked);
    await until(
      () => asker.log().includes(`submission(${passedBy(mechanism)})`),
      'the mailbox in Dovecot’s log',
    );
  });
});

test('a stored refresh token brings a token, and the new one takes its place in the file', async () => {
  await expectArrives('refresh');
  const [first] = mints.get('refresh')?.endpoint.requests ?? [];
  expect(first?.form.get('refresh_token')).toBe('refresh-0');
  expect(readFileSync(refreshTokenFile(), 'utf8').trim()).toBe('refresh-1');
});

test.each(['assertion', 'exchange'])('so do others: %s', async (way) => {
  await expectArrives(way);
  expect(mints.get(way)?.given).toHaveLength(1);
});

test('no token stands in the journal', () => {
  const given = [...mints.values()].flatMap((made) => made.given);
  const passed = introspection.requests.map(({ form }) => form.get('token') ?? '');
  expect(given.length + passed.length).toBeGreaterThan(10);
  expect(routed.gate.journal.leaks([...given, ...passed])).toEqual([]);
});
