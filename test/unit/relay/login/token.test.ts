// Signing in with an access token: OAUTHBEARER and XOAUTH2 against scripted upstreams that refuse as Google, Microsoft and Dovecot do.

import { describe, expect, test } from 'vitest';
import { type Refusal, refuse } from '../../../../src/refusal.ts';
import type { TokenSource } from '../../../../src/relay/login/token-source.ts';
import { fitsInCommand } from '../../../../src/relay/login/token-words.ts';
import type { UpstreamSettings } from '../../../../src/relay/settings.ts';
import { Secret } from '../../../../src/setting.ts';
import {
  hangUp,
  reply,
  type ScriptedUpstreamOptions,
  type UpstreamAnswer,
} from '../../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';
import {
  ACCOUNT,
  MAILBOX,
  signInAt,
  startUpstream,
  upstreamSettings,
} from '../../../support/upstream-connection.ts';

useSteadyTime();

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const withToken = (
  mechanism?: 'XOAUTH2' | 'OAUTHBEARER',
  more: Partial<UpstreamSettings> = {},
): UpstreamSettings =>
  upstreamSettings({
    oauth: {
      grant: 'client-credentials',
      mailbox: 'sender',
      scopes: [],
      timeout: 10_000,
      ...(mechanism ? { mechanism } : {}),
    },
    ...more,
  });

type Request = Parameters<TokenSource['token']>[0];

/** Gives one after the other; the last again and again. Writes down what it was asked. */
function tokenSource(...answers: readonly (string | Refusal)[]): TokenSource & { asked: Request[] } {
  const left = [...answers];
  const asked: Request[] = [];
  return {
    asked,
    async token(request) {
      asked.push(request);
      const next = (left.length > 1 ? left.shift() : left[0]) ?? '';
      return typeof next === 'string' ? new Secret(next) : next;
    },
    close: () => undefined,
  };
}

const WELCOME = reply('235 2.7.0 Accepted');
const xoauth2 = (token: string, mailbox = MAILBOX): string =>
  base64(`user=${mailbox}\x01auth=Bearer ${token}\x01\x01`);
const oauthBearer = (token: string, identity = MAILBOX): string =>
  base64(`n,a=${identity},\x01auth=Bearer ${token}\x01\x01`);

/** Google, https://developers.google.com/workspace/gmail/imap/xoauth2-protocol: a challenge of JSON, an empty answer, then 535. */
const GOOGLE_JSON = '{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}';
const GOOGLE_NO = reply(
  '535-5.7.8 Username and Password not accepted. For more information, go to',
  '535 5.7.8  https://support.google.com/mail/?p=BadCredentials a1-20020a05 - gsmtp',
);
const google = (good: string): ScriptedUpstreamOptions => ({
  mechanisms: {
    XOAUTH2: (lines) => {
      if (lines.length === 0) return reply('334 ');
      if (lines[0] === xoauth2(good)) return WELCOME;
      return lines.length === 1 ? reply(`334 ${base64(GOOGLE_JSON)}`) : GOOGLE_NO;
    },
  },
});

/** Exchange Online: no JSON, 535 at once. */
const MICROSOFT_NO = reply(
  '535 5.7.3 Authentication unsuccessful [AM0PR01CA0101.eurprd01.prod.exchangelabs.com]',
);
const microsoft = (good: string): ScriptedUpstreamOptions => ({
  mechanisms: {
    XOAUTH2: (lines) => {
      if (lines.length === 0) return reply('334 ');
      return lines[0] === xoauth2(good) ? WELCOME : MICROSOFT_NO;
    },
  },
});

/** Dovecot, src/lib-sasl/sasl-server-mech-oauth2.c: JSON by RFC 7628 §3.2.2, then 535 after ^A alone. */
const DOVECOT_JSON =
  '{"status":"invalid_token","scope":"mail","openid-configuration":"https://as.example/c"}';
const dovecot = (good: string, identity = MAILBOX): ScriptedUpstreamOptions => ({
  mechanisms: {
    OAUTHBEARER: (lines) => {
      if (lines.length === 0) return reply('334 ');
      if (lines[0] === oauthBearer(good, identity)) return WELCOME;
      if (lines.length === 1) return reply(`334 ${base64(DOVECOT_JSON)}`);
      return lines[1] === 'AQ=='
        ? reply('535 5.7.8 Authentication failed.')
        : reply('501 5.5.2 Invalid base64');
    },
  },
});

const UPSTREAMS = [
  ['Google', google],
  ['Microsoft', microsoft],
  ['Dovecot', dovecot],
] as const;

describe('a token', () => {
  test.each(UPSTREAMS)('that is good signs in at %s', async (_, upstreamOf) => {
    const upstream = await startUpstream(upstreamOf('good'));
    const tokens = tokenSource('good');
    expect(await signInAt(upstream, withToken(), { tokens })).toBeUndefined();
    expect(tokens.asked).toEqual([{ mailbox: MAILBOX, userToken: undefined }]);
    expect(upstream.connections[0]?.exchanged).toEqual([]);
  });

  test.each(UPSTREAMS)(
    'of 3 KB goes in a line of its own at %s, after a bare AUTH',
    async (_, upstreamOf) => {
      const long = 'eyJ0eXAiOiJKV1Qi.'.repeat(180);
      const upstream = await startUpstream(upstreamOf(long));
      expect(await signInAt(upstream, withToken(), { tokens: tokenSource(long) })).toBeUndefined();
      expect(upstream.connections[0]?.commands.at(-1)).toMatch(/^AUTH (XOAUTH2|OAUTHBEARER)$/);
      expect(upstream.connections[0]?.exchanged).toHaveLength(1);
    },
  );

  test('of the user goes to the source along with the mailbox', async () => {
    const upstream = await startUpstream(google('good'));
    const tokens = tokenSource('good');
    const userToken = new Secret('of the user');
    await signInAt(upstream, withToken(), { tokens, account: { ...ACCOUNT, userToken } });
    expect(tokens.asked).toEqual([{ mailbox: MAILBOX, userToken }]);
  });

  test('goes by OAUTHBEARER where both are offered, unless XOAUTH2 is set', async () => {
    const both = { mechanisms: { ...google('good').mechanisms, ...dovecot('good').mechanisms } };
    const upstream = await startUpstream(both);
    expect(await signInAt(upstream, withToken(), { tokens: tokenSource('good') })).toBeUndefined();
    expect(await signInAt(upstream, withToken('XOAUTH2'), { tokens: tokenSource('good') })).toBeUndefined();
    expect(upstream.connections.map(({ commands }) => commands.at(-1))).toEqual([
      `AUTH OAUTHBEARER ${oauthBearer('good')}`,
      `AUTH XOAUTH2 ${xoauth2('good')}`,
    ]);
  });

  test('writes "=" and "," of the mailbox as RFC 5801 §4 wants it', async () => {
    const mailbox = 'a=b,c@example.org';
    const upstream = await startUpstream(dovecot('good', 'a=3Db=2Cc@example.org'));
    const account = { ...ACCOUNT, mailbox };
    expect(await signInAt(upstream, withToken(), { tokens: tokenSource('good'), account })).toBeUndefined();
  });

  test.each([
    ['a mailbox with a control character', { mailbox: `x\x01auth=Bearer stolen\x01\x01` }, 'good'],
    ['no mailbox', { mailbox: undefined }, 'good'],
    ['a token with a control character', {}, 'good\x01\x01'],
    ['a token of two lines', {}, 'good\r\nAUTH PLAIN x'],
    ['a token beyond ASCII', {}, 'gööd'],
    ['an empty token', {}, ''],
  ])('is not sent with %s', async (_, account, token) => {
    const upstream = await startUpstream(google(token));
    expect(
      await signInAt(upstream, withToken(), {
        tokens: tokenSource(token),
        account: { ...ACCOUNT, ...account },
      }),
    ).toMatchObject({ code: 'upstream-login' });
    expect(upstream.connections[0]?.commands).toHaveLength(1);
  });

  test.each([
    [['AUTH PLAIN LOGIN'], undefined, /not OAUTHBEARER or XOAUTH2; it takes a password: set `login`/],
    [['AUTH XOAUTH2'], 'OAUTHBEARER', /not OAUTHBEARER; set `oauth.mechanism` to one of those/],
    [[], undefined, /offers no AUTH at all/],
  ] as const)('is not fetched where the upstream offers %j', async (keywords, mechanism, reason) => {
    const upstream = await startUpstream({ keywords });
    const tokens = tokenSource('good');
    expect(await signInAt(upstream, withToken(mechanism), { tokens })).toMatchObject({
      code: 'upstream-login',
      reason: expect.stringMatching(reason),
    });
    expect(tokens.asked).toEqual([]);
  });

  test.each(['upstream-login', 'upstream-unavailable'] as const)(
    'that can’t be had is told as the source tells it: %s',
    async (code) => {
      const upstream = await startUpstream(google('good'));
      const refusal = refuse(code, 'the token server says no');
      expect(await signInAt(upstream, withToken(), { tokens: tokenSource(refusal) })).toEqual(refusal);
      expect(upstream.connections[0]?.commands).toHaveLength(1);
    },
  );

  test('without a source of any is a refusal', async () => {
    const upstream = await startUpstream(google('good'));
    expect(await signInAt(upstream, withToken())).toMatchObject({ code: 'upstream-login' });
  });

  test('may take its time: that does not count as the upstream’s', async () => {
    const upstream = await startUpstream(google('good'));
    const tokens: TokenSource = {
      token: () => new Promise((resolve) => setTimeout(() => resolve(new Secret('good')), 800)),
      close: () => undefined,
    };
    expect(
      await signInAt(upstream, withToken(undefined, { connectTimeout: 500 }), { tokens }),
    ).toBeUndefined();
  });
});

// RFC 4954 §4 with RFC 5321 §4.5.3.1.4: 512 octets, CRLF included.
test('a command may have 510 octets before its CRLF', () => {
  expect(fitsInCommand('x'.repeat(510))).toBe(true);
  expect(fitsInCommand('x'.repeat(511))).toBe(false);
});

describe('a token that the upstream refuses', () => {
  test.each(UPSTREAMS)('is renewed once, on the same connection, at %s', async (_, upstreamOf) => {
    const upstream = await startUpstream(upstreamOf('new'));
    const tokens = tokenSource('old', 'new');
    expect(await signInAt(upstream, withToken(), { tokens })).toBeUndefined();
    expect(tokens.asked.map(({ refused }) => refused?.reveal())).toEqual([undefined, 'old']);
    expect(upstream.connections).toHaveLength(1);
  });

  test.each([
    ['Google', google, '', `535 5.7.8 Username and Password not accepted. For more`, GOOGLE_JSON],
    ['Microsoft', microsoft, undefined, '535 5.7.3 Authentication unsuccessful [AM0PR01CA0101', undefined],
    ['Dovecot', dovecot, 'AQ==', '535 5.7.8 Authentication failed.', DOVECOT_JSON],
  ] as const)('twice is given up, and told in the words of %s', async (_, upstreamOf, word, words, json) => {
    const upstream = await startUpstream(upstreamOf('another'));
    const tokens = tokenSource('old', 'new', 'newer');
    const refusal = await signInAt(upstream, withToken(), { tokens });
    expect(refusal).toMatchObject({ code: 'upstream-login', reason: expect.stringContaining(words) });
    expect(refusal?.reason).toContain(`as ${MAILBOX}`);
    if (json !== undefined) expect(refusal?.reason).toContain(json);
    expect(tokens.asked).toHaveLength(2);
    expect(upstream.connections[0]?.exchanged).toEqual(word === undefined ? [] : [word, word]);
  });

  test('and for which there is no other is not tried again', async () => {
    const upstream = await startUpstream(microsoft('another'));
    const tokens = tokenSource('old');
    expect(await signInAt(upstream, withToken(), { tokens })).toMatchObject({ code: 'upstream-login' });
    expect(upstream.connections[0]?.commands.filter((line) => line.startsWith('AUTH'))).toHaveLength(1);
  });

  test('and whose renewal fails is told with both reasons', async () => {
    const upstream = await startUpstream(microsoft('another'));
    const tokens = tokenSource('old', refuse('upstream-unavailable', 'the token server is away'));
    expect(await signInAt(upstream, withToken(), { tokens })).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringMatching(/535 5\.7\.3 .*; no other token: the token server is away/),
    });
  });

  test('by an upstream that then hangs up: the renewed one is for the next connection', async () => {
    const upstream = await startUpstream({
      mechanisms: { XOAUTH2: ([said]) => (said === xoauth2('new') ? WELCOME : hangUp('535 5.7.3 no')) },
    });
    const tokens = tokenSource('old', 'new');
    const waiting: TokenSource = {
      ...tokens,
      async token(request) {
        if (request.refused) await upstream.until(() => upstream.connections[0]?.closed === true, 'the end');
        return tokens.token(request);
      },
    };
    expect(await signInAt(upstream, withToken(), { tokens: waiting })).toMatchObject({
      code: 'upstream-lost',
      reason: expect.stringMatching(/535 5\.7\.3 no; then, with a renewed token, /),
    });
    expect(await signInAt(upstream, withToken(), { tokens })).toBeUndefined();
  });

  test('by two connections at once is renewed for both, each naming the refused one', async () => {
    const upstream = await startUpstream(google('new'));
    let current = 'old';
    let renewals = 0;
    const tokens: TokenSource = {
      async token({ refused }) {
        if (refused?.reveal() === current) {
          renewals += 1;
          current = 'new';
        }
        return new Secret(current);
      },
      close: () => undefined,
    };
    const both = [signInAt(upstream, withToken(), { tokens }), signInAt(upstream, withToken(), { tokens })];
    expect(await Promise.all(both)).toEqual([undefined, undefined]);
    expect(renewals).toBe(1);
  });

  test.each([
    ['454 4.7.0 Temporary authentication failure', 'upstream-unavailable'],
    ['432 4.3.2 Concurrent connections limit exceeded', 'upstream-busy'],
    ['421 4.7.0 Try again later, closing connection', 'upstream-busy'],
    ['504 5.7.4 Unrecognized authentication type', 'upstream-login'],
    ['530 5.7.57 Client not authenticated to send mail', 'upstream-login'],
  ])('for a reason of another kind is not renewed: %s', async (line, code) => {
    const upstream = await startUpstream({ mechanisms: { XOAUTH2: () => reply(line) } });
    const tokens = tokenSource('old', 'new');
    expect(await signInAt(upstream, withToken(), { tokens })).toMatchObject({
      code,
      reason: expect.stringContaining(line),
    });
    expect(tokens.asked).toHaveLength(1);
  });

  test('by a challenge is renewed, whatever the final reply is then', async () => {
    const upstream = await startUpstream({
      mechanisms: {
        XOAUTH2: (lines) => {
          if (lines[0] === xoauth2('new')) return WELCOME;
          return lines.length === 1 ? reply(`334 ${base64(GOOGLE_JSON)}`) : reply('501 5.5.2 cannot decode');
        },
      },
    });
    expect(await signInAt(upstream, withToken(), { tokens: tokenSource('old', 'new') })).toBeUndefined();
  });

  test('by challenges without end is cancelled', async () => {
    const upstream = await startUpstream({
      mechanisms: {
        XOAUTH2: (lines) =>
          lines.at(-1) === '*' ? reply('501 5.7.0 cancelled') : reply(`334 ${base64('{"a":1}')}`),
      },
    });
    const tokens = tokenSource('old', 'new');
    expect(await signInAt(upstream, withToken(), { tokens })).toMatchObject({
      code: 'upstream-protocol',
      reason: `upstream asked for more than XOAUTH2 as ${MAILBOX} has to say ({"a":1})`,
    });
    expect(upstream.connections[0]?.exchanged).toEqual(['', '*']);
    expect(tokens.asked).toHaveLength(1);
  });

  test.each([
    ['no base64', '334 !!!not base64!!!'],
    ['base64 of no JSON', `334 ${base64('\x00\x1b[31mevil')}`],
    ['nothing, without the blank', '334'],
    ['JSON with control characters', `334 ${base64('{"status":"\x1b[31m"}')}`],
  ])('with a challenge of %s comes to its end all the same', async (_, line) => {
    const upstream = await startUpstream({
      mechanisms: {
        XOAUTH2: (lines): UpstreamAnswer => (lines.length === 1 ? reply(line) : reply('535 5.7.8 no')),
      },
    });
    const refusal = await signInAt(upstream, withToken(), { tokens: tokenSource('old') });
    expect(refusal?.code).toBe('upstream-login');
    expect(refusal?.reason).toBe(`upstream refused XOAUTH2 as ${MAILBOX}: 535 5.7.8 no`);
  });

  const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';

  test.each([
    ['in the reply', (sent: string) => [reply(`535 5.7.8 bad: ${sent}`)]],
    ['in the reply, decoded', () => [reply(`535 5.7.8 bad: Bearer ${TOKEN}`)]],
    ['in the reply, in part', () => [reply(`535 5.7.8 bad signature ${TOKEN.slice(-20)}`)]],
    ['in the reply, in base64', () => [reply(`535 5.7.8 bad: ${base64(TOKEN)}`)]],
    [
      'in the challenge',
      () => [reply(`334 ${base64(`{"status":"400","token":"${TOKEN}"}`)}`), reply('535 no')],
    ],
    ['in a farewell', (sent: string) => [reply(`421 4.7.0 ${sent}`)]],
  ])('and echoes %s is in no reason', async (_, answers) => {
    const upstream = await startUpstream({
      mechanisms: {
        XOAUTH2: ([sent = ''], session) => answers(sent)[session.exchanged.length] ?? reply('535 no'),
      },
    });
    const { reason = '' } = (await signInAt(upstream, withToken(), { tokens: tokenSource(TOKEN) })) ?? {};
    expect(reason).toContain('[secret]');
    for (const form of [TOKEN, base64(TOKEN), xoauth2(TOKEN)])
      for (let at = 0; at + 8 <= form.length; at += 1) expect(reason).not.toContain(form.slice(at, at + 8));
  });
});
