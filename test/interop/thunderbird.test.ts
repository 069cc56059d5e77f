// Thunderbird through Postern: its own OAuth and SMTP, on both ports, and what its user is told.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Attempt } from './clients/client.ts';
import { startThunderbird, type Thunderbird } from './clients/thunderbird.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, SENDER, startGate } from './gate.ts';
import { composeLetter, expectIntact, type Letter } from './letter.ts';
import { type Sink, startSink } from './sink.ts';

const ALICE = 'alice@example.org';
const BOB = 'bob@example.org';

let folder: string;
let sink: Sink;
let gate: Gate;
let token: string;
let thunderbird: Thunderbird;

beforeAll(async () => {
  folder = makeFolder('clients');
  sink = await startSink(folder);
  gate = await startGate({ upstream: { port: sink.port } });
  token = await gate.token();
  thunderbird = await startThunderbird();
});
afterAll(async () => {
  await thunderbird?.close();
  const leaks = gate?.journal.leaks([token]);
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
  expect(leaks).toEqual([]);
});

function attempt(letter: Letter, more: Partial<Attempt> = {}): Attempt {
  const tls = more.tls ?? 'starttls';
  const port = gate.ports[tls];
  const given = { mechanism: 'XOAUTH2', ca: gate.ca, user: SENDER, mailFrom: SENDER, token, folder } as const;
  return { ...given, tls, port, recipients: [ALICE], letter, ...more };
}

const hasArrived = (letter: Letter) => sink.arrivals.some(({ head }) => head.includes(letter.mark));

test.each(['starttls', 'implicit'] as const)(
  'a message goes over %s TLS to two people, byte for byte',
  async (tls) => {
    const recipients = [ALICE, BOB];
    const letter = composeLetter({ from: SENDER, to: recipients });
    const { delivered, told } = await thunderbird.submit(attempt(letter, { tls, recipients }));
    expect(delivered, told).toBe(true);
    const arrival = await sink.find(({ head }) => head.includes(letter.mark), 'the letter');
    expect([arrival.mailFrom, ...arrival.recipients]).toEqual([SENDER, ...recipients]);
    expectIntact(arrival.content(), letter, ['Received']);
  },
);

test('its user is asked what to do when a token is not taken', async () => {
  const letter = composeLetter({ from: SENDER, to: [ALICE] });
  const bad = attempt(letter, { token: 'bm8tc3VjaC10b2tlbg' });
  const { delivered, told } = await thunderbird.submit(bad);
  expect(delivered).toBe(false);
  expect(told).toBe(`Login to server 127.0.0.1 with username ${SENDER} failed.`);
  await gate.journal.find(({ code }) => code === 'token-malformed', 'the failed sign-in');
  expect(hasArrived(letter)).toBe(false);
});

test.each([
  { whose: 'sender', mailFrom: BOB, says: 'Not authorized to send from this address [' },
  { whose: 'header From', mailFrom: SENDER, says: 'Not authorized to send with this header From [' },
])("its user is told that the $whose is somebody else's", async ({ mailFrom, says }) => {
  const letter = composeLetter({ from: BOB, to: [ALICE] });
  const { delivered, told } = await thunderbird.submit(attempt(letter, { mailFrom }));
  expect(delivered, told).toBe(false);
  expect(told).toContain(says);
  expect(hasArrived(letter)).toBe(false);
});
