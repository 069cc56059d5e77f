// nodemailer's own recovery: its token has expired, the 334 challenge makes it fetch another, and the same connection goes on.

import { readFileSync } from 'node:fs';
import { createTransport } from 'nodemailer';
import { expect, onTestFinished, test } from 'vitest';
import { traceOf } from './clients/nodemailer-trace.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { SENDER, startGate } from './gate.ts';
import { composeLetter, expectIntact } from './letter.ts';
import { startSink } from './sink.ts';
import { until } from './until.ts';

const RECIPIENT = 'alice@example.org';

test('an expired token is replaced on the connection at hand, and the message arrives', async () => {
  const folder = makeFolder('recovery');
  const sink = await startSink(folder);
  const gate = await startGate({
    upstream: { port: sink.port },
    authorization: { accessTokenLifetime: '10s' },
    token: { leeway: '0s' },
  });
  onTestFinished(async () => {
    await gate.close();
    await sink.close();
    removeFolder(folder);
  });
  const expired = await gate.token();
  await until(() => expiryOf(expired) < Date.now(), 'the token to expire');

  const asked: { user: string; renew: boolean }[] = [];
  const trace = traceOf();
  const transport = createTransport({
    host: 'localhost',
    port: gate.ports.starttls,
    requireTLS: true,
    tls: { ca: readFileSync(gate.ca) },
    auth: {
      type: 'OAuth2',
      user: SENDER,
      accessToken: expired,
      provisionCallback: (user, renew, done) => {
        asked.push({ user, renew });
        gate.token().then(
          (token) => done(null, token),
          (error: Error) => done(error),
        );
      },
    },
    logger: trace.logger,
    debug: true,
  });
  onTestFinished(() => transport.close());
  const letter = composeLetter({ from: SENDER, to: [RECIPIENT] });
  await transport.sendMail({ envelope: { from: SENDER, to: [RECIPIENT] }, raw: letter.bytes });

  const arrival = await sink.find(({ head }) => head.includes(letter.mark), 'the letter');
  expectIntact(arrival.content(), letter, ['Received']);
  expect(asked).toEqual([{ user: SENDER, renew: true }]);
  await gate.journal.find(({ event }) => event === 'sessionClosed', 'the end of the session');
  const story = gate.journal.lines().filter((line) => 'session' in line);
  expect(new Set(story.map((line) => line['session'])).size).toBe(1);
  expect(story.map(({ event, code }) => [event, code].filter(Boolean).join(' '))).toEqual([
    'sessionOpened',
    'loginFailed token-expired',
    'loginSucceeded',
    'messageAccepted',
    'sessionClosed',
  ]);
});

/** Milliseconds since the epoch, from the token's own claim. */
function expiryOf(token: string): number {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    exp: number;
  };
  return claims.exp * 1000;
}
