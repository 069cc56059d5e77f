// What `postern token` does with an issuer: loopback redirect, refresh, revocation, an app's own token.

import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RefusalCode } from '../../../src/refusal.ts';
import { isDenied } from '../../../src/relying-party/failure.ts';
import { createNativeClient, type NativeClient } from '../../../src/relying-party/native-client.ts';
import { Secret } from '../../../src/setting.ts';
import { type FakeIdentityProvider, startFakeIdentityProvider } from './fake-identity-provider.ts';

const SCOPE = 'smtp.submit offline_access openid';

let issuer: FakeIdentityProvider;

beforeEach(async () => {
  issuer = await startFakeIdentityProvider();
});

afterEach(() => issuer.close());

function client(changes: Partial<Parameters<typeof createNativeClient>[0]> = {}): NativeClient {
  return createNativeClient({ issuer: issuer.issuer, clientId: 'postern-cli', timeout: 20_000, ...changes });
}

/** For request targets that fetch would not send. */
function statusOf(port: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path }, (answer) => resolve(answer.resume().statusCode ?? 0))
      .once('error', reject)
      .end();
  });
}

/** A person who is signed in and agrees; keeps what the browser showed at the end. */
function openPerson() {
  const seen = { asked: new URL('about:blank'), status: 0, page: '', policy: '' };
  let done: Promise<void> = Promise.resolve();
  const open = (url: URL) => {
    seen.asked = url;
    done = issuer.browse(url).then(async (back) => {
      const answer = await fetch(back);
      seen.status = answer.status;
      seen.policy = answer.headers.get('content-security-policy') ?? '';
      seen.page = await answer.text();
    });
  };
  return { open, seen, finished: () => done };
}

async function signIn(native: NativeClient, scope = SCOPE) {
  const person = openPerson();
  const result = await native.signIn({ scope, open: person.open, patience: 20_000 });
  await person.finished();
  return { result, ...person.seen };
}

describe('signing in through the browser', () => {
  it('asks with PKCE and a loopback address, and gives the tokens', async () => {
    const { result, asked, status, page } = await signIn(client({ now: () => 1_000_000 }));
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      client_id: 'postern-cli',
      response_type: 'code',
      scope: SCOPE,
      code_challenge_method: 'S256',
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/) as string,
    });
    expect(result).toEqual({
      accessToken: 'access-token-1',
      refreshToken: 'refresh-token-1',
      expiresAt: 1900,
      scope: SCOPE,
      address: 'alice@example.org',
    });
    expect(status).toBe(200);
    expect(page).toContain('You can close this window');
  });

  it('works without openid, where there is no id_token', async () => {
    const { result, asked } = await signIn(client(), 'smtp.submit');
    expect(result).toMatchObject({ accessToken: 'access-token-1', refreshToken: undefined });
    expect(asked.searchParams.has('nonce')).toBe(false);
  });

  it('tells a no from a failure, on the page and to the program', async () => {
    issuer.behaviour.callback = { code: undefined, error: 'access_denied' };
    const { result, page, status } = await signIn(client());
    expect(isDenied(result)).toBe(true);
    expect(status).toBe(400);
    expect(page).toContain('You did not allow it');
  });

  it.each<[string, Record<string, string | undefined>, RefusalCode]>([
    ['an answer from another issuer', { iss: 'https://evil.example' }, 'token-identity'],
    ['an answer without iss', { iss: undefined }, 'token-identity'],
    ['a code of somebody else', { code: 'stolen' }, 'token-identity'],
    ['an error with markup', { code: undefined, error: '<script>alert(1)</script>' }, 'issuer-unavailable'],
  ])('refuses %s, and shows a page that echoes nothing and runs nothing', async (_what, callback, code) => {
    issuer.behaviour.callback = callback;
    const { result, page, policy } = await signIn(client());
    expect(result).toMatchObject({ refused: true, code });
    expect(page).toContain('Sign-in failed');
    expect(page).not.toContain('script');
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
  });

  it('is not ended by stray requests to its port, nor by a forged state', async () => {
    const native = client();
    const strays: number[] = [];
    const result = await native.signIn({
      scope: SCOPE,
      patience: 20_000,
      open: (url) => {
        const port = new URL(url.searchParams.get('redirect_uri') ?? '').port;
        const paths = [
          '/',
          '/favicon.ico',
          '/callback',
          '/callback?state=forged&code=x',
          '/callback?error=access_denied',
        ];
        void (async () => {
          strays.push(await statusOf(port, '//'));
          for (const path of paths) strays.push((await fetch(`http://127.0.0.1:${port}${path}`)).status);
          await fetch(await issuer.browse(url));
        })();
      },
    });
    expect(strays).toEqual([404, 404, 404, 404, 404, 404]);
    expect(result).toMatchObject({ accessToken: 'access-token-1' });
  });

  it('takes the answer once', async () => {
    let done: Promise<unknown> = Promise.resolve();
    const result = await client().signIn({
      scope: SCOPE,
      patience: 20_000,
      open: (url) => {
        done = issuer.browse(url).then((back) => Promise.allSettled([fetch(back), fetch(back)]));
      },
    });
    await done;
    expect(result).toMatchObject({ accessToken: 'access-token-1' });
    expect(issuer.count('/token')).toBe(1);
  });

  it('listens on 127.0.0.1 only, and no longer than the sign-in lasts', async () => {
    let port = '';
    const native = client();
    const result = await native.signIn({
      scope: SCOPE,
      patience: 100,
      open: (url) => {
        port = new URL(url.searchParams.get('redirect_uri') ?? '').port;
      },
    });
    expect(result).toMatchObject({ code: 'token-missing' });
    const refused = await new Promise<string>((resolve) => {
      request({ host: '127.0.0.1', port })
        .once('error', (error) => resolve(error.message))
        .end();
    });
    expect(refused).toContain('ECONNREFUSED');
  });

  it('gives up a sign-in whose browser never comes back', async () => {
    const result = await client().signIn({ scope: SCOPE, open: () => undefined, patience: 50 });
    expect(result).toMatchObject({
      code: 'token-missing',
      reason: expect.stringContaining('in time') as string,
    });
  });
});

describe('refreshing', () => {
  it('gives the next tokens', async () => {
    const native = client();
    await signIn(native);
    const next = await native.refresh({ refreshToken: 'refresh-token-1', scope: SCOPE });
    expect(next).toMatchObject({
      accessToken: 'access-token-2',
      refreshToken: 'refresh-token-2',
      scope: SCOPE,
    });
  });

  it('tells an ended grant from an issuer that is down', async () => {
    const native = client();
    expect(await native.refresh({ refreshToken: 'unknown', scope: SCOPE })).toMatchObject({
      code: 'token-revoked',
    });
    issuer.behaviour.answer = (path) => (path === '/token' ? { status: 503 } : undefined);
    expect(await native.refresh({ refreshToken: 'unknown', scope: SCOPE })).toMatchObject({
      code: 'issuer-unavailable',
    });
  });
});

describe('an issuer’s answer', () => {
  it.each([
    ['a line break in the token', { access_token: 'a\nb' }, 'token-malformed'],
    ['a space in the token', { access_token: 'a b' }, 'token-malformed'],
    ['a DPoP token', { token_type: 'DPoP' }, 'token-bound'],
  ])('with %s is not handed to a mail program', async (_what, tokens, code) => {
    issuer.behaviour.tokens = tokens;
    const { result } = await signIn(client());
    expect(result).toMatchObject({ refused: true, code });
  });
});

describe('revoking', () => {
  it('ends the refresh token', async () => {
    const native = client();
    await signIn(native);
    expect(await native.revoke('refresh-token-1')).toBe('revoked');
    expect(issuer.isLive('refresh-token-1')).toBe(false);
  });

  it('says so where the issuer offers none, or is down', async () => {
    issuer.behaviour.metadata = { revocation_endpoint: undefined };
    expect(await client().revoke('x')).toBe('not-offered');
    issuer.behaviour.answer = () => 'cut';
    expect(await client().revoke('x')).toMatchObject({ code: 'issuer-unavailable' });
  });
});

describe('an app', () => {
  it('gets a token by its secret', async () => {
    const native = client({ clientId: 'demo-app', clientSecret: new Secret('app secret') });
    expect(await native.clientCredentials({ scope: 'smtp.submit' })).toMatchObject({
      accessToken: 'access-token-1',
      refreshToken: undefined,
      scope: 'smtp.submit',
    });
    const sent = issuer.requests.find(({ path }) => path === '/token');
    const basic = Buffer.from(sent?.headers.authorization?.split(' ')[1] ?? '', 'base64').toString();
    expect(basic).toBe('demo-app:app+secret');
  });
});

describe('http without TLS', () => {
  it.each(['http://mail.example.org', 'http://127.0.0.1.example.org', 'http://localhost.example.org'])(
    'is not spoken with %s',
    async (address) => {
      const result = await client({ issuer: address }).refresh({ refreshToken: 'x', scope: SCOPE });
      expect(result).toMatchObject({
        code: 'issuer-unavailable',
        reason: expect.stringContaining('https') as string,
      });
    },
  );

  it('is not spoken with an endpoint elsewhere that a loopback issuer names', async () => {
    issuer.behaviour.metadata = { token_endpoint: 'http://mail.example.org/token' };
    const result = await client().refresh({ refreshToken: 'x', scope: SCOPE });
    expect(result).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringContaining('https') as string,
    });
  });
});
