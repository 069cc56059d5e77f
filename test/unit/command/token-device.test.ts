// `postern token --device`: what it shows, what it prints, what it keeps.

import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTokenSituation, type TokenSituation } from './token-situation.ts';

const CODE = {
  device_code: 'device-code-0123456789',
  user_code: 'BCDF-GHJK',
  verification_uri: 'https://mail.example.org/device',
  verification_uri_complete: 'https://mail.example.org/device?user_code=BCDF-GHJK',
  expires_in: 600,
  interval: 1,
};
const TOKENS = {
  access_token: 'token-of-the-device',
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: 'refresh-token-of-the-device',
  scope: 'smtp.submit offline_access',
};

let at: TokenSituation;

beforeEach(async () => {
  at = await createTokenSituation();
  at.issuer.behaviour.metadata = { device_authorization_endpoint: `${at.issuer.issuer}/device/auth` };
});
afterEach(() => at.close());

/** What the issuer says when asked whether the person is done. */
function answer(status: number, body: object): void {
  at.issuer.behaviour.answer = (path, form) => {
    if (path === '/device/auth') return { body: CODE };
    return form.has('device_code') ? { status, body } : undefined;
  };
}

const device = (more = {}, isTerminal = true) =>
  at.run({ issuer: at.issuer.issuer, device: true, ...more }, { isTerminal });

it('shows address and code to people, prints the token alone, and keeps the sign-in as ever', async () => {
  answer(200, TOKENS);
  const { exitCode, out, err } = await device();
  expect([exitCode, out]).toEqual([0, 'token-of-the-device\n']);
  expect(err).toContain(
    [
      'To sign in, open this address in a browser on any device:',
      '',
      '  https://mail.example.org/device',
      '',
      'and enter the code:',
      '',
      '  BCDF-GHJK',
      '',
      'Or open this address, and compare the code:',
      '',
      '  https://mail.example.org/device?user_code=BCDF-GHJK',
      '',
      'Waiting for the answer, 10 min at most. Ctrl-C gives up.',
    ].join('\n'),
  );
  expect(err).toContain(`Signed in. The sign-in is kept in ${at.file}.`);
  expect(err).not.toMatch(/token-of-the-device|device-code/);
  expect(at.browsed).toEqual([]);
  expect(await at.kept()).toEqual([
    {
      issuer: at.issuer.issuer,
      clientId: 'postern-cli',
      askedScope: 'smtp.submit offline_access openid email',
      scope: 'smtp.submit offline_access',
      refreshToken: 'refresh-token-of-the-device',
      accessToken: 'token-of-the-device',
      expiresAt: Math.floor(at.clock / 1000) + 900,
    },
  ]);
});

it('asks also where nobody seems to watch, and not where a good token is kept', async () => {
  answer(200, TOKENS);
  expect((await device({}, false)).out).toBe('token-of-the-device\n');
  expect((await device({}, false)).err).toBe('');
  expect(at.issuer.count('/device/auth')).toBe(1);
});

it.each([
  ['access_denied', 'you did not allow it; nothing was changed'],
  ['expired_token', 'nobody entered the code and allowed it in time'],
])('%s is told, and nothing is kept', async (error, words) => {
  answer(400, { error });
  const { exitCode, out, err } = await device();
  expect([exitCode, out]).toEqual([1, '']);
  expect(err).toContain(words);
  await expect(at.kept()).rejects.toThrow('ENOENT');
});

it('says that the issuer cannot be asked, and asks again', async () => {
  let questions = 0;
  at.issuer.behaviour.answer = (path, form) => {
    if (path === '/device/auth') return { body: CODE };
    if (!form.has('device_code')) return undefined;
    questions += 1;
    return questions === 1 ? 'cut' : { body: TOKENS };
  };
  const { out, err } = await device();
  expect(out).toBe('token-of-the-device\n');
  expect(err).toMatch(/\/token cannot be reached \(\w+\); asking again in 2 s\./);
});

it('cannot be had for an app, nor together with --browser', async () => {
  expect(await device({ browser: true })).toMatchObject({ exitCode: 2 });
  const environment = { POSTERN_CLIENT_SECRET: 'secret' };
  const options = { issuer: at.issuer.issuer, clientId: 'app', device: true };
  expect(await at.run(options, { environment })).toMatchObject({ exitCode: 2 });
});
