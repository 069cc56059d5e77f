// A real LemonLDAP::NG, set up as its page says: people sign in through it, its own tokens are trusted, and it is asked about them.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../support/authorization-chromium.ts';
import { parseJwt } from '../support/parsed-jwt.ts';
import { getTokens, openBrowser } from './brokered-sign-in.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, startGate } from './gate.ts';
import type { JournalLine } from './journal.ts';
import { DOCTOR, type Lemonldap, prepareLemonldap } from './lemonldap.ts';
import { fillSignIn, type IssuedTokens, openPortalSession, type PortalSession } from './lemonldap-person.ts';
import { openWith, presentAlone, refusalOf, sendWith } from './presented-token.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

/** Seconds that a token of the relying party `brief` lives. */
const BRIEFLY = 2;
/** The least that may be set. */
const EVERY = '10s';
/** Milliseconds, from a logout at the portal to the end of the mail session. */
const NOTICED = 10_500;
const PROGRAMS = ['mail', 'brief', 'elsewhere'];

const closing: (() => unknown)[] = [];
const secrets: string[] = [];
let lemonldap: Lemonldap;
let sink: Sink;
/** Judges tokens by their signature. */
let gate: Gate;
/** Asks about each. */
let asking: Gate;
let portal: PortalSession;

beforeAll(async () => {
  const folder = makeFolder('lemonldap-sink');
  closing.push(() => removeFolder(folder));
  sink = await startSink(folder);
  closing.push(() => sink.close());
  lemonldap = await prepareLemonldap();
  closing.push(() => lemonldap.close());
  const upstream = { port: sink.port };
  const { identityProvider } = lemonldap.page.settings('postern.yaml').authorization ?? {};
  gate = await startGate({
    upstream,
    authorization: { identityProvider: { ...identityProvider, allowInsecureHttp: true } },
    token: {
      leeway: '0s',
      jwks: { cooldown: '1s' },
      trustedIssuers: trusted('tokens.yaml', { every: EVERY }, PROGRAMS),
    },
  });
  closing.push(() => gate.close());
  asking = await startGate({
    upstream,
    token: { leeway: '0s', trustedIssuers: trusted('opaque.yaml', { cacheFor: '1s' }) },
  });
  closing.push(() => asking.close());
  await lemonldap.setUp({ postern: gate.issuer, more: furtherPrograms() });
  portal = await openPortalSession(lemonldap);
  secrets.push(lemonldap.secret);
});
afterAll(async () => {
  const leaks = [gate, asking].flatMap((one) => one?.journal.leaks(secrets) ?? []);
  for (const end of closing.toReversed()) await end();
  expect(leaks).toEqual([]);
});

/** As the page gives it, faster, and over http. */
function trusted(file: string, introspection: object, clients?: readonly string[]): object[] {
  const { trustedIssuers = [] } = lemonldap.page.settings(file).token ?? {};
  return trustedIssuers.map((one) => ({
    ...one,
    ...(clients && { clients }),
    introspection: { ...one.introspection, ...introspection },
    allowInsecureHttp: true,
  }));
}

/** Relying parties like `mail` of the page, each with one thing that is not as it should be. */
function furtherPrograms(): object {
  const audience = { oidcRPMetaDataOptionsAdditionalAudiences: 'https://mail.example.org' };
  const parties = {
    brief: { ...audience, oidcRPMetaDataOptionsAccessTokenExpiration: BRIEFLY },
    elsewhere: { oidcRPMetaDataOptionsAdditionalAudiences: 'https://files.example.org' },
    stranger: audience,
  };
  const each = (value: (name: string, changes: object) => object) =>
    Object.fromEntries(Object.entries(parties).map(([name, changes]) => [name, value(name, changes)]));
  return {
    oidcRPMetaDataOptions: each((name, changes) => ({
      oidcRPMetaDataOptionsClientID: name,
      oidcRPMetaDataOptionsPublic: 1,
      oidcRPMetaDataOptionsRedirectUris: 'http://127.0.0.1:51234/callback',
      oidcRPMetaDataOptionsIDTokenSignAlg: 'RS256',
      oidcRPMetaDataOptionsBypassConsent: 1,
      oidcRPMetaDataOptionsAccessTokenJWT: 1,
      oidcRPMetaDataOptionsAccessTokenClaims: 1,
      ...changes,
    })),
    oidcRPMetaDataExportedVars: each(() => ({ email: 'mail', email_verified: 'verified;bool' })),
    oidcRPMetaDataMacros: each(() => ({ verified: '1' })),
    oidcRPMetaDataScopeRules: each(() => ({ 'smtp.submit': '$requested' })),
  };
}

async function issue(client: string, session = portal): Promise<IssuedTokens> {
  const tokens = await session.token(client);
  secrets.push(tokens.accessToken, tokens.idToken);
  return tokens;
}

async function untilExpired(token: string): Promise<void> {
  const exp = Number(parseJwt(token)?.claims['exp']);
  await until(() => Date.now() > exp * 1000 + 50, 'the token to expire');
}

const doctors = (token: string) => ({ address: DOCTOR.address, token });

test('who signs in through LemonLDAP::NG sends mail as the address that it vouches for', async () => {
  const chromium: Browser = await launchChromium();
  try {
    const visitor = { address: DOCTOR.address, signIn: fillSignIn };
    const tokens = await getTokens(await openBrowser(chromium), visitor, gate);
    secrets.push(tokens.accessToken, tokens.refreshToken);
    await sendWith(gate, sink, doctors(tokens.accessToken));
  } finally {
    await chromium.close();
  }
});

test('a token of its own is trusted directly, by its signature', async () => {
  const { accessToken } = await issue('mail');
  await sendWith(gate, sink, doctors(accessToken));
  const isThis = ({ event, issuer }: JournalLine) =>
    event === 'loginSucceeded' && issuer === lemonldap.issuer;
  const line = await gate.journal.find(isThis, 'the login');
  expect(line).toMatchObject({ client: 'mail', user: DOCTOR.address });
  // The token says of itself what the page says of it.
  expect(parseJwt(accessToken)).toMatchObject({ header: { typ: 'JWT', alg: 'RS256' } });
});

test.each([
  ['for another service', 'elsewhere', 'token-audience'],
  ['of a client that is not named', 'stranger', 'token-client'],
])('one %s is refused', async (_what, client, code) => {
  const { accessToken } = await issue(client);
  const { reply, line } = await refusalOf(gate, doctors(accessToken));
  expect(reply).toMatch(/^535 5\.7\.8 /);
  expect(line).toMatchObject({ code });
});

test('an ID token, which has the same type and audience, is refused', async () => {
  const { idToken } = await issue('mail');
  const { reply, line } = await refusalOf(gate, doctors(idToken));
  expect(reply).toMatch(/^535 5\.7\.8 /);
  expect(line).toMatchObject({ code: 'token-type' });
});

test('one with another signature, and one for somebody else’s address, are refused', async () => {
  const { accessToken } = await issue('mail');
  const other = (await issue('mail')).accessToken.split('.')[2];
  const forged = [...accessToken.split('.').slice(0, 2), other].join('.');
  expect((await refusalOf(gate, doctors(forged))).line).toMatchObject({ code: 'token-signature' });
  const stranger = await refusalOf(gate, { address: 'rtyler@badwolf.org', token: accessToken });
  expect(stranger.reply).toMatch(/^535 5\.7\.8 /);
});

test('an expired token is refused', async () => {
  const { accessToken } = await issue('brief');
  expect(await presentAlone(gate, doctors(accessToken))).toMatch(/^235 /);
  await untilExpired(accessToken);
  const { reply, line } = await refusalOf(gate, doctors(accessToken));
  expect(reply).toMatch(/^535 5\.7\.8 /);
  expect(line).toMatchObject({ code: 'token-expired' });
});

test('a logout at the portal ends the session that a token of its own has opened', async () => {
  const session = await openPortalSession(lemonldap);
  const { accessToken } = await issue('mail', session);
  const client = await openWith(gate, doctors(accessToken));
  const staying = await openWith(gate, doctors((await issue('mail')).accessToken));
  const end = client.readReply().then((reply) => ({ reply, at: performance.now() }));
  const signedOutAt = performance.now();
  await session.signOut();
  const { reply, at } = await end;
  expect(reply[0]).toMatch(/^421 4\.7\.0 /);
  console.info(`from the logout at the portal to 421: ${Math.round(at - signedOutAt)} ms`);
  expect(at - signedOutAt).toBeLessThan(NOTICED);
  const again = await refusalOf(gate, doctors(accessToken));
  expect(again.reply).toMatch(/^535 5\.7\.8 /);
  expect(again.line).toMatchObject({ code: 'token-revoked' });
  // Another session of the same person was asked about as well, and goes on.
  expect((await staying.command('NOOP'))[0]).toMatch(/^250 /);
  staying.destroy();
});

test('an opaque token is taken on the word of LemonLDAP::NG, and only as long as that holds', async () => {
  const session = await openPortalSession(lemonldap);
  const { accessToken } = await issue('opaque-mail', session);
  expect(accessToken).toMatch(/^[0-9a-f]{64}$/);
  await sendWith(asking, sink, doctors(accessToken));
  await session.signOut();
  await until(
    async () => (await presentAlone(asking, doctors(accessToken))).startsWith('535 5.7.8 '),
    'the logout to be noticed',
    5000,
  );
  const { line } = await refusalOf(asking, doctors(accessToken));
  expect(line).toMatchObject({ code: 'token-revoked' });
});

test('a token that it never made, and one of another client, are refused where it is asked', async () => {
  const made = await refusalOf(asking, doctors('0'.repeat(64)));
  expect([made.reply.slice(0, 10), made.line]).toMatchObject(['535 5.7.8 ', { code: 'token-revoked' }]);
  const { accessToken } = await issue('mail');
  const foreign = await refusalOf(asking, doctors(accessToken));
  expect([foreign.reply.slice(0, 10), foreign.line]).toMatchObject(['535 5.7.8 ', { code: 'token-client' }]);
});

test('while it is down nobody with a good token hears that it is bad', async () => {
  const [signed, opaque, brief] = [await issue('mail'), await issue('opaque-mail'), await issue('brief')];
  await lemonldap.stop();
  // It keeps keys in memory alone, and would go on with them.
  await gate.stop();
  await gate.start();
  for (const [where, token] of [
    [gate, signed.accessToken],
    [asking, opaque.accessToken],
  ] as const) {
    const { reply, line } = await refusalOf(where, doctors(token));
    expect(reply).toMatch(/^454 4\.7\.0 /);
    expect(line).toMatchObject({ code: 'issuer-unavailable' });
  }
  await untilExpired(brief.accessToken);
  expect(await presentAlone(gate, doctors(brief.accessToken))).toMatch(/^535 /);

  await lemonldap.start();
  for (const [where, token] of [
    [gate, signed.accessToken],
    [asking, opaque.accessToken],
  ] as const) {
    const replies: string[] = [];
    await until(async () => {
      replies.push(await presentAlone(where, doctors(token)));
      return replies.at(-1)?.startsWith('235 ');
    }, 'it to be believed again');
    expect(replies.filter((reply) => reply.startsWith('535'))).toEqual([]);
  }
});
