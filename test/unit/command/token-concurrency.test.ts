// Several `postern token` at once: a refresh token used twice would end the grant, so only one may use it.

import { execFile } from 'node:child_process';
import { readdir, readFile, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from '../../../src/command/credential-lock.ts';
import { createTokenSituation, type TokenSituation, writeText } from './token-situation.ts';

let at: TokenSituation;

beforeEach(async () => {
  at = await createTokenSituation();
});

afterEach(() => at.close());

const refreshes = () =>
  at.issuer.requests.filter(({ form }) => form.get('grant_type') === 'refresh_token').length;

it('refreshes once for many runs, and all print the new token', async () => {
  await at.signInAndExpire();
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => at.run({}, { isTerminal: false })));
  expect(outcomes.map(({ out }) => out)).toEqual(Array(8).fill('access-token-2\n'));
  expect(refreshes()).toBe(1);
  expect(at.issuer.isLive('refresh-token-2')).toBe(true);
  expect(await readdir(dirname(at.file))).toEqual(['credentials.json']);
});

it('does so across processes', async () => {
  await at.run();
  // The clock of other processes is the real one: the kept token has to be old for it.
  const text = await readFile(at.file, 'utf8');
  await writeText(at.file, text.replace(/"expiresAt": \d+/, '"expiresAt": 1'));
  const script = fileURLToPath(new URL('./token-process.ts', import.meta.url));
  const run = () => promisify(execFile)(process.execPath, [script, at.folder], { timeout: 80_000 });
  const outcomes = await Promise.all([run(), run(), run()]);
  expect(outcomes.map(({ stdout }) => stdout)).toEqual(Array(3).fill('access-token-2\n'));
  expect(refreshes()).toBe(1);
  expect(at.issuer.isLive('refresh-token-2')).toBe(true);
});

it('waits no longer than it has patience for a holder that is alive', async () => {
  await at.signInAndExpire();
  const release = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const holder = async () => {
    begun.resolve();
    await release.promise;
  };
  const held = withLock(at.file, holder, { patience: 20_000, staleAfter: 20_000, heartbeat: 20 });
  await begun.promise;
  const lockTimes = { patience: 3_500, staleAfter: 2_500, heartbeat: 20 };
  const { exitCode, err } = await at.run({}, { means: { lockTimes } });
  expect(exitCode).toBe(1);
  expect(err).toContain('busy');
  expect(refreshes()).toBe(0);
  release.resolve();
  await held;
  expect(await at.run({})).toMatchObject({ out: 'access-token-2\n' });
});

it('takes over the lock of a run that was killed, once, though many wait for it', async () => {
  await at.signInAndExpire();
  await writeText(`${at.file}.lock`, '');
  const lockTimes = { patience: 30_000, staleAfter: 2_000, heartbeat: 20 };
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => at.run({}, { means: { lockTimes } })));
  expect(outcomes.map(({ out }) => out)).toEqual(Array(5).fill('access-token-2\n'));
  expect(refreshes()).toBe(1);
  expect(await readdir(dirname(at.file))).toEqual(['credentials.json']);
});

it('takes no lock for stale by its date alone', async () => {
  await at.signInAndExpire();
  await writeText(`${at.file}.lock`, '');
  await utimes(`${at.file}.lock`, 1, 1);
  const lockTimes = { patience: 150, staleAfter: 20_000, heartbeat: 20 };
  expect(await at.run({}, { means: { lockTimes } })).toMatchObject({ exitCode: 1 });
  expect((await stat(`${at.file}.lock`)).size).toBe(0);
});

it('does not hold up others while a person signs in', async () => {
  await at.signInAndExpire();
  const inBrowser = Promise.withResolvers<URL>();
  const openBrowser = (url: URL) => {
    inBrowser.resolve(url);
    return Promise.resolve(true);
  };
  const options = { issuer: at.issuer.issuer, clientId: 'other-client' };
  const signingIn = at.run(options, { means: { openBrowser } });
  const url = await inBrowser.promise;
  const refreshed = await at.run({ clientId: 'postern-cli' }, { isTerminal: false });
  expect(refreshed.out).toBe('access-token-2\n');
  await fetch(await at.issuer.browse(url));
  expect((await signingIn).exitCode).toBe(0);
  expect((await at.kept()).map(({ clientId }) => clientId).sort()).toEqual(['other-client', 'postern-cli']);
});

it('frees the lock where what is done under it fails', async () => {
  await at.run();
  await expect(withLock(at.file, () => Promise.reject(new Error('as planned')))).rejects.toThrow(
    'as planned',
  );
  expect(await readdir(dirname(at.file))).toEqual(['credentials.json']);
  expect(process.listenerCount('SIGHUP')).toBe(0);
});
