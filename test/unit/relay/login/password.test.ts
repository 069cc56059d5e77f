// Signing in with a password or a client certificate: PLAIN, LOGIN, EXTERNAL against a scripted upstream.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { signIn } from '../../../../src/relay/login/sign-in.ts';
import type { UpstreamSettings } from '../../../../src/relay/settings.ts';
import { Secret } from '../../../../src/setting.ts';
import { makeAuthority } from '../../../support/certificate-maker.ts';
import {
  hangUp,
  held,
  raw,
  reply,
  type ScriptedUpstreamOptions,
  silence,
  type UpstreamAnswer,
} from '../../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';
import {
  ACCOUNT,
  authorityFile,
  connectTo,
  file,
  signInAt,
  startUpstream,
  upstreamSettings,
} from '../../../support/upstream-connection.ts';

useSteadyTime();

const PASSWORD = 'correct horse battery staple';
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

const withLogin = (
  login: { user?: string; password?: string; mechanism?: 'PLAIN' | 'LOGIN' } = {},
  more: Partial<UpstreamSettings> = {},
): UpstreamSettings =>
  upstreamSettings({
    login: {
      user: login.user ?? 'gate',
      password: new Secret(login.password ?? PASSWORD),
      ...(login.mechanism ? { mechanism: login.mechanism } : {}),
    },
    ...more,
  });

/** Offers PLAIN and LOGIN as an MTA does that knows one account. */
const knowing = (user = 'gate', password = PASSWORD): ScriptedUpstreamOptions => ({
  mechanisms: {
    PLAIN: (lines) => {
      if (lines.length === 0) return reply('334 ');
      return lines[0] === base64(`\0${user}\0${password}`) ? WELCOME : WRONG;
    },
    LOGIN: (lines) => {
      if (lines.length < 2) return reply(`334 ${base64(lines.length === 0 ? 'Username:' : 'Password:')}`);
      return lines.join() === [base64(user), base64(password)].join() ? WELCOME : WRONG;
    },
  },
});

const WELCOME = reply('235 2.7.0 Authentication successful');
const WRONG = reply('535 5.7.8 Error: authentication failed');

/** Offers nothing but PLAIN, and always answers it with this. */
const always = (answer: UpstreamAnswer): ScriptedUpstreamOptions => ({ mechanisms: { PLAIN: () => answer } });

describe('a password', () => {
  test('goes by PLAIN in one line where that is offered', async () => {
    const upstream = await startUpstream(knowing());
    expect(await signInAt(upstream, withLogin())).toBeUndefined();
    expect(upstream.connections[0]?.commands.slice(1)).toEqual([
      `AUTH PLAIN ${base64(`\0gate\0${PASSWORD}`)}`,
    ]);
  });

  test('goes by LOGIN in answer to two challenges where PLAIN is not offered', async () => {
    const { mechanisms = {} } = knowing();
    const upstream = await startUpstream({ mechanisms: { LOGIN: mechanisms.LOGIN ?? (() => WRONG) } });
    expect(await signInAt(upstream, withLogin())).toBeUndefined();
    expect(upstream.connections[0]?.commands.slice(1)).toEqual(['AUTH LOGIN']);
    expect(upstream.connections[0]?.exchanged).toEqual([base64('gate'), base64(PASSWORD)]);
  });

  test('goes by the mechanism that is set', async () => {
    const upstream = await startUpstream(knowing());
    expect(await signInAt(upstream, withLogin({ mechanism: 'LOGIN' }))).toBeUndefined();
    expect(upstream.connections[0]?.commands.slice(1)).toEqual(['AUTH LOGIN']);
  });

  test.each([
    ['of letters beyond ASCII', 'grüßeüber', 'pässwörd€😀'],
    ['with spaces, equals and colons', 'a user=x:y', ' =, : '],
    ['of one character', 'g', 'p'],
    ['that needs "+" and "/" in base64', 'ÿÿÿ', '>>>???~~~'],
  ])('%s arrives as it is', async (_, user, password) => {
    for (const mechanism of ['PLAIN', 'LOGIN'] as const) {
      const upstream = await startUpstream(knowing(user, password));
      expect(await signInAt(upstream, withLogin({ user, password, mechanism }))).toBeUndefined();
    }
  });

  // RFC 4954 §4: "AUTH PLAIN " + response + CRLF is at most 512 octets; 499 are left, of which base64 fills 496 with 372.
  test.each([
    [372, 1],
    [373, 0],
  ])('whose message has %i octets stands in the command itself: %i', async (octets, inCommand) => {
    const password = 'p'.repeat(octets - '\0gate\0'.length);
    const upstream = await startUpstream(knowing('gate', password));
    expect(await signInAt(upstream, withLogin({ password }))).toBeUndefined();
    const [, command = ''] = upstream.connections[0]?.commands ?? [];
    expect(command.length + 2).toBeLessThanOrEqual(512);
    expect(command === 'AUTH PLAIN').toBe(inCommand === 0);
    expect(upstream.connections[0]?.exchanged).toHaveLength(1 - inCommand);
  });

  test('with a NUL in it is not sent: it would end the user name', async () => {
    const upstream = await startUpstream(knowing());
    expect(await signInAt(upstream, withLogin({ user: 'gate\0root' }))).toMatchObject({
      code: 'upstream-login',
    });
    expect(upstream.connections[0]?.commands).toHaveLength(1);
  });

  test('is taken over TLS, and the connection goes on from there', async () => {
    const upstream = await startUpstream({ tls: 'starttls', ...knowing() });
    const settings = withLogin({}, { tls: 'starttls', ca: await authorityFile() });
    const dialogue = await connectTo(upstream, settings);
    if (isRefusal(dialogue)) throw new Error(dialogue.reason);
    expect(await signIn(dialogue, { settings, account: ACCOUNT, tokens: undefined })).toBeUndefined();
    expect(await dialogue.command('MAIL FROM:<>', 1000)).toMatchObject({ code: 250 });
  });

  test('is not asked for where the settings name no login', async () => {
    const upstream = await startUpstream(knowing());
    expect(await signInAt(upstream, upstreamSettings())).toBeUndefined();
    expect(upstream.connections[0]?.commands).toHaveLength(1);
  });
});

describe('what the upstream offers', () => {
  test.each([
    [[], /offers no AUTH at all, not PLAIN or LOGIN; .*another port/],
    [['AUTH'], /offers no AUTH at all/],
    [
      ['AUTH GSSAPI NTLM'],
      /offers AUTH GSSAPI NTLM, not PLAIN or LOGIN; one of these must be switched on there/,
    ],
    [['AUTH XOAUTH2'], /set `oauth` in place of `login`/],
    [['AUTH EXTERNAL'], /set `clientCertificate`/],
  ])('%j has nothing for a password', async (keywords, reason) => {
    const upstream = await startUpstream({ keywords });
    expect(await signInAt(upstream, withLogin())).toMatchObject({
      code: 'upstream-login',
      reason: expect.stringMatching(reason),
    });
    expect(upstream.connections[0]?.commands).toHaveLength(1);
  });

  test('is not what is set', async () => {
    const upstream = await startUpstream({ keywords: ['AUTH PLAIN'] });
    expect(await signInAt(upstream, withLogin({ mechanism: 'LOGIN' }))).toMatchObject({
      reason: 'upstream offers AUTH PLAIN, not LOGIN; set `login.mechanism` to one of those, or leave it out',
    });
  });

  test.each([
    ['as old servers spell it', ['AUTH=LOGIN PLAIN']],
    ['in both spellings, which differ', ['AUTH GSSAPI', 'AUTH=LOGIN PLAIN']],
    ['in both spellings, the other way round', ['AUTH=PLAIN', 'AUTH GSSAPI']],
    ['in small letters', ['auth plain']],
  ])('is understood %s', async (_, keywords) => {
    const upstream = await startUpstream({ keywords, login: { user: 'gate', password: PASSWORD } });
    upstream.on(
      'EHLO',
      reply(
        '250-upstream.example',
        ...keywords.map((word, at) => `250${at === keywords.length - 1 ? ' ' : '-'}${word}`),
      ),
    );
    expect(await signInAt(upstream, withLogin())).toBeUndefined();
    expect(upstream.connections[0]?.user).toBe('gate');
  });
});

describe('a refusal of the upstream', () => {
  test.each([
    ['535 5.7.8 Error: authentication failed', 'upstream-login'],
    ['534 5.7.9 Please log in with your web browser and then try again', 'upstream-login'],
    ['535 5.7.139 Authentication unsuccessful, basic authentication is disabled', 'upstream-login'],
    ['530 5.7.0 Must issue a STARTTLS command first', 'upstream-login'],
    ['538 5.7.11 Encryption required', 'upstream-login'],
    ['504 5.5.4 Unrecognized authentication type', 'upstream-login'],
    ['503 5.5.1 AUTH not available', 'upstream-login'],
    ['454 4.7.0 Temporary authentication failure', 'upstream-unavailable'],
    ['450 4.7.0 too fast', 'upstream-unavailable'],
    ['432 4.7.12 A password transition is needed', 'upstream-login'],
    [
      '432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending',
      'upstream-busy',
    ],
    ['421 4.7.0 Too many login attempts', 'upstream-busy'],
    ['250 2.0.0 ok', 'upstream-protocol'],
    ['354 go ahead', 'upstream-protocol'],
  ])('%s', async (line, code) => {
    const upstream = await startUpstream(always(reply(line)));
    const refusal = await signInAt(upstream, withLogin());
    expect(refusal).toMatchObject({ code, reason: expect.stringContaining(line) });
    expect(refusal?.reason).toMatch(/PLAIN as gate/);
  });

  test('of several lines is told whole', async () => {
    const upstream = await startUpstream(
      always(
        reply(
          '535-5.7.8 Username and Password not accepted.',
          '535 5.7.8 See https://support.google.com/mail/?p=BadCredentials',
        ),
      ),
    );
    expect((await signInAt(upstream, withLogin()))?.reason).toContain(
      '535 5.7.8 Username and Password not accepted. / 5.7.8 See https://support.google.com/mail/?p=BadCredentials',
    );
  });

  test.each([
    ['garbage', raw('no reply\r\n'), 'upstream-protocol'],
    ['an endless line', raw('2'.repeat(10_000)), 'upstream-protocol'],
    ['the end of the connection', hangUp(), 'upstream-lost'],
    ['silence', silence(), 'upstream-timeout'],
  ])('that is %s', async (_, answer, code) => {
    const upstream = await startUpstream(always(answer));
    const refusal = await signInAt(upstream, withLogin({}, { connectTimeout: 500 }));
    expect(refusal).toMatchObject({ code, reason: expect.stringContaining('PLAIN as gate') });
    if (code === 'upstream-timeout') expect(refusal?.reason).toContain('within 500 ms');
  });

  test.each([
    ['PLAIN', 1],
    ['LOGIN', 3],
  ] as const)('to come to an end of %s is answered with "*" (RFC 4954 §4)', async (mechanism, lines) => {
    const upstream = await startUpstream({
      mechanisms: {
        [mechanism]: (said: readonly string[]) =>
          said.at(-1) === '*' ? reply('501 5.7.0 cancelled') : reply(`334 ${base64('one more?')}`),
      },
    });
    expect(await signInAt(upstream, withLogin())).toMatchObject({
      code: 'upstream-protocol',
      reason: `upstream asked for more than ${mechanism} as gate has to say`,
    });
    expect(upstream.connections[0]?.exchanged).toHaveLength(lines);
    expect(upstream.connections[0]?.exchanged.at(-1)).toBe('*');
  });

  test('takes no longer than what connecting has left of the time', async () => {
    const upstream = await startUpstream(always(silence()));
    let ready = () => {};
    upstream.on('EHLO', {
      ...reply('250-upstream.example', '250 AUTH PLAIN'),
      after: new Promise((resolve) => {
        ready = resolve;
      }),
    });
    setTimeout(() => ready(), 1_000);
    const start = performance.now();
    const refusal = await signInAt(upstream, withLogin({}, { connectTimeout: 1_600 }));
    expect(refusal?.code).toBe('upstream-timeout');
    expect(performance.now() - start).toBeLessThan(2_500);
  });
});

test('all replies have the one limit together', async () => {
  const slow = new Promise<void>((resolve) => setTimeout(resolve, 1_000));
  const upstream = await startUpstream({
    mechanisms: { LOGIN: (lines) => (lines.length === 0 ? held(slow, reply('334 ')) : silence()) },
  });
  const start = performance.now();
  const refusal = await signInAt(upstream, withLogin({}, { connectTimeout: 1_600 }));
  expect(refusal?.code).toBe('upstream-timeout');
  expect(performance.now() - start).toBeLessThan(2_500);
});

describe('a secret that the upstream echoes', () => {
  test.each([
    ['as it was sent', (sent: string) => `535 5.7.8 can't take AUTH PLAIN ${sent}`],
    [
      'decoded',
      (sent: string) => `535 5.7.8 ${Buffer.from(sent, 'base64').toString().replaceAll('\0', '|')} is wrong`,
    ],
    ['in part', (sent: string) => `501 5.5.2 line "${sent.slice(4, 24)}..." is malformed`],
    ['on its own', () => `535 password ${PASSWORD} does not match`],
    ['on its own, in base64', () => `535 ${base64(PASSWORD)}`],
    ['in capitals', () => `535 ${PASSWORD.toUpperCase()}`],
    ['with a farewell', (sent: string) => `421 4.7.0 ${sent}`],
  ])('%s is in no reason', async (_, answer) => {
    const upstream = await startUpstream({ mechanisms: { PLAIN: ([sent = '']) => reply(answer(sent)) } });
    const { reason = '' } = (await signInAt(upstream, withLogin())) ?? {};
    expect(reason).toContain('[secret]');
    for (const form of [PASSWORD, base64(PASSWORD), base64(`\0gate\0${PASSWORD}`)])
      for (let at = 0; at + 8 <= form.length; at += 1)
        expect(reason.toLowerCase()).not.toContain(form.slice(at, at + 8).toLowerCase());
  });
});

describe('a connection in clear text', () => {
  /** As it is when the upstream is not on this machine. */
  function elsewhere(dialogue: object): void {
    const spy = vi.spyOn(dialogue as { local: boolean }, 'local', 'get').mockReturnValue(false);
    onTestFinished(() => spy.mockRestore());
  }

  test.each([
    ['opportunistic', /no STARTTLS came about/],
    ['none', /`tls: none`/],
  ] as const)('carries no password off this machine (tls: %s)', async (tls, reason) => {
    const upstream = await startUpstream(knowing());
    const settings = withLogin({}, { tls });
    const dialogue = await connectTo(upstream, settings);
    if (isRefusal(dialogue)) throw new Error(dialogue.reason);
    expect(dialogue.local).toBe(true);
    elsewhere(dialogue);
    const refusal = await signIn(dialogue, { settings, account: ACCOUNT, tokens: undefined });
    expect(refusal).toMatchObject({ code: 'upstream-login', reason: expect.stringMatching(reason) });
    expect(upstream.connections[0]?.commands).toHaveLength(1);
  });

  test('is no matter where nobody signs in', async () => {
    const upstream = await startUpstream();
    const dialogue = await connectTo(upstream, upstreamSettings());
    if (isRefusal(dialogue)) throw new Error(dialogue.reason);
    elsewhere(dialogue);
    expect(
      await signIn(dialogue, { settings: upstreamSettings(), account: ACCOUNT, tokens: undefined }),
    ).toBeUndefined();
  });
});

describe('a client certificate', () => {
  async function parties(mechanisms: ScriptedUpstreamOptions['mechanisms'], login = true) {
    const authority = await makeAuthority();
    const upstream = await startUpstream({
      tls: 'starttls',
      tlsOptions: { requestCert: true, rejectUnauthorized: true, ca: authority.certificate },
      ...(mechanisms ? { mechanisms } : {}),
    });
    const issued = await authority.issue({ names: [], commonName: 'gate.example.org', usage: 'client' });
    const clientCertificate = {
      certificate: file('client.pem', issued.certificate),
      key: file('client.key', issued.key),
      login,
    };
    const settings = upstreamSettings({ tls: 'starttls', ca: await authorityFile(), clientCertificate });
    return { upstream, settings };
  }

  test('signs in with EXTERNAL and an empty message (RFC 4422 appendix A)', async () => {
    const { upstream, settings } = await parties({
      EXTERNAL: ([said], session) =>
        said === '=' && session.handshake.client === 'gate.example.org' ? WELCOME : WRONG,
    });
    expect(await signInAt(upstream, settings)).toBeUndefined();
    expect(upstream.connections[0]?.commands.at(-1)).toBe('AUTH EXTERNAL =');
  });

  test('signs in too where the upstream asks for the empty message again', async () => {
    const { upstream, settings } = await parties({
      EXTERNAL: (lines) => (lines.length === 1 ? reply('334 ') : WELCOME),
    });
    expect(await signInAt(upstream, settings)).toBeUndefined();
    expect(upstream.connections[0]?.exchanged).toEqual(['']);
  });

  test('does not sign in unless that is set', async () => {
    const { upstream, settings } = await parties({ EXTERNAL: () => WELCOME }, false);
    expect(await signInAt(upstream, settings)).toBeUndefined();
    expect(upstream.connections[0]?.commands.join()).not.toContain('AUTH');
  });

  test('that is not enough for EXTERNAL', async () => {
    const { upstream, settings } = await parties(undefined);
    expect(await signInAt(upstream, settings)).toMatchObject({
      code: 'upstream-login',
      reason: expect.stringContaining('no AUTH at all, not EXTERNAL'),
    });
    upstream.offer(['AUTH PLAIN']);
    expect((await signInAt(upstream, settings))?.reason).toContain('set `clientCertificate.login: false`');
  });

  test('that is refused', async () => {
    const { upstream, settings } = await parties({ EXTERNAL: () => WRONG });
    expect(await signInAt(upstream, settings)).toMatchObject({
      code: 'upstream-login',
      reason: expect.stringContaining('535 5.7.8'),
    });
  });

  test('was not shown on a connection in clear text, on this machine too', async () => {
    const upstream = await startUpstream({ mechanisms: { EXTERNAL: () => WELCOME } });
    const { settings } = await parties(undefined);
    expect(await signInAt(upstream, { ...settings, tls: 'opportunistic' })).toMatchObject({
      code: 'upstream-login',
      reason: expect.stringContaining('shows no certificate'),
    });
  });
});
