// A program that shows a code and waits: what it shows, how it waits, what it makes of each answer (RFC 8628 §3.2 to §3.5).

import { describe, expect, it } from 'vitest';
import type { DevicePrompt } from '../../../src/relying-party/device-sign-in.ts';
import { createNativeClient } from '../../../src/relying-party/native-client.ts';
import { type Answer, startFakeIdentityProvider } from './fake-identity-provider.ts';

const DEVICE_PATH = '/device/auth';
const PENDING: Answer = { status: 400, body: { error: 'authorization_pending' } };
const TOKENS: Answer = {
  body: {
    access_token: 'access-token-of-the-device',
    token_type: 'Bearer',
    expires_in: 900,
    refresh_token: 'r',
  },
};

const CODE = {
  device_code: 'device-code-0123456789',
  user_code: 'BCDF-GHJK',
  verification_uri: 'https://mail.example.org/device',
  verification_uri_complete: 'https://mail.example.org/device?user_code=BCDF-GHJK',
  expires_in: 60,
  interval: 1,
};

type Said = Answer | 'cut' | 'hang';

/** A sign-in at an issuer that gives a code, and then these answers, one for each question; the last one again and again. */
async function signIn(code: Record<string, unknown> | Answer, ...answers: Said[]) {
  const issuer = await startFakeIdentityProvider();
  const polled: number[] = [];
  issuer.behaviour.metadata = { device_authorization_endpoint: `${issuer.issuer}${DEVICE_PATH}` };
  issuer.behaviour.answer = (path) => {
    if (path === DEVICE_PATH) return 'status' in code ? code : { body: { ...CODE, ...code } };
    if (path !== '/token') return undefined;
    polled.push(performance.now());
    return answers[polled.length - 1] ?? answers.at(-1);
  };
  const shown: DevicePrompt[] = [];
  const troubles: string[] = [];
  const timeout = answers.includes('hang') ? 2_000 : 10_000;
  const client = createNativeClient({ issuer: issuer.issuer, clientId: 'postern-cli', timeout });
  const result = await client.signInByDevice({
    scope: 'smtp.submit offline_access',
    show: (prompt) => shown.push(prompt),
    troubled: (reason) => troubles.push(reason),
  });
  await issuer.close();
  const formTo = (path: string) =>
    Object.fromEntries(issuer.requests.find((request) => request.path === path)?.form ?? []);
  /** Between the first question and the second, milliseconds. */
  const pause = (polled[1] ?? 0) - (polled[0] ?? 0);
  return { result, shown, troubles, questions: polled.length, pause, formTo };
}

// Each waits as long as the protocol says, so they wait together.
describe.concurrent('signing in by a code', () => {
  it('asks for a code, shows it, and waits for the tokens', async () => {
    const { result, shown, formTo, pause } = await signIn({}, PENDING, TOKENS);
    expect(shown).toEqual([
      {
        verificationUri: CODE.verification_uri,
        verificationUriComplete: CODE.verification_uri_complete,
        userCode: 'BCDF-GHJK',
        expiresIn: 60,
      },
    ]);
    expect(result).toMatchObject({ accessToken: 'access-token-of-the-device', refreshToken: 'r' });
    expect(formTo(DEVICE_PATH)).toEqual({
      client_id: 'postern-cli',
      scope: 'smtp.submit offline_access',
    });
    expect(formTo('/token')).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: CODE.device_code,
      client_id: 'postern-cli',
    });
    expect(pause).toBeGreaterThan(900);
  });

  it('asks no more often than once a second, whatever the issuer says', async () => {
    expect((await signIn({ interval: 0.001 }, PENDING, TOKENS)).pause).toBeGreaterThan(900);
  });

  it('slows down by five seconds when told to', async () => {
    const slowDown = { status: 400, body: { error: 'slow_down' } };
    expect((await signIn({}, slowDown, TOKENS)).pause).toBeGreaterThan(5900);
  });

  it.each(['cut', 'hang', { status: 503 }, { status: 429 }] as const)(
    'goes on, less often, where the issuer cannot be asked: %j',
    async (trouble) => {
      const { result, troubles, pause } = await signIn({}, trouble, TOKENS);
      expect(result).toMatchObject({ accessToken: 'access-token-of-the-device' });
      expect(troubles).toEqual([expect.stringContaining('/token')]);
      expect(pause).toBeGreaterThan(1900);
    },
  );

  describe('says what became of it', () => {
    it.each([
      ['access_denied', { denied: true }],
      ['expired_token', { code: 'token-missing' }],
      ['invalid_grant', { code: 'token-identity' }],
      ['invalid_client', { code: 'issuer-unavailable' }],
      ['some_other_thing', { code: 'issuer-unavailable' }],
    ])('%s', async (error, expected) => {
      const answer = { status: 400, body: { error, error_description: 'holds device-code-0123456789' } };
      const { result, questions } = await signIn({}, answer);
      expect(result).toMatchObject(expected);
      expect(JSON.stringify(result)).not.toContain(CODE.device_code);
      expect(questions).toBe(1);
    });

    it('nobody came before the code expired', async () => {
      const { result, questions } = await signIn({ expires_in: 3 }, PENDING);
      expect(result).toMatchObject({ code: 'token-missing' });
      expect(questions).toBeLessThanOrEqual(3);
    });

    it('the next question would come too late', async () => {
      const begun = performance.now();
      const { result } = await signIn({ interval: 5, expires_in: 14 }, 'cut');
      expect(result).toMatchObject({ code: 'token-missing' });
      // Five seconds to the first question, and not ten more, nor nine to the end.
      expect(performance.now() - begun).toBeLessThan(12_000);
    });

    it('the issuer refuses to give a code', async () => {
      const answer = { status: 400, body: { error: 'unauthorized_client' } };
      const { result, shown } = await signIn(answer);
      expect(result).toMatchObject({
        code: 'issuer-unavailable',
        reason: expect.stringContaining('unauthorized_client'),
      });
      expect(shown).toEqual([]);
    });

    it('the issuer does not know the grant', async () => {
      const issuer = await startFakeIdentityProvider();
      const client = createNativeClient({ issuer: issuer.issuer, clientId: 'postern-cli', timeout: 10_000 });
      const nobody = () => expect.unreachable();
      const result = await client.signInByDevice({ scope: 'smtp.submit', show: nobody, troubled: nobody });
      await issuer.close();
      expect(result).toMatchObject({
        code: 'issuer-unavailable',
        reason: 'sign-in: the issuer does not offer the device grant',
      });
    });
  });

  describe('shows nothing that could deceive or harm', () => {
    it.each([
      ['an address without https', { verification_uri: 'http://mail.example.org/device' }],
      ['an address that is a script', { verification_uri: 'javascript:alert(1)' }],
      ['a code with control characters', { user_code: 'BCDF\u001b]0;x\u0007' }],
      ['a code of several lines', { user_code: 'BCDF\nOpen https://evil.example' }],
      ['a code that never ends', { user_code: 'B'.repeat(100) }],
      ['a code with letters that look like others', { user_code: 'ВСDF-GHJK' }],
    ])('%s', async (_what, code) => {
      const { result, shown, questions } = await signIn(code, TOKENS);
      expect(result).toMatchObject({ code: 'issuer-unavailable' });
      expect([shown, questions]).toEqual([[], 0]);
    });

    it('a complete address that is none is left out', async () => {
      const code = { verification_uri_complete: 'http://evil.example/?user_code=BCDF-GHJK' };
      expect((await signIn(code, TOKENS)).shown).toMatchObject([{ verificationUriComplete: undefined }]);
    });
  });
});
