// A client's view of Postern's replies and of Postfix's own in the same dialogue: every difference stands in docs/differences.md.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';
import { freePorts } from './ports.ts';
import { startPostfix } from './postfix.ts';
import { DIALOGUES, type Dialogue, type Stage } from './reply-dialogues.ts';
import { type SaslServer, startSaslServer } from './sasl-server.ts';
import { expectCode, initialResponse } from './session.ts';
import { read } from './submit.ts';
import { openTwoWays, type TwoWays } from './two-ways.ts';
import { type Row, writtenRows } from './written-differences.ts';

let ways: TwoWays;
let sasl: SaslServer;
/** Postfix's own listener for submission, with sign-in. */
let port: number;
let tokens: { readonly postern: string; readonly postfix: string };

const GOOD_FOR_POSTFIX = 'a-good-token-for-postfix';

beforeAll(async () => {
  sasl = await startSaslServer(GOOD_FOR_POSTFIX);
  [port] = (await freePorts(1)) as [number];
  ways = await openTwoWays({
    submission: { maxCommandErrors: 1000, maxLoginFailures: 100, maxUnauthenticatedCommands: 1000 },
    startServer: ({ sink }) =>
      startPostfix({
        sink,
        settings: {
          // Mail goes anywhere for who has signed in, and for Postern.
          mynetworks: '127.0.0.0/8',
          smtpd_relay_restrictions: 'permit_mynetworks, reject',
          relayhost: `[127.0.0.1]:${sink}`,
          smtpd_sasl_type: 'dovecot',
          smtpd_sasl_path: `inet:127.0.0.1:${sasl.port}`,
          // Here both stumble on purpose, and over kept connections Postern does so for many clients.
          smtpd_soft_error_limit: '1000',
          smtpd_hard_error_limit: '1001',
        },
        // As Debian's master.cf suggests it for port 587.
        submission: {
          port,
          settings: {
            smtpd_sasl_auth_enable: 'yes',
            smtpd_tls_auth_only: 'yes',
            smtpd_relay_restrictions: 'permit_sasl_authenticated, reject',
          },
        },
      }),
  });
  tokens = { postern: await ways.gate.token(), postfix: GOOD_FOR_POSTFIX };
});
afterAll(async () => {
  await ways?.close();
  await sasl?.close();
});

interface Exchange {
  readonly said: string;
  /** Code and enhanced code, or `closed`. */
  readonly reply: string;
}

async function play(dialogue: Dialogue, server: 'postern' | 'postfix'): Promise<Exchange[]> {
  const good = initialResponse(tokens[server]);
  const client = await connect({ stage: dialogue.stage, server, good });
  const exchanges: Exchange[] = [];
  for (const say of dialogue.says) {
    const pieces = typeof say === 'string' ? [say] : say;
    await client.write(Buffer.concat(pieces.map((piece) => octets(piece, good))));
    const answered = pieces.length === 1 ? pieces : pieces.filter((piece) => !piece.startsWith('='));
    for (const piece of answered) exchanges.push({ said: shown(piece), reply: codes(await read(client)) });
  }
  client.destroy();
  return exchanges;
}

async function connect(given: {
  stage: Stage;
  server: 'postern' | 'postfix';
  good: string;
}): Promise<SmtpClient> {
  const client = await connectSmtp({
    host: '127.0.0.1',
    port: given.server === 'postern' ? ways.gate.ports.starttls : port,
    implicitTls: false,
    ca: readFileSync(ways.gate.ca, 'utf8'),
    timeLimit: 60_000,
  });
  expectCode(await client.readReply(), 220);
  if (given.stage === 'clear') return client;
  expectCode(await client.command('EHLO client.example.org'), 250);
  expectCode(await client.command('STARTTLS'), 220);
  await client.startTls();
  expectCode(await client.command('EHLO client.example.org'), 250);
  if (given.stage === 'signed-in') expectCode(await client.command(`AUTH XOAUTH2 ${given.good}`), 235);
  return client;
}

function octets(piece: string, good: string): Buffer {
  if (piece.startsWith('=')) return Buffer.from(piece.slice(1), 'latin1');
  return Buffer.from(`${piece.replace('{good}', good).replace('{bad}', initialResponse('a-bad-token'))}\r\n`);
}

/** As it stands in the page: one line, not too long, with blanks at its ends to be seen. */
function shown(piece: string): string {
  const line = piece.replace(/^=/, '').replace(/^ +| +$/g, (blanks) => '␣'.repeat(blanks.length));
  const text = JSON.stringify(line).slice(1, -1).replaceAll('\\"', '"');
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function codes(reply: string): string {
  const [, code, enhanced] = /^(\d{3})[ -](\d\.\d+\.\d+)?/.exec(reply) ?? [];
  return [code ?? reply, enhanced].filter(Boolean).join(' ');
}

/** The page has them by their reasons. */
const inOrder = (rows: readonly Row[]): Row[] =>
  rows.toSorted((one, other) => (one.join() < other.join() ? -1 : 1));

describe('the same reply', () => {
  const written = writtenRows('Replies');

  test.each(DIALOGUES)('$stage: $name', async (dialogue) => {
    const [postern, postfix] = [await play(dialogue, 'postern'), await play(dialogue, 'postfix')];
    const differences = postern.flatMap(({ said, reply }, at) => {
      const other = postfix[at]?.reply ?? '';
      return reply === other ? [] : [[dialogue.name, said, reply, other]];
    });
    expect(inOrder(differences)).toEqual(inOrder(written.filter(([name]) => name === dialogue.name)));
  });

  test('the page names no dialogue that is not played', () => {
    const names = new Set(DIALOGUES.map(({ name }) => name));
    expect(names.size).toBe(DIALOGUES.length);
    expect(written.filter(([name = '']) => !names.has(name))).toEqual([]);
  });
});
