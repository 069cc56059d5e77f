// The refresh token's file: whatever happens, it holds a token that the server takes, and nobody else can read it.

import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { rotatingTokens } from '../../../support/strict-token-endpoints.ts';
import type { Given, Script } from '../../../support/token-endpoint.ts';
import { googleTokens, microsoftTokens } from '../../../support/upstream-token-endpoints.ts';
import { CLIENT_SECRET, redirectedTo, situation, until } from './situation.ts';

const HOUR = 3_600_000;
const FIRST = 'refresh-token-of-the-first-day';
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refresh-'));
  file = join(folder, 'token');
  await writeFile(file, `${FIRST}\n`, { mode: 0o644 });
});

const inFile = () => readFile(file, 'utf8');
const open = (script: Script) =>
  situation(script, { grant: 'refresh-token', refreshTokenFile: file, scopes: ['https://mail.google.com/'] });

describe('a server that gives no new refresh token, as Google', () => {
  it('leaves the file as it is', async () => {
    const given = new Map<string, Given>();
    const refreshTokens = new Map([[FIRST, 'alice@gmail.com']]);
    const { ask, clock } = await open(
      googleTokens({ clients: { postern: CLIENT_SECRET }, refreshTokens, given }),
    );
    expect(given.get(await ask())?.mailbox).toBe('alice@gmail.com');
    clock.now += HOUR;
    expect(await ask()).toMatch(/^ya29\./);
    expect(await inFile()).toBe(`${FIRST}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
    expect(await readdir(folder)).toEqual(['token']);
  });

  it('tells that the owner has revoked it, without the token', async () => {
    const { ask, endpoint } = await open(googleTokens({ clients: { postern: CLIENT_SECRET } }));
    expect(await ask()).toBe(
      `upstream-login: ${endpoint.url} answered invalid_grant: Token has been expired or revoked. (the grant is not or no longer taken); the refresh token in ${file} has expired or was revoked, or it was used just before this machine died and its successor is lost; put a new one there, from a new consent of the account’s owner`,
    );
  });
});

describe('a server that gives a new one, as Microsoft', () => {
  it('has it kept', async () => {
    let url = '';
    const refreshTokens = new Map([[FIRST, 'alice@example.org']]);
    const tenant = 'example.onmicrosoft.com';
    const script = microsoftTokens({ tenant, apps: { postern: { secret: CLIENT_SECRET } }, refreshTokens });
    const found = await situation(
      script,
      { grant: 'refresh-token', tenant, refreshTokenFile: file },
      { fetch: redirectedTo(() => url) },
    );
    url = found.endpoint.url;
    expect(await found.ask()).toMatch(/^eyJ/);
    const kept = (await inFile()).trim();
    expect(kept).not.toBe(FIRST);
    expect(refreshTokens.has(kept)).toBe(true);
  });
});

describe('a server that ends the old one (RFC 9700 §4.14.2)', () => {
  it('finds the new one in the file before anybody has the access token', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    const { ask, clock } = await open(rotatingTokens(state));
    for (let day = 0; day < 3; day += 1) {
      expect(await ask()).toMatch(/^access-/);
      expect(await inFile()).toBe(`${state.live}\n`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      clock.now += HOUR;
    }
    expect(await readdir(folder)).toEqual(['token']);
  });

  it('is not asked with the same one twice by two who begin at once, as around a reload', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    const { tokens, open: openAnother, endpoint } = await open(rotatingTokens(state));
    const wanted = { mailbox: 'alice@example.org', userToken: undefined };
    const another = openAnother();
    const results = await Promise.all([tokens.token(wanted), another.token(wanted)]);
    expect(results.map(String)).toEqual(['[secret]', '[secret]']);
    expect(endpoint.requests.map(({ form }) => form.get('refresh_token'))).toHaveLength(2);
    expect(await inFile()).toBe(`${state.live}\n`);
  });

  it('goes on with the next after a crash before the new one was in place', async () => {
    const state = { live: 'the-new-one', spent: new Set([FIRST]) };
    await writeFile(`${file}.new`, 'the-new-one\n', { mode: 0o600 });
    const { ask } = await open(rotatingTokens(state));
    expect(await ask()).toMatch(/^access-/);
    expect(await inFile()).toBe(`${state.live}\n`);
  });

  it('goes on with the old one after a crash in the middle of writing', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    await writeFile(`${file}.new`, 'the-new-o', { mode: 0o600 });
    const { ask } = await open(rotatingTokens(state));
    expect(await ask()).toMatch(/^access-/);
    expect(await inFile()).toBe(`${state.live}\n`);
    expect(await readdir(folder)).toEqual(['token']);
  });

  it('does not see what a crash has left where the file was written since', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    await writeFile(`${file}.new`, 'outdated\n');
    await utimes(`${file}.new`, new Date(0), new Date(0));
    const { ask } = await open(rotatingTokens(state));
    expect(await ask()).toMatch(/^access-/);
  });

  it('is served from memory where the file cannot be replaced, and the operator hears of it', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    // Where the draft would stand, a folder with something in it does: that stops root too.
    await mkdir(join(`${file}.new`, 'x'), { recursive: true });
    const { ask, clock, reports } = await open(rotatingTokens(state));
    expect(await ask()).toMatch(/^access-/);
    expect(reports.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^refreshTokenFile .*token cannot be replaced \(E\w+\): .*held in memory only/),
    ]);
    expect(reports[0]?.reason).not.toContain(state.live);
    clock.now += HOUR;
    expect(await ask()).toMatch(/^access-/);
    expect(await inFile()).toBe(`${FIRST}\n`);
    await rm(`${file}.new`, { recursive: true });
    clock.now += HOUR;
    expect(await ask()).toMatch(/^access-/);
    expect(await inFile()).toBe(`${state.live}\n`);
  });

  it('is served from memory after a reload, too', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    await mkdir(join(`${file}.new`, 'x'), { recursive: true });
    const { ask, tokens, open: openAnother } = await open(rotatingTokens(state));
    expect(await ask()).toMatch(/^access-/);
    tokens.close();
    const after = openAnother();
    expect(String(await after.token({ mailbox: '', userToken: undefined }))).toBe('[secret]');
    expect(state.spent.size).toBe(2);
  });

  it('that was asked just before the machine died takes the old one no more: the operator hears what to do', async () => {
    const state = { live: 'lost-with-the-machine', spent: new Set([FIRST]) };
    const { ask, clock } = await open(rotatingTokens(state));
    expect(await ask()).toMatch(/^upstream-login: .*successor is lost; put a new one there/);
    await writeFile(file, 'from-a-new-consent\n');
    state.live = 'from-a-new-consent';
    clock.now += HOUR;
    expect(await ask()).toMatch(/^access-/);
  });

  it('gets what an administrator has written rather than what is held in memory', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    await mkdir(join(`${file}.new`, 'x'), { recursive: true });
    const { ask, clock, endpoint } = await open(rotatingTokens(state));
    await ask();
    state.live = 'from-the-administrator';
    await writeFile(file, 'from-the-administrator');
    clock.now += HOUR;
    expect(await ask()).toMatch(/^access-/);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('gets what an administrator has put there meanwhile', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    const { ask, clock } = await open(rotatingTokens(state));
    await ask();
    state.live = 'from-the-administrator';
    await writeFile(file, 'from-the-administrator');
    clock.now += HOUR;
    expect(await ask()).toMatch(/^access-/);
  });

  it('is asked once more where the file has changed while it said no', async () => {
    const state = { live: 'the-newer-one', spent: new Set<string>() };
    const script = rotatingTokens(state);
    const { ask, endpoint } = await open(async (asked) => {
      const answer = await script(asked);
      if (endpoint.requests.length === 1) await writeFile(file, 'the-newer-one\n');
      return answer;
    });
    expect(await ask()).toMatch(/^access-/);
    expect(endpoint.requests.map(({ form }) => form.get('refresh_token'))).toEqual([FIRST, 'the-newer-one']);
  });

  it('keeps a link to the file a link', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    const link = join(folder, 'link');
    await symlink(file, link);
    const { ask } = await situation(rotatingTokens(state), {
      grant: 'refresh-token',
      refreshTokenFile: link,
    });
    await ask();
    expect(await inFile()).toBe(`${state.live}\n`);
    expect((await readdir(folder)).sort()).toEqual(['link', 'token']);
  });

  it('has its new token written even when Postern stops meanwhile', async () => {
    const state = { live: FIRST, spent: new Set<string>() };
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const script = rotatingTokens(state);
    const { tokens, endpoint } = await open(async (asked) => {
      await gate;
      return script(asked);
    });
    const pending = tokens.token({ mailbox: '', userToken: undefined });
    await until(() => endpoint.requests.length === 1);
    tokens.close();
    release();
    await pending;
    expect(await inFile()).toBe(`${state.live}\n`);
  });
});

describe('a file that is of no use', () => {
  it.each([
    ['missing', async () => rm(file), /cannot be read \(ENOENT\)/],
    ['empty', async () => writeFile(file, '\n'), /holds no refresh token on a line of its own/],
    [
      'of two lines',
      async () => writeFile(file, 'one\ntwo\n'),
      /holds no refresh token on a line of its own/,
    ],
  ])('%s', async (_, spoil, words) => {
    await spoil();
    const { ask, endpoint, clock } = await open(rotatingTokens({ live: FIRST, spent: new Set() }));
    expect(await ask()).toMatch(words);
    expect(endpoint.requests).toHaveLength(0);
    await writeFile(file, FIRST);
    await chmod(file, 0o600);
    clock.now += 5_000;
    expect(await ask()).toMatch(/^access-/);
  });
});
