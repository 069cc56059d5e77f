// The relay against a scripted upstream: what each fault at each step becomes, and that no broken message is completed.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../../src/setting.ts';
import { testCertificate } from '../../support/certificates.ts';
import {
  ALICE,
  BOB,
  begin,
  ORIGIN,
  relay,
  send,
  start,
  stop,
  upstream,
} from '../../support/relay-situation.ts';
import { hangUp, raw, reply, silence, type UpstreamStep } from '../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../support/steady-time.ts';

useSteadyTime();

beforeEach(() => start());
afterEach(stop);

/** The CA of the upstream's certificate as a file, as the settings want it. */
async function authorityFile(): Promise<string> {
  const file = join(mkdtempSync(join(tmpdir(), 'postern-relay-')), 'ca.pem');
  writeFileSync(file, (await testCertificate()).ca);
  return file;
}

describe('a message', () => {
  test('arrives with its envelope, and the connection serves the next', async () => {
    expect(await send()).toMatchObject({ code: 250 });
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.accepted).toHaveLength(2);
    expect(upstream.connections).toHaveLength(1);
  });

  test('passes on ESMTP parameters the upstream offers, and never the client’s AUTH=', async () => {
    const parameters = { SIZE: '100', BODY: '8BITMIME', AUTH: 'mallory@example.org', RET: 'HDRS' } as const;
    await start({ login: { user: 'gate', password: 'p' } });
    await relay.begin({ address: 'alice@example.org', parameters }, ORIGIN);
    await upstream.received('MAIL FROM:<alice@example.org> SIZE=100 BODY=8BITMIME AUTH=<> RET=HDRS\r\n');
  });

  test('that needs what the upstream lacks is refused, and nothing is said to the upstream', async () => {
    await start({ keywords: ['PIPELINING'] });
    const refused = await relay.begin(
      { address: 'älice@example.org', parameters: { SMTPUTF8: true } },
      ORIGIN,
    );
    expect(refused).toMatchObject({ code: 'utf8-sender-unavailable' });
    expect(upstream.connections[0]?.received.toString()).not.toContain('MAIL');
    expect(await relay.begin({ ...ALICE, parameters: { SIZE: '1', BODY: '7BIT' } }, ORIGIN)).toMatchObject({
      reply: { code: 250 },
    });
  });

  test('given up before DATA leaves the connection fit for the next', async () => {
    const transaction = await begin();
    await transaction.reset();
    expect(await send()).toMatchObject({ code: 250 });
    expect(upstream.connections).toHaveLength(1);
  });

  test('given up in mid-body never gets its final dot', async () => {
    const transaction = await begin();
    await transaction.recipient(BOB);
    await transaction.data();
    transaction.write('Subject: half\r\n\r\n');
    await upstream.received('Subject: half');
    transaction.abort();
    await upstream.until(() => upstream.connections[0]?.closed === true, 'the connection to be cut');
    expect(upstream.accepted).toEqual([]);
    expect(upstream.incomplete).toHaveLength(1);
  });
});

const ANSWERS: [UpstreamStep, string, ReturnType<typeof reply>, unknown][] = [];
for (const step of ['MAIL', 'RCPT', 'DATA', 'end'] as const) {
  ANSWERS.push(
    [step, 'its own 4xx', reply('450 4.2.1 later'), { code: 450, lines: ['4.2.1 later'] }],
    [step, 'its own 5xx', reply('550 5.7.1 never'), { code: 550, lines: ['5.7.1 never'] }],
    [step, 'a 421', hangUp('421 4.3.2 bye'), { refused: true, code: 'upstream-unavailable' }],
    [step, 'hanging up', hangUp(), { refused: true, code: 'upstream-lost' }],
    [step, 'silence', silence(), { refused: true, code: 'upstream-timeout' }],
    [step, 'garbage', raw('what?\r\n'), { refused: true, code: 'upstream-protocol' }],
    [
      step,
      'a reply of the wrong class',
      reply(step === 'DATA' ? '250 hello' : '354 hello'),
      { refused: true, code: 'upstream-protocol' },
    ],
    [step, 'asking for a login', reply('530 5.7.0 sign in'), { refused: true, code: 'upstream-login' }],
  );
}

describe('the upstream’s answer', () => {
  test.each(ANSWERS)('to %s: %s', async (step, _what, answer, expected) => {
    await start({}, { replyTimeout: 500, finalReplyTimeout: 500 });
    upstream.on(step, answer);
    expect(await send()).toMatchObject(expected as object);
    expect(upstream.accepted).toEqual([]);
  });

  test('in mid-body is the verdict, and no final dot follows', async () => {
    upstream.on('body', reply('552 5.3.4 too much'), { match: 'hello', times: 1 });
    const transaction = await begin();
    await transaction.recipient(BOB);
    await transaction.data();
    transaction.write('Subject: x\r\n\r\nhello\r\n');
    await upstream.received('hello');
    await expect.poll(() => transaction.verdict).toMatchObject({ code: 552 });
    expect(await transaction.finish(Buffer.from('more\r\n'))).toMatchObject({ code: 552 });
    expect(upstream.incomplete).toHaveLength(1);
    expect(await send('Subject: next\r\n\r\n')).toMatchObject({ code: 250 });
  });
});

describe('TLS and login', () => {
  test.each(['starttls', 'implicit'] as const)('%s, signed in', async (tls) => {
    const login = { user: 'gate', password: 'upstream-password' };
    const ca = await authorityFile();
    const secured = {
      tls,
      serverName: 'localhost',
      ca,
      login: { user: login.user, password: new Secret(login.password) },
    };
    await start({ tls, login }, secured);
    expect(await send()).toMatchObject({ code: 250 });
  });

  test('a certificate that nobody vouches for is refused', async () => {
    await start({ tls: 'implicit' }, { tls: 'implicit', serverName: 'localhost' });
    expect(await send()).toMatchObject({ code: 'upstream-unavailable' });
  });

  test.each([1, 3])(
    'authorities that can no longer be read: refused, and when they can, it goes on (%d at once)',
    async (count) => {
      const ca = await authorityFile();
      await start({ tls: 'implicit' }, { tls: 'implicit', serverName: 'localhost', ca, maxConnections: 1 });
      rmSync(ca);
      const outcomes = await Promise.all(Array.from({ length: count }, () => send()));
      for (const outcome of outcomes) expect(outcome).toMatchObject({ code: 'upstream-unavailable' });
      expect(await send()).toMatchObject({ code: 'upstream-unavailable' });
      writeFileSync(ca, (await testCertificate()).ca);
      expect(await send()).toMatchObject({ code: 250 });
    },
  );

  test('an upstream without STARTTLS is refused where TLS is required', async () => {
    await start({ tls: 'none' }, { tls: 'starttls' });
    expect(await send()).toMatchObject({ refused: true });
    expect(upstream.connections[0]?.received.toString()).not.toContain('MAIL');
  });

  test('a refused login is no refusal of the client’s, and the password is in no reason', async () => {
    const ca = await authorityFile();
    const login = { user: 'gate', password: new Secret('wrong-password') };
    await start(
      { tls: 'implicit', login: { user: 'gate', password: 'right' } },
      { tls: 'implicit', serverName: 'localhost', ca, login },
    );
    const refused = await send();
    expect(refused).toMatchObject({ code: 'upstream-login' });
    expect(JSON.stringify(refused)).not.toContain('wrong-password');
    expect(JSON.stringify(refused)).not.toContain(Buffer.from('\0gate\0wrong-password').toString('base64'));
  });
});
