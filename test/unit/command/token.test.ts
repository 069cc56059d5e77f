// `postern token`: what it prints, what it keeps, and what it says when it cannot.

import { chmod, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandFailure } from '../../../src/command/failure.ts';
import { signIn } from '../../../src/command/token.ts';
import { createTokenSituation, type TokenSituation, writeText } from './token-situation.ts';

let at: TokenSituation;

beforeEach(async () => {
  at = await createTokenSituation();
});

afterEach(() => at.close());

const refreshes = () =>
  at.issuer.requests.filter(({ form }) => form.get('grant_type') === 'refresh_token').length;

describe('the first time', () => {
  it('signs in through the browser, prints the token alone, and tells people the rest', async () => {
    const { exitCode, out, err } = await at.run();
    expect(exitCode).toBe(0);
    expect(out).toBe('access-token-1\n');
    expect(err).toContain(at.browsed[0]?.href);
    expect(err).toContain('Signed in as alice@example.org');
    expect(err).not.toMatch(/access-token|refresh-token/);
    expect(at.browsed[0]?.searchParams.get('client_id')).toBe('postern-cli');
    expect(at.browsed[0]?.searchParams.get('scope')).toBe('smtp.submit offline_access openid email');
  });

  it('keeps the sign-in for its owner alone', async () => {
    await at.run();
    expect((await stat(at.file)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(at.file))).mode & 0o777).toBe(0o700);
    expect(await readdir(dirname(at.file))).toEqual(['credentials.json']);
    expect(await at.kept()).toMatchObject([{ issuer: at.issuer.issuer, refreshToken: 'refresh-token-1' }]);
  });

  it('shows the address even where no browser can be opened', async () => {
    const openBrowser = async (url: URL) => {
      void at.issuer.browse(url).then((back) => fetch(back));
      return false;
    };
    const { exitCode, err } = await at.run(undefined, { means: { openBrowser } });
    expect(exitCode).toBe(0);
    expect(err).toMatch(/http:\/\/127\.0\.0\.1:\d+\/authorize\?/);
  });

  it('without a person to ask says what to do, at once and without asking the issuer', async () => {
    const { exitCode, out, err } = await at.run(undefined, { isTerminal: false });
    expect(exitCode).toBe(1);
    expect(out).toBe('');
    expect(err).toContain(`Run "postern token --issuer ${at.issuer.issuer}" in a terminal`);
    expect(at.issuer.requests).toHaveLength(0);
  });

  it('--browser asks without a terminal', async () => {
    const { exitCode } = await at.run({ issuer: at.issuer.issuer, browser: true }, { isTerminal: false });
    expect(exitCode).toBe(0);
  });

  it.each([
    undefined,
    'mail.example.org',
    'ftp://mail.example.org',
    'https://u:p@mail.example.org',
    'https://m/?x',
  ])('with issuer %j is a wrong use', async (issuer) => {
    const { exitCode, err } = await at.run({ issuer });
    expect(exitCode).toBe(2);
    expect(err).toContain('https://mail.example.org');
  });

  it('tells a no from a failure', async () => {
    at.issuer.behaviour.callback = { code: undefined, error: 'access_denied' };
    const { exitCode, err } = await at.run();
    expect(exitCode).toBe(1);
    expect(err).toContain('you did not allow it');
  });

  it('gives up a sign-in that nobody finishes', async () => {
    const openBrowser = () => Promise.resolve(true);
    const { exitCode, err } = await at.run(undefined, { means: { openBrowser, signInTimeout: 50 } });
    expect(exitCode).toBe(1);
    expect(err).toContain('nobody finished it');
    await expect(stat(at.file)).rejects.toThrow(/ENOENT/);
  });

  it('says so where the issuer gives no refresh token', async () => {
    const { err, out } = await at.run({ issuer: at.issuer.issuer, scope: 'smtp.submit' });
    expect(out).toBe('access-token-1\n');
    expect(err).toContain('no refresh token');
  });
});

describe('with a kept sign-in', () => {
  it('prints a token that is good for more than a minute without asking anybody', async () => {
    await at.run();
    const asked = at.issuer.requests.length;
    at.clock += 839_000;
    expect(await at.run({}, { isTerminal: false })).toMatchObject({
      exitCode: 0,
      out: 'access-token-1\n',
      err: '',
    });
    expect(at.issuer.requests).toHaveLength(asked);
  });

  it('refreshes a token with a minute left, and keeps the new refresh token', async () => {
    await at.run();
    at.clock += 840_000;
    expect(await at.run({}, { isTerminal: false })).toMatchObject({
      exitCode: 0,
      out: 'access-token-2\n',
      err: '',
    });
    expect(await at.kept()).toMatchObject([
      { refreshToken: 'refresh-token-2', accessToken: 'access-token-2', address: 'alice@example.org' },
    ]);
    at.clock += 900_000;
    expect(await at.run({}, { isTerminal: false })).toMatchObject({ out: 'access-token-3\n' });
    expect((await stat(at.file)).mode & 0o777).toBe(0o600);
  });

  it('does not keep a token whose end the issuer does not tell', async () => {
    at.issuer.behaviour.tokens = { expires_in: undefined };
    await at.run();
    expect(await at.run()).toMatchObject({ out: 'access-token-2\n' });
  });

  it('keeps the old refresh token where the issuer sends no new one (RFC 6749 §6)', async () => {
    await at.signInAndExpire();
    at.issuer.behaviour.tokens = { refresh_token: undefined };
    await at.run();
    expect(await at.kept()).toMatchObject([
      { refreshToken: 'refresh-token-1', accessToken: 'access-token-2' },
    ]);
  });

  it('--json tells the end, the issuer and the scope', async () => {
    const { out } = await at.run({ issuer: at.issuer.issuer, json: true });
    expect(JSON.parse(out)).toEqual({
      access_token: 'access-token-1',
      expires_at: Math.floor(at.clock / 1000) + 900,
      issuer: at.issuer.issuer,
      scope: 'smtp.submit offline_access openid email',
    });
  });

  it('signs in anew for another scope, and takes the order of scopes for nothing', async () => {
    await at.run({ issuer: at.issuer.issuer, scope: 'smtp.submit offline_access' });
    expect(await at.run({ scope: 'offline_access smtp.submit' })).toMatchObject({ out: 'access-token-1\n' });
    expect(await at.run({ scope: 'urn:ietf:params:oauth:scope:mail' })).toMatchObject({
      out: 'access-token-2\n',
    });
    expect(at.browsed).toHaveLength(2);
    expect(refreshes()).toBe(0);
  });

  it('keeps several, asks which where that is not clear, and is exact about it', async () => {
    await at.run({ issuer: at.issuer.issuer });
    await at.run({ issuer: at.issuer.issuer, clientId: 'other-client' });
    expect(await at.kept()).toHaveLength(2);
    expect(await at.run({})).toMatchObject({
      exitCode: 2,
      err: expect.stringContaining('--client-id') as string,
    });
    expect(await at.run({ clientId: 'other-client' })).toMatchObject({ out: 'access-token-2\n' });
    expect(await at.run({ clientId: 'postern-cli', issuer: `${at.issuer.issuer}/` })).toMatchObject({
      out: 'access-token-1\n',
    });
  });
});

describe('a sign-in that has ended', () => {
  beforeEach(async () => {
    await at.signInAndExpire();
    at.issuer.behaviour.answer = (path, form) =>
      path === '/token' && form.get('grant_type') === 'refresh_token'
        ? { status: 400, body: { error: 'invalid_grant', error_description: 'refresh-token-1 is no more' } }
        : undefined;
  });

  it('is made anew where a person is there', async () => {
    const { exitCode, out, err } = await at.run({});
    expect(exitCode).toBe(0);
    expect(out).toBe('access-token-2\n');
    expect(err).toContain('has ended');
    expect(err).not.toContain('refresh-token');
    expect(at.browsed).toHaveLength(2);
  });

  it('sends a mail program’s user to a terminal', async () => {
    const { exitCode, out, err } = await at.run({}, { isTerminal: false });
    expect(exitCode).toBe(1);
    expect(out).toBe('');
    expect(err).toContain('Run "postern token" in a terminal');
    expect(at.browsed).toHaveLength(1);
  });
});

describe('an issuer that is down', () => {
  it.each([
    ['everywhere', 'cut'],
    ['everywhere', 'hang'],
    ['everywhere', { status: 503 }],
    ['everywhere', { body: '<h1>Maintenance</h1>' }],
    ['/token', 'cut'],
    ['/token', { status: 503 }],
    ['/token', { status: 401, body: { error: 'invalid_client' } }],
  ] as const)('loses nothing, and nobody is sent to the browser (%s: %j)', async (where, answer) => {
    await at.signInAndExpire();
    const before = await readFile(at.file, 'utf8');
    at.issuer.behaviour.answer = (path) => (where === 'everywhere' || where === path ? answer : undefined);
    const { exitCode, out, err } = await at.run({}, { means: { requestTimeout: 300 } });
    expect(exitCode).toBe(1);
    expect(out).toBe('');
    expect(err).toContain(`${at.issuer.issuer} cannot be used now`);
    expect(err).toContain('Nothing was changed');
    expect(await readFile(at.file, 'utf8')).toBe(before);
    expect(at.browsed).toHaveLength(1);
    at.issuer.behaviour.answer = () => undefined;
    expect(await at.run({}, { isTerminal: false })).toMatchObject({ out: 'access-token-2\n' });
  });

  it('is not spoken to over http unless it is this machine', async () => {
    const { exitCode, err } = await at.run({ issuer: 'http://mail.example.org' });
    expect(exitCode).toBe(1);
    expect(err).toContain('not https');
  });
});

describe('the credential file', () => {
  it.each([0o640, 0o604, 0o660, 0o644])(
    'is refused with mode %o, and the message says what to do',
    async (mode) => {
      await at.run();
      const asked = at.issuer.requests.length;
      await chmod(at.file, mode);
      const { exitCode, out, err } = await at.run({});
      expect(exitCode).toBe(1);
      expect(out).toBe('');
      expect(err).toContain(`chmod 600 ${at.file}`);
      expect(at.issuer.requests).toHaveLength(asked);
    },
  );

  it.each([
    '',
    'alias ll="ls -l"\n',
    '{}',
    'null',
    '{"version":2,"signIns":[]}',
    '{"version":1,"signIns":[{}]}',
  ])('is not overwritten where it holds %j', async (text) => {
    const file = join(at.folder, 'mine.txt');
    await writeText(file, text);
    const { exitCode, err } = await at.run({ issuer: at.issuer.issuer, file: 'mine.txt' });
    expect(exitCode).toBe(1);
    expect(err).toContain('--file');
    expect(await readFile(file, 'utf8')).toBe(text);
  });

  it('survives a run that was killed between writing and renaming', async () => {
    await at.signInAndExpire();
    await writeText(`${at.file}.new`, '{"version":1,"signIns":[{"issuer":"htt');
    expect(await at.run({}, { isTerminal: false })).toMatchObject({ exitCode: 0, out: 'access-token-2\n' });
    expect(await readdir(dirname(at.file))).toEqual(['credentials.json']);
    expect(await at.kept()).toMatchObject([{ refreshToken: 'refresh-token-2' }]);
  });

  it('that cannot be written is left as it was; the token at hand is printed all the same', async () => {
    await at.signInAndExpire();
    const before = await readFile(at.file, 'utf8');
    await mkdir(join(`${at.file}.new`, 'in the way'), { recursive: true });
    const { exitCode, out, err } = await at.run({}, { isTerminal: false });
    expect(exitCode).toBe(0);
    expect(out).toBe('access-token-2\n');
    expect(err).toContain('cannot write');
    expect(err).toContain('sign in again');
    expect(await readFile(at.file, 'utf8')).toBe(before);
  });

  it('is written anew, never in place: a reader who has it open sees the old text to its end', async () => {
    await at.signInAndExpire();
    const before = (await stat(at.file)).ino;
    await at.run({});
    expect((await stat(at.file)).ino).not.toBe(before);
  });

  it('may be elsewhere', async () => {
    await at.run({ issuer: at.issuer.issuer, file: 'deep/er/work.json' });
    expect((await stat(join(at.folder, 'deep/er/work.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(at.folder, 'deep'))).mode & 0o777).toBe(0o700);
  });
});

describe('--sign-out', () => {
  it('revokes and deletes', async () => {
    await at.run();
    expect(await at.run({ signOut: true })).toMatchObject({ exitCode: 0, out: '' });
    expect(at.issuer.isLive('refresh-token-1')).toBe(false);
    await expect(stat(at.file)).rejects.toThrow(/ENOENT/);
  });

  it('leaves other sign-ins alone', async () => {
    await at.run();
    await at.run({ issuer: at.issuer.issuer, clientId: 'other-client' });
    await at.run({ signOut: true, clientId: 'other-client' });
    expect(await at.kept()).toMatchObject([{ clientId: 'postern-cli' }]);
    expect(at.issuer.isLive('refresh-token-1')).toBe(true);
  });

  it('keeps the sign-in where the issuer cannot hear of it', async () => {
    await at.run();
    at.issuer.behaviour.answer = () => 'cut';
    const { exitCode, err } = await at.run({ signOut: true });
    expect(exitCode).toBe(1);
    expect(err).toContain('Nothing was changed');
    expect(await at.kept()).toHaveLength(1);
  });

  it('is done where nobody is signed in', async () => {
    expect(await at.run({ signOut: true })).toMatchObject({ exitCode: 0, err: 'Not signed in.\n' });
    await at.run();
    const elsewhere = await at.run({ signOut: true, issuer: 'https://mail.example.org' });
    expect(elsewhere.err).toBe('Not signed in at https://mail.example.org.\n');
    expect(await at.kept()).toHaveLength(1);
  });
});

describe('an app', () => {
  const SECRET = 'demo-app-secret';
  const app = () => ({ issuer: at.issuer.issuer, clientId: 'demo-app' });

  it.each(['environment', 'file'])(
    'gets a token with its secret from the %s, and nothing is kept',
    async (where) => {
      await writeText(join(at.folder, 'secret.txt'), `${SECRET}\n`);
      const { exitCode, out } =
        where === 'file'
          ? await at.run({ ...app(), clientSecretFile: 'secret.txt' }, { isTerminal: false })
          : await at.run(app(), { isTerminal: false, environment: { POSTERN_CLIENT_SECRET: SECRET } });
      expect({ exitCode, out }).toEqual({ exitCode: 0, out: 'access-token-1\n' });
      const sent = at.issuer.requests.find(({ path }) => path === '/token');
      expect(sent?.form.get('scope')).toBe('smtp.submit');
      const basic = Buffer.from(sent?.headers.authorization?.split(' ')[1] ?? '', 'base64').toString();
      expect(decodeURIComponent(basic)).toBe(`demo-app:${SECRET}`);
      await expect(stat(at.file)).rejects.toThrow(/ENOENT/);
    },
  );

  it('with a wrong secret is told so, without the secret', async () => {
    at.issuer.behaviour.answer = (path) =>
      path === '/token'
        ? { status: 401, body: { error: 'invalid_client', error_description: SECRET } }
        : undefined;
    const { exitCode, err } = await at.run(app(), { environment: { POSTERN_CLIENT_SECRET: SECRET } });
    expect(exitCode).toBe(1);
    expect(err).toContain('check the client identifier and its secret');
    expect(err).not.toContain(SECRET);
  });

  it.each([
    [{ clientId: 'demo-app' }, '--issuer'],
    [{ issuer: 'https://mail.example.org' }, '--client-id'],
    [{ issuer: 'https://mail.example.org', clientId: 'demo-app', signOut: true }, 'sign-in'],
  ])('used as %j is a wrong use', async (options, word) => {
    const { exitCode, err } = await at.run(options, { environment: { POSTERN_CLIENT_SECRET: SECRET } });
    expect(exitCode).toBe(2);
    expect(err).toContain(word);
  });

  it.each(['', '\n'])('with a secret file that holds %j is told so', async (text) => {
    await writeText(join(at.folder, 'secret.txt'), text);
    const { exitCode, err } = await at.run({ ...app(), clientSecretFile: 'secret.txt' });
    expect(exitCode).toBe(1);
    expect(err).toContain('does not hold a client secret');
    expect((await at.run({ ...app(), clientSecretFile: 'missing' })).err).toContain('ENOENT');
  });
});

describe('for postern send', () => {
  it('gives the token in a Secret, and the address of the person', async () => {
    const surroundings = at.surroundings();
    const given = await signIn({ issuer: at.issuer.issuer, surroundings, means: at.means() });
    expect(given.address).toBe('alice@example.org');
    expect(given.token.reveal()).toBe('access-token-1');
    expect(String(given.token)).toBe('[secret]');
    expect(surroundings.text().out).toBe('');
  });

  it('fails as postern token does where nobody is there', async () => {
    const surroundings = at.surroundings({ isTerminal: false });
    const attempt = signIn({ issuer: at.issuer.issuer, surroundings, means: at.means() });
    await expect(attempt).rejects.toThrow(CommandFailure);
  });
});
