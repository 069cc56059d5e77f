// The sign-in at an identity provider that behaves, and every way in which one may not.

import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isRefusal, type RefusalCode } from '../../../src/refusal.ts';
import {
  createIdentityProvider,
  type IdentityProviderSettings,
  isDenied,
  type RelyingParty,
} from '../../../src/relying-party/identity-provider.ts';
import { Secret } from '../../../src/setting.ts';
import {
  DISCOVERY_PATH,
  type FakeIdentityProvider,
  signJwt,
  startFakeIdentityProvider,
} from './fake-identity-provider.ts';

const REDIRECT = 'https://mail.example.org/sign-in/callback';
const SECRET = 'correct horse+battery/staple';

let idp: FakeIdentityProvider;
let clock: number;

beforeEach(async () => {
  idp = await startFakeIdentityProvider();
  clock = Date.now();
});

afterEach(() => idp.close());

function settings(changes: Partial<IdentityProviderSettings> = {}): IdentityProviderSettings {
  return {
    issuer: idp.issuer,
    clientId: 'postern',
    clientSecret: new Secret(SECRET),
    scopes: ['openid', 'email'],
    identity: { addresses: ['email'], requireVerified: true },
    timeout: 20_000,
    allowInsecureHttp: true,
    ...changes,
  };
}

function party(changes: Partial<IdentityProviderSettings> = {}): RelyingParty {
  return createIdentityProvider({ settings: settings(changes), redirectUri: REDIRECT, now: () => clock });
}

async function startSignIn(relyingParty: RelyingParty) {
  const started = await relyingParty.start({ loginHint: 'alice@example.org' });
  if (isRefusal(started)) throw new Error(started.reason);
  return started;
}

async function signIn(relyingParty: RelyingParty) {
  const started = await startSignIn(relyingParty);
  return relyingParty.finish({ callbackUrl: await idp.browse(started.url), saved: started.saved });
}

async function expectRefused(code: RefusalCode, reason?: RegExp, relyingParty = party()) {
  const result = await signIn(relyingParty);
  expect(result).toMatchObject({ refused: true, code });
  const text = JSON.stringify(result);
  if (reason) expect(text).toMatch(reason);
  for (const secret of [SECRET, 'access-token-', '0123456789abcdef', 'eyJ'])
    expect(text).not.toContain(secret);
}

describe('a sign-in that goes well', () => {
  it('asks with code, PKCE S256, state and nonce, and proves the verifier with the code', async () => {
    const relyingParty = party();
    const started = await startSignIn(relyingParty);
    const asked = started.url.searchParams;
    expect(Object.fromEntries(asked)).toMatchObject({
      client_id: 'postern',
      response_type: 'code',
      redirect_uri: REDIRECT,
      scope: 'openid email',
      code_challenge_method: 'S256',
      login_hint: 'alice@example.org',
      state: started.state,
    });
    const saved = JSON.parse(started.saved) as Record<string, string>;
    expect(saved['nonce']).toBe(asked.get('nonce'));
    expect(started.url.href).not.toContain(saved['codeVerifier']);

    const callbackUrl = await idp.browse(started.url);
    const result = await relyingParty.finish({ callbackUrl, saved: started.saved });
    expect(result).toMatchObject({
      issuer: idp.issuer,
      subject: 'u1',
      claims: { email: 'alice@example.org', email_verified: true },
    });
    const exchange = idp.requests.find((request) => request.path === '/token');
    expect(exchange?.form.get('code_verifier')).toBe(saved['codeVerifier']);
    expect(exchange?.form.get('redirect_uri')).toBe(REDIRECT);
  });

  it('starts every sign-in with its own state, nonce and verifier', async () => {
    const relyingParty = party();
    const [one, two] = [await startSignIn(relyingParty), await startSignIn(relyingParty)];
    const values = [one.saved, two.saved].flatMap((saved) => Object.values(JSON.parse(saved) as object));
    expect(new Set(values).size).toBe(6);
  });

  it('keeps the sid of the session for a back-channel logout', async () => {
    idp.behaviour.idToken = { sid: 'session-7' };
    expect(await signIn(party())).toMatchObject({ sessionId: 'session-7' });
  });

  it('binds the code to the registered redirect address, whatever host the browser was seen at', async () => {
    const relyingParty = party();
    const started = await startSignIn(relyingParty);
    const seen = new URL(await idp.browse(started.url));
    seen.protocol = 'http:';
    seen.host = '10.0.0.7:8080';
    const result = await relyingParty.finish({ callbackUrl: seen, saved: started.saved });
    expect(result).toMatchObject({ subject: 'u1' });
    expect(idp.requests.find(({ path }) => path === '/token')?.form.get('redirect_uri')).toBe(REDIRECT);
  });

  it('leaves out a login hint that no address can be', async () => {
    const started = await party().start({ loginHint: 'alice\r\n@example.org' });
    expect(isRefusal(started) ? undefined : started.url.searchParams.has('login_hint')).toBe(false);
  });
});

describe('Postern’s credentials at the identity provider', () => {
  const exchange = () => idp.requests.find(({ path }) => path === '/token');

  it('go as client_secret_basic, form-encoded, where the metadata say nothing', async () => {
    await signIn(party());
    const [scheme, value] = exchange()?.headers.authorization?.split(' ') ?? [];
    expect(scheme).toBe('Basic');
    const [user, secret] = Buffer.from(value ?? '', 'base64')
      .toString()
      .split(':');
    expect(user).toBe('postern');
    expect(new URLSearchParams(`x=${secret}`).get('x')).toBe(SECRET);
    expect(exchange()?.form.has('client_secret')).toBe(false);
  });

  it('go as client_secret_post where that is all the metadata offer', async () => {
    idp.behaviour.metadata = {
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
    };
    await signIn(party());
    expect(exchange()?.headers.authorization).toBeUndefined();
    expect(exchange()?.form.get('client_secret')).toBe(SECRET);
  });

  it('are the client identifier alone for a public client', async () => {
    const { clientSecret: _none, ...open } = settings();
    await signIn(createIdentityProvider({ settings: open, redirectUri: REDIRECT }));
    expect(exchange()?.headers.authorization).toBeUndefined();
    expect(exchange()?.form.get('client_id')).toBe('postern');
  });
});

describe('userinfo', () => {
  it('is not asked where the id_token holds the configured claims', async () => {
    await signIn(party());
    expect(idp.count('/userinfo')).toBe(0);
  });

  it('fills in what the id_token lacks, and does not overrule it', async () => {
    idp.behaviour.idToken = { email: undefined, email_verified: undefined, name: 'Signed Name' };
    idp.behaviour.userinfo = { email: 'bob@example.org', email_verified: true, name: 'Other Name' };
    expect(await signIn(party())).toMatchObject({
      claims: { email: 'bob@example.org', email_verified: true, name: 'Signed Name' },
    });
  });

  it('that has verified another address verifies nothing of the one in the id_token', async () => {
    idp.behaviour.idToken = { email: 'alice@example.org', email_verified: undefined };
    idp.behaviour.userinfo = { email: 'mallory@example.org', email_verified: true };
    const outcome = await signIn(party());
    expect(outcome).toMatchObject({ claims: { email: 'alice@example.org' } });
    expect(JSON.stringify(outcome)).not.toContain('"email_verified":true');
    idp.behaviour.userinfo = { email: 'alice@example.org', email_verified: true };
    expect(await signIn(party())).toMatchObject({ claims: { email_verified: true } });
    idp.behaviour.userinfo = { email_verified: true };
    expect(await signIn(party())).toMatchObject({ claims: { email_verified: true } });
  });

  it.each([
    ['email_verified', { identity: { addresses: ['email'], requireVerified: true } }],
    ['groups', { identity: { addresses: ['email'], requireVerified: false, groups: 'groups' } }],
    ['aliases', { identity: { addresses: ['email', 'aliases'], requireVerified: false } }],
  ])('is asked where only %s is missing', async (_claim, changes) => {
    idp.behaviour.idToken = { email_verified: undefined };
    await signIn(party(changes));
    expect(idp.count('/userinfo')).toBe(1);
  });

  it('of another subject is refused', async () => {
    idp.behaviour.idToken = { email: undefined };
    idp.behaviour.userinfo = { sub: 'mallory', email: 'alice@example.org' };
    await expectRefused('token-identity', /userinfo/);
  });

  it('that fails is an unavailable issuer', async () => {
    idp.behaviour.idToken = { email: undefined };
    idp.behaviour.answer = (path) => (path === '/userinfo' ? { status: 503 } : undefined);
    await expectRefused('issuer-unavailable', /userinfo answered 503/);
  });
});

describe('an answer that is not the one asked for', () => {
  it('tells the person’s own no from a failure', async () => {
    idp.behaviour.callback = { code: undefined, error: 'access_denied' };
    expect(isDenied(await signIn(party()))).toBe(true);
  });

  it.each<[string, Record<string, string | undefined>, RefusalCode]>([
    ['another state', { state: 'forged' }, 'token-identity'],
    ['no state', { state: undefined }, 'token-identity'],
    ['another issuer (RFC 9207)', { iss: 'https://evil.example' }, 'token-identity'],
    ['no iss though announced (RFC 9207)', { iss: undefined }, 'token-identity'],
    ['no code', { code: undefined }, 'token-identity'],
    ['a code the issuer does not know', { code: 'stolen-0123456789abcdef' }, 'token-identity'],
    ['login_required', { code: undefined, error: 'login_required' }, 'token-identity'],
    ['server_error', { code: undefined, error: 'server_error' }, 'issuer-unavailable'],
    ['invalid_scope', { code: undefined, error: 'invalid_scope' }, 'issuer-unavailable'],
    [
      'an error with control characters',
      { code: undefined, error: 'x\r\nx-0123456789abcdef' },
      'issuer-unavailable',
    ],
  ])('%s', async (_what, callback, code) => {
    idp.behaviour.callback = callback;
    await expectRefused(code);
  });

  it('with a parameter twice is refused', async () => {
    const relyingParty = party();
    const started = await startSignIn(relyingParty);
    const callbackUrl = await idp.browse(started.url);
    callbackUrl.searchParams.append('code', 'second');
    const result = await relyingParty.finish({ callbackUrl, saved: started.saved });
    expect(result).toMatchObject({ code: 'token-identity' });
    expect(idp.count('/token')).toBe(0);
  });

  it('a denial with a forged state counts for nothing', async () => {
    idp.behaviour.callback = { code: undefined, error: 'access_denied', state: 'forged' };
    await expectRefused('token-identity');
  });

  it.each(['', '{}', 'null', '[]', '{"state":1}'])(
    'cannot be matched with %j as what was saved',
    async (saved) => {
      const relyingParty = party();
      const started = await startSignIn(relyingParty);
      const callbackUrl = await idp.browse(started.url);
      expect(await relyingParty.finish({ callbackUrl, saved })).toMatchObject({ code: 'token-identity' });
      expect(idp.count('/token')).toBe(0);
    },
  );
});

describe('a bad id_token', () => {
  const past = Math.floor(Date.now() / 1000) - 3600;
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

  it.each<[string, Record<string, unknown>, RefusalCode]>([
    ['a wrong nonce', { nonce: 'other' }, 'token-identity'],
    ['no nonce', { nonce: undefined }, 'token-malformed'],
    ['a wrong issuer', { iss: 'https://evil.example' }, 'token-issuer'],
    ['a wrong audience', { aud: 'somebody-else' }, 'token-audience'],
    ['an audience list for another party', { aud: ['postern', 'x'], azp: 'x' }, 'token-identity'],
    ['an expiry long ago', { exp: past }, 'token-expired'],
    ['a start in the future', { nbf: past + 7200 }, 'token-not-yet-valid'],
    ['no subject', { sub: undefined }, 'token-malformed'],
  ])('with %s', async (_what, claims, code) => {
    idp.behaviour.idToken = claims;
    await expectRefused(code);
  });

  it.each<[string, Record<string, unknown>, RefusalCode]>([
    ['alg none', { alg: 'none' }, 'token-algorithm'],
    ['alg HS256', { alg: 'HS256' }, 'token-algorithm'],
    ['an algorithm not announced', { alg: 'ES384' }, 'token-algorithm'],
    ['a key nobody has', { kid: 'unknown' }, 'token-key'],
    ['an unknown crit', { crit: ['x'], x: 1 }, 'token-critical'],
  ])('with %s', async (_what, header, code) => {
    idp.behaviour.idTokenHeader = header;
    await expectRefused(code);
  });

  it.each(['none', 'HS256'])('with alg %s is refused even where the metadata announce it', async (alg) => {
    idp.behaviour.metadata = { id_token_signing_alg_values_supported: ['ES256', 'none', 'HS256'] };
    idp.behaviour.idTokenHeader = { alg };
    await expectRefused('token-algorithm');
  });

  it('signed by somebody else', async () => {
    const relyingParty = party();
    expect(await signIn(relyingParty)).toMatchObject({ subject: 'u1' });
    const started = await startSignIn(relyingParty);
    const { nonce } = JSON.parse(started.saved) as { nonce: string };
    const claims = { iss: idp.issuer, sub: 'u1', aud: 'postern', iat: past, exp: past + 7200, nonce };
    const kid = (await (await fetch(`${idp.issuer}/jwks`)).json()) as { keys: { kid: string }[] };
    idp.behaviour.tokens = { id_token: signJwt({ alg: 'ES256', kid: kid.keys[0]?.kid }, claims, foreign) };
    const callbackUrl = await idp.browse(started.url);
    const result = await relyingParty.finish({ callbackUrl, saved: started.saved });
    expect(result).toMatchObject({ code: 'token-signature' });
  });

  it('that is missing', async () => {
    idp.behaviour.tokens = { id_token: undefined };
    await expectRefused('token-missing');
  });

  it('that is garbage', async () => {
    idp.behaviour.tokens = { id_token: 'a.b.c' };
    await expectRefused('token-malformed');
  });
});

describe('an identity provider that is down or broken', () => {
  it.each<[string, unknown]>([
    ['an HTML page', '<h1>Maintenance</h1>'],
    ['half a JSON text', '{"issuer":'],
    ['a JSON list', []],
    ['no endpoints', { issuer: 'SELF' }],
  ])('whose metadata are %s is unavailable', async (_what, body) => {
    const page = JSON.stringify(body) === '{"issuer":"SELF"}' ? { issuer: idp.issuer } : body;
    idp.behaviour.answer = (path) => (path === DISCOVERY_PATH ? { body: page } : undefined);
    expect(await party().start({})).toMatchObject({ code: 'issuer-unavailable' });
  });

  it('whose metadata name another issuer is not believed', async () => {
    idp.behaviour.metadata = { issuer: 'https://evil.example' };
    expect(await party().start({})).toMatchObject({ code: 'issuer-unavailable' });
  });

  it.each([
    ['https://login.microsoftonline.com/common/v2.0', 'https://login.microsoftonline.com/{tenantid}/v2.0'],
    ['https://contoso.b2clogin.com/contoso/policy/v2.0', 'https://contoso.b2clogin.com/tenant/v2.0'],
  ])('that serves tenants of its own choice (%s) is not believed', async (configured, named) => {
    const endpoint = 'https://login.example.org/';
    const metadata = {
      issuer: named,
      authorization_endpoint: endpoint,
      token_endpoint: endpoint,
      jwks_uri: endpoint,
    };
    const answer = new Response(JSON.stringify(metadata), {
      headers: { 'content-type': 'application/json' },
    });
    const spy = vi.spyOn(globalThis, 'fetch').mockResolvedValue(answer);
    const started = await party({ issuer: configured }).start({});
    spy.mockRestore();
    expect(started).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringContaining('another issuer') as string,
    });
  });

  it('whose metadata redirect is not followed', async () => {
    idp.behaviour.answer = (path) =>
      path === DISCOVERY_PATH ? { status: 302, headers: { location: `${idp.issuer}/elsewhere` } } : undefined;
    expect(await party().start({})).toMatchObject({ code: 'issuer-unavailable' });
    expect(idp.count('/elsewhere')).toBe(0);
  });

  it('whose answers never end is cut off at 1 MiB', async () => {
    idp.behaviour.metadata = { padding: 'x'.repeat(1_100_000) };
    expect(await party().start({})).toMatchObject({
      reason: expect.stringContaining('more than 1 MiB') as string,
    });
  });

  it('that does not answer is given up after the time limit', async () => {
    idp.behaviour.answer = () => 'hang';
    const begun = performance.now();
    expect(await party({ timeout: 150 }).start({})).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringContaining('within 150 ms') as string,
    });
    expect(performance.now() - begun).toBeLessThan(20_000);
  });

  it.each<[string, ReturnType<FakeIdentityProvider['behaviour']['answer']>]>([
    ['drops the line', 'cut'],
    ['answers 500', { status: 500, body: { error: 'oops' } }],
    ['is overrun (429)', { status: 429, body: {} }],
    ['sends garbage', { body: 'not json' }],
    ['sends an empty object', { body: {} }],
    ['refuses the client', { status: 401, body: { error: 'invalid_client', error_description: SECRET } }],
    ['challenges the client', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' }, body: {} }],
  ])('that %s at the token endpoint is unavailable', async (_what, answer) => {
    idp.behaviour.answer = (path) => (path === '/token' ? answer : undefined);
    await expectRefused('issuer-unavailable');
  });

  it('says in the reason what to check where Postern’s credentials are wrong', async () => {
    idp.behaviour.answer = (path) =>
      path === '/token' ? { status: 401, body: { error: 'invalid_client' } } : undefined;
    await expectRefused('issuer-unavailable', /invalid_client; check the client identifier and its secret/);
  });

  it('says the same where the identity provider answers with a challenge only (RFC 6749 §5.2)', async () => {
    const challenge = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' }, body: {} };
    idp.behaviour.answer = (path) => (path === '/token' ? challenge : undefined);
    await expectRefused('issuer-unavailable', /invalid_client; check the client identifier and its secret/);
  });

  it('whose keys cannot be fetched is unavailable', async () => {
    idp.behaviour.answer = (path) => (path === '/jwks' ? { status: 502 } : undefined);
    await expectRefused('issuer-unavailable', /jwks answered 502/);
  });

  it('is not spoken to over http unless the operator says so', async () => {
    const refused = await party({ allowInsecureHttp: false }).start({});
    expect(refused).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringContaining('https') as string,
    });
    expect(idp.requests).toHaveLength(0);
  });
});

describe('discovery', () => {
  it('waits for the first sign-in, happens once for many, and is kept', async () => {
    const relyingParty = party();
    expect(idp.requests).toHaveLength(0);
    await Promise.all(Array.from({ length: 10 }, () => startSignIn(relyingParty)));
    await startSignIn(relyingParty);
    expect(idp.count(DISCOVERY_PATH)).toBe(1);
  });

  it('leaves a failing issuer alone for 1 s, then 2, 4 … up to 60 s, and picks it up when it is back', async () => {
    idp.behaviour.answer = () => ({ status: 503 });
    const relyingParty = party();
    const gaps: number[] = [];
    for (let second = 0, last = 0; second < 300; second += 1) {
      const before = idp.count(DISCOVERY_PATH);
      const started = await relyingParty.start({});
      expect(started).toMatchObject({
        code: 'issuer-unavailable',
        reason: expect.stringContaining('503') as string,
      });
      if (idp.count(DISCOVERY_PATH) > before) {
        gaps.push(second - last);
        last = second;
      }
      clock += 1000;
    }
    expect(gaps).toEqual([0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    idp.behaviour.answer = () => undefined;
    clock += 60_000;
    expect(isRefusal(await relyingParty.start({}))).toBe(false);
  });

  it('is renewed after an hour without making anybody wait', async () => {
    const relyingParty = party();
    await startSignIn(relyingParty);
    clock += 3_600_001;
    idp.behaviour.answer = (path) => (path === DISCOVERY_PATH ? 'hang' : undefined);
    expect((await startSignIn(relyingParty)).url.pathname).toBe('/authorize');
    expect((await startSignIn(relyingParty)).url.pathname).toBe('/authorize');
    expect(idp.count(DISCOVERY_PATH)).toBe(2);
  });

  it('brings new endpoints into use once renewed', async () => {
    const relyingParty = party();
    await startSignIn(relyingParty);
    clock += 3_600_001;
    idp.behaviour.metadata = { authorization_endpoint: `${idp.issuer}/authorize2` };
    await expect.poll(async () => (await startSignIn(relyingParty)).url.pathname).toBe('/authorize2');
    expect(idp.count(DISCOVERY_PATH)).toBe(2);
  });

  it('is asked again before the next person is sent to an issuer that has just failed', async () => {
    const relyingParty = party();
    const started = await startSignIn(relyingParty);
    const callbackUrl = await idp.browse(started.url);
    idp.behaviour.answer = () => 'cut';
    expect(await relyingParty.finish({ callbackUrl, saved: started.saved })).toMatchObject({
      code: 'issuer-unavailable',
    });
    expect(await relyingParty.start({})).toMatchObject({ code: 'issuer-unavailable' });
    idp.behaviour.answer = () => undefined;
    clock += 1000;
    expect(isRefusal(await relyingParty.start({}))).toBe(false);
  });

  it('tolerates the slash of an empty path', async () => {
    expect(isRefusal(await party({ issuer: `${idp.issuer}/` }).start({}))).toBe(false);
  });
});

describe('the issuer’s signing keys', () => {
  it('are fetched once for many sign-ins, and anew as soon as an unknown one signs', async () => {
    const relyingParty = party();
    await signIn(relyingParty);
    await signIn(relyingParty);
    expect(idp.count('/jwks')).toBe(1);
    idp.rotateKey();
    expect(await signIn(relyingParty)).toMatchObject({ subject: 'u1' });
    expect(await signIn(relyingParty)).toMatchObject({ subject: 'u1' });
    expect(idp.count('/jwks')).toBe(2);
  });
});

describe('readiness', () => {
  it('asks at most once a minute while all is well', async () => {
    const relyingParty = party();
    for (let second = 0; second < 130; second += 10) {
      expect(await relyingParty.ready()).toBe(true);
      clock += 10_000;
    }
    expect(idp.count(DISCOVERY_PATH)).toBe(2);
  });

  it('turns false within a minute and true again when the issuer is back', async () => {
    const relyingParty = party();
    expect(await relyingParty.ready()).toBe(true);
    idp.behaviour.answer = () => 'cut';
    clock += 61_000;
    expect(await relyingParty.ready()).toBe(false);
    idp.behaviour.answer = () => undefined;
    clock += 1_000;
    expect(await relyingParty.ready()).toBe(true);
  });
});

describe('the end of the session at the identity provider', () => {
  it('is offered where the metadata name its address, once they are known', async () => {
    idp.behaviour.metadata = { end_session_endpoint: `${idp.issuer}/end` };
    const relyingParty = party();
    expect(relyingParty.endSessionUrl({})).toBeUndefined();
    await startSignIn(relyingParty);
    const url = relyingParty.endSessionUrl({ postLogoutRedirectUri: 'https://mail.example.org/' });
    expect(url?.pathname).toBe('/end');
    expect(Object.fromEntries(url?.searchParams ?? [])).toEqual({
      client_id: 'postern',
      post_logout_redirect_uri: 'https://mail.example.org/',
    });
  });

  it('is not where they do not', async () => {
    const relyingParty = party();
    await startSignIn(relyingParty);
    expect(relyingParty.endSessionUrl({})).toBeUndefined();
  });
});
