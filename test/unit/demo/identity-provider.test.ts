// The demo's identity provider, driven as a browser and a registered client would.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type DemoIdentityProvider, startDemoIdentityProvider } from '../../../src/demo/identity-provider.ts';
import { isRefusal } from '../../../src/refusal.ts';
import { createIdentityProvider, isDenied } from '../../../src/relying-party/identity-provider.ts';
import { Secret } from '../../../src/setting.ts';

const REDIRECT = 'http://localhost:8080/sign-in/callback';
const SECRET = 'for the test';

let idp: DemoIdentityProvider;

beforeEach(async () => {
  idp = await startDemoIdentityProvider({
    listen: { host: '127.0.0.1', port: 0 },
    clients: [{ clientId: 'postern', clientSecret: new Secret(SECRET), redirectUris: [REDIRECT] }],
  });
});

afterEach(() => idp.close());

/** A browser without JavaScript: follows redirects on the issuer, keeps its cookies. */
function openBrowser() {
  const cookies = new Map<string, { value: string; path: string }>();
  async function request(url: URL, form?: Record<string, string>): Promise<Response> {
    const sent = [...cookies].filter(([, { path }]) => url.pathname.startsWith(path));
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: {
        accept: 'text/html',
        cookie: sent.map(([name, { value }]) => `${name}=${value}`).join('; '),
      },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      const path = /; ?path=([^;]+)/i.exec(line)?.[1] ?? '/';
      if (value === '') cookies.delete(name);
      else cookies.set(name, { value, path });
    }
    return response;
  }
  async function visit(
    url: URL,
    form?: Record<string, string>,
  ): Promise<{ url: URL; page: string; response: Response }> {
    const response = await request(url, form);
    const location = response.headers.get('location');
    if (location === null) return { url, page: await response.text(), response };
    await response.arrayBuffer();
    const next = new URL(location, url);
    if (next.origin !== new URL(idp.issuer).origin) return { url: next, page: '', response };
    return visit(next);
  }
  return { visit, cookies };
}

function relyingParty(changes: { scopes?: string[] } = {}) {
  return createIdentityProvider({
    redirectUri: REDIRECT,
    settings: {
      issuer: idp.issuer,
      clientId: 'postern',
      clientSecret: new Secret(SECRET),
      scopes: ['openid', 'email', 'profile'],
      identity: { addresses: ['email'], requireVerified: true, groups: 'groups' },
      timeout: 5000,
      allowInsecureHttp: true,
      ...changes,
    },
  });
}

async function begin(party = relyingParty(), loginHint?: string) {
  const started = await party.start({ loginHint });
  if (isRefusal(started)) throw new Error(started.reason);
  const finish = (callbackUrl: URL) => party.finish({ callbackUrl, saved: started.saved });
  return { ...started, finish };
}

describe('signing in', () => {
  it.each([
    ['alice', true],
    ['bob', true],
    ['carol', false],
  ])('tells who %s is', async (login, verified) => {
    const browser = openBrowser();
    const { url, finish } = await begin();
    const form = await browser.visit(url);
    expect(form.page).toContain('name="login"');
    expect(form.page).toContain('name="password"');
    const back = await browser.visit(form.url, { login, password: 'demo' });
    expect(back.url.href).toContain(REDIRECT);
    expect(await finish(back.url)).toMatchObject({
      issuer: idp.issuer,
      subject: login,
      claims: {
        email: `${login}@example.org`,
        email_verified: verified,
        name: expect.any(String) as string,
        groups: expect.any(Array) as string[],
      },
    });
  });

  it('takes the address as login, in any case', async () => {
    const browser = openBrowser();
    const { url, finish } = await begin();
    const form = await browser.visit(url);
    const back = await browser.visit(form.url, { login: ' Alice@Example.org', password: 'demo' });
    expect(await finish(back.url)).toMatchObject({ subject: 'alice' });
  });

  it('remembers the browser, so that the next sign-in asks nothing', async () => {
    const browser = openBrowser();
    const first = await begin();
    const form = await browser.visit(first.url);
    await browser.visit(form.url, { login: 'bob', password: 'demo' });
    const second = await begin();
    const back = await browser.visit(second.url);
    expect(await second.finish(back.url)).toMatchObject({ subject: 'bob' });
  });

  it.each([
    ['alice', 'wrong'],
    ['mallory', 'demo'],
    ['__proto__', 'demo'],
    ['', ''],
  ])('refuses %j with %j, says so on the form, and lets the person try again', async (login, password) => {
    const browser = openBrowser();
    const { url, finish } = await begin();
    const form = await browser.visit(url);
    const refused = await browser.visit(form.url, { login, password });
    expect(refused.response.status).toBe(401);
    expect(refused.page).toMatch(/role="alert"/);
    const back = await browser.visit(form.url, { login: 'alice', password: 'demo' });
    expect(await finish(back.url)).toMatchObject({ subject: 'alice' });
  });

  it('can be cancelled', async () => {
    const browser = openBrowser();
    const { url, finish } = await begin();
    const form = await browser.visit(url);
    const back = await browser.visit(form.url, { cancel: 'yes' });
    expect(isDenied(await finish(back.url))).toBe(true);
  });
});

describe('the sign-in page', () => {
  it('shows the login hint, escaped, under a policy that allows no script', async () => {
    const { url } = await begin(relyingParty(), '"><script>alert(1)</script>');
    const { page, response } = await openBrowser().visit(url);
    expect(page).toContain('value="&quot;&gt;&lt;script&gt;');
    expect(page).not.toContain('<script');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'none'");
    expect(policy).not.toContain('unsafe');
  });

  it('is not given to a browser that did not start the sign-in', async () => {
    const { url } = await begin();
    const form = await openBrowser().visit(url);
    const stranger = await openBrowser().visit(form.url, { login: 'alice', password: 'demo' });
    expect(stranger.response.status).toBe(400);
    expect(stranger.page).toContain('start again');
  });

  it('refuses a form larger than an honest one', async () => {
    const browser = openBrowser();
    const { url } = await begin();
    const form = await browser.visit(url);
    const refused = await browser.visit(form.url, { login: 'alice', password: 'x'.repeat(10_000) });
    expect(refused.response.status).toBe(413);
  });

  it('sets no cookie that Postern on another port of localhost could mistake for its own', async () => {
    const browser = openBrowser();
    const { url } = await begin();
    const form = await browser.visit(url);
    await browser.visit(form.url, { login: 'alice', password: 'demo' });
    const names = [...browser.cookies.keys()];
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(name).toMatch(/^demo_idp_/);
  });
});

describe('the protocol', () => {
  it('answers an unregistered redirect address with a page, not a redirect', async () => {
    const { url } = await begin();
    url.searchParams.set('redirect_uri', 'https://evil.example/');
    const { response, page } = await openBrowser().visit(url);
    expect(response.status).toBe(400);
    expect(page).toContain('start again');
    expect(response.headers.get('location')).toBeNull();
  });

  it('demands PKCE and the client’s secret', async () => {
    const { url } = await begin();
    url.searchParams.delete('code_challenge');
    url.searchParams.delete('code_challenge_method');
    const back = await openBrowser().visit(url);
    expect(back.url.searchParams.get('error')).toBe('invalid_request');
    const token = await fetch(`${idp.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'authorization_code', code: 'x', client_id: 'postern' }),
    });
    expect(token.status).toBe(401);
  });
});

describe('signing out', () => {
  const end = () => new URL(`${idp.issuer}/session/end`);

  it('asks first, and forgets the browser', async () => {
    const browser = openBrowser();
    const first = await begin();
    const form = await browser.visit(first.url);
    await browser.visit(form.url, { login: 'alice', password: 'demo' });
    const question = await browser.visit(end());
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(question.page)?.[1] ?? '';
    const action = new URL(/action="([^"]+)"/.exec(question.page)?.[1] ?? '');
    expect((await browser.visit(action, { xsrf, logout: 'yes' })).page).toContain('You are signed out');
    const again = await browser.visit((await begin()).url);
    expect(again.page).toContain('name="password"');
  });

  it('lets the library’s own script run for a browser that was not signed in', async () => {
    const { page, response } = await openBrowser().visit(end());
    expect(page).toContain('<script>');
    expect(response.headers.get('content-security-policy')).toMatch(/script-src [^;]*'sha256-/);
  });
});

describe('starting', () => {
  it('says nothing on the console', async () => {
    const spies = (['info', 'warn', 'error', 'log'] as const).map((name) => vi.spyOn(console, name));
    const other = await startDemoIdentityProvider({ listen: { host: '127.0.0.1', port: 0 }, clients: [] });
    const browser = openBrowser();
    const { url } = await begin();
    const form = await browser.visit(url);
    await browser.visit(form.url, { login: 'alice', password: 'demo' });
    const end = new URL(`${idp.issuer}/session/end`);
    expect((await browser.visit(end)).page).toContain('Sign out');
    await other.close();
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it.each(['0.0.0.0', '::', '192.0.2.1', '', 'example.org'])('refuses to listen on %j', async (host) => {
    await expect(startDemoIdentityProvider({ listen: { host, port: 0 }, clients: [] })).rejects.toThrow(
      /loopback only/,
    );
  });

  it('fails where the port is taken', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    const start = startDemoIdentityProvider({ listen: { host: 'localhost', port }, clients: [] });
    await expect(start).rejects.toThrow(/EADDRINUSE/);
    await new Promise((resolve) => squatter.close(resolve));
  });

  it('serves localhost on 127.0.0.1 and, where the machine has it, on ::1', async () => {
    const both = await startDemoIdentityProvider({ listen: { host: 'localhost', port: 0 }, clients: [] });
    const port = new URL(both.issuer).port;
    const hosts = (await import('node:os')).networkInterfaces()['lo']?.some(({ family }) => family === 'IPv6')
      ? ['127.0.0.1', '[::1]']
      : ['127.0.0.1'];
    for (const host of hosts) {
      const answer = await fetch(`http://${host}:${port}/.well-known/openid-configuration`);
      const metadata = (await answer.json()) as Record<string, string>;
      expect(metadata['issuer']).toBe(both.issuer);
      expect(metadata['token_endpoint']).toBe(`${both.issuer}/token`);
    }
    await both.close();
  });

  it('sends the sid of the session to a client that takes back-channel logouts', async () => {
    await idp.close();
    idp = await startDemoIdentityProvider({
      listen: { host: '127.0.0.1', port: 0 },
      clients: [
        {
          clientId: 'postern',
          clientSecret: new Secret(SECRET),
          redirectUris: [REDIRECT],
          backchannelLogoutUri: 'http://localhost:8080/backchannel-logout',
        },
      ],
    });
    const browser = openBrowser();
    const { url, finish } = await begin();
    const form = await browser.visit(url);
    const back = await browser.visit(form.url, { login: 'alice', password: 'demo' });
    expect(await finish(back.url)).toMatchObject({ sessionId: expect.stringMatching(/.+/) as string });
  });
});
