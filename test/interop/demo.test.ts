// The demo as the newcomer meets it: `npm start`, a token, and real mail clients through 1587 and 1465 into the inbox.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Attempt, challengesIn, waysOf } from './clients/client.ts';
import { curl, curlWithInitialResponse } from './clients/curl.ts';
import { msmtp } from './clients/msmtp.ts';
import { nodemailer } from './clients/nodemailer.ts';
import { python } from './clients/python.ts';
import { DEMO, type Demo, startDemo } from './demo.ts';
import { composeLetter, expectIntact, type Letter } from './letter.ts';
import { until } from './until.ts';

const RECIPIENT = 'alice@example.org';
const ADDED = ['X-Envelope-From', 'X-Envelope-To', 'Received'];

/** Its command line takes OAUTHBEARER wherever it is offered. */
const CURLS = [curl, curlWithInitialResponse];

describe.each([
  {
    offer: ['OAUTHBEARER', 'XOAUTH2'],
    ways: [...waysOf(CURLS, ['OAUTHBEARER']), ...waysOf([msmtp, nodemailer, python])],
  },
  { offer: ['XOAUTH2'], ways: waysOf(CURLS, ['XOAUTH2']) },
])('the demo that offers $offer', ({ offer, ways }) => {
  let demo: Demo;
  let token: string;

  beforeAll(async () => {
    demo = await startDemo(offer.length === 1 ? { offer } : {});
    token = await demo.token();
  });
  afterAll(async () => {
    const leaks = demo?.journal.leaks([token]);
    await demo?.close();
    expect(leaks).toEqual([]);
  });

  const attempt = (letter: Letter, way: Pick<Attempt, 'tls' | 'mechanism'>): Attempt => ({
    port: way.tls === 'implicit' ? DEMO.implicit : DEMO.starttls,
    ca: demo.ca,
    user: DEMO.sender,
    token,
    mailFrom: DEMO.sender,
    recipients: [RECIPIENT],
    letter,
    folder: demo.folder,
    ...way,
  });
  const compose = () => composeLetter({ from: DEMO.sender, to: [RECIPIENT] });

  test.each(ways)('$name delivers with $mechanism over $tls TLS', async ({ client, mechanism, tls }) => {
    const letter = compose();
    const { delivered, told } = await client.submit(attempt(letter, { mechanism, tls }));
    expect(delivered, told).toBe(true);
    const found = demo.inbox().filter((content) => content.includes(letter.mark));
    expect(found).toHaveLength(1);
    expectIntact(found[0] as Buffer, letter, ADDED);
    expect(found[0]?.toString()).toContain(
      `X-Envelope-From: ${DEMO.sender}\r\nX-Envelope-To: ${RECIPIENT}\r\n`,
    );
    const session = sessionOf(found[0] as Buffer);
    const login = await demo.journal.find(
      (line) => line.event === 'loginSucceeded' && line['session'] === session,
      `the sign-in of session ${session}`,
    );
    expect(login).toMatchObject({ mechanism, user: DEMO.sender });
  });

  test.each(ways)('$name is told why a bad token fails with $mechanism over $tls TLS', async (way) => {
    const letter = compose();
    const { client, mechanism } = way;
    const bad = { ...attempt(letter, way), token: 'bm8tc3VjaC10b2tlbg' };
    const failures = countOf(demo, 'loginFailed');
    const { delivered, told } = await client.submit(bad);
    expect(delivered, told).toBe(false);

    const challenges = challengesIn(told);
    expect(challenges.length).toBeGreaterThan(0);
    for (const challenge of challenges) {
      expect(challenge).toEqual({
        ...(mechanism === 'OAUTHBEARER' ? { status: 'invalid_token' } : { status: '400', schemes: 'bearer' }),
        scope: 'urn:ietf:params:oauth:scope:mail',
        'openid-configuration': `${DEMO.issuer}/.well-known/openid-configuration`,
      });
    }
    if (!client.hangsUpAtChallenge?.includes(mechanism)) {
      expect(told).toMatch(/535[ -]5\.7\.8 Authentication credentials invalid \[[a-z0-9]+\]/);
    }
    // A client that tries again with the same token has failed twice.
    await until(
      () => countOf(demo, 'loginFailed') >= failures + challenges.length,
      `${challenges.length} failed sign-in(s) in the journal`,
    );
    const failed = demo.journal.lines().findLast((line) => line.event === 'loginFailed');
    expect(failed).toMatchObject({ mechanism, code: 'token-malformed' });
    expect(demo.inbox().some((content) => content.includes(letter.mark))).toBe(false);
  });

  test('the pages say how it is', async () => {
    const answers = await Promise.all(
      [`${DEMO.health}/health`, `${DEMO.health}/ready`, `${DEMO.issuer}/demo/inbox`].map((url) => fetch(url)),
    );
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(await (await fetch(`${DEMO.health}/metrics`)).text()).toMatch(/^# HELP /m);
  });
});

/** The session in which a message came, as its Received field tells. */
const sessionOf = (content: Buffer): string | undefined =>
  /\r\n\tid ([a-z0-9]+)\.1;/.exec(content.toString())?.[1];

const countOf = (demo: Demo, event: string): number =>
  demo.journal.lines().filter((line) => line.event === event).length;
