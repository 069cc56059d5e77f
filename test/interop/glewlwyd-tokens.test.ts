// Glewlwyd's own access tokens, trusted directly as its page says: by their signature, and as long as Glewlwyd stands by them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseJwt } from '../support/parsed-jwt.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, startGate } from './gate.ts';
import { type Glewlwyd, startGlewlwyd } from './glewlwyd.ts';
import { type Account, openAccount, type TokenRequest } from './glewlwyd-account.ts';
import { openWith, presentAlone, refusalOf, sendWith } from './presented-token.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

/** Of the page. */
const RESOURCE = 'https://mail.example.org/';
/** Milliseconds, from a revocation to the end of the mail session; with the least `every` that may be set. */
const [EVERY, NOTICED] = ['10s', 10_500];

const closing: (() => unknown)[] = [];
const secrets: string[] = [];
let glewlwyd: Glewlwyd;
let sink: Sink;
let gate: Gate;
let account: Account;

beforeAll(async () => {
  const folder = makeFolder('glewlwyd-sink');
  closing.push(() => removeFolder(folder));
  glewlwyd = await startGlewlwyd();
  closing.push(() => glewlwyd.close());
  sink = await startSink(folder);
  closing.push(() => sink.close());
  gate = await startGate({
    upstream: { port: sink.port },
    token: { leeway: '0s', jwks: { cooldown: '1s' }, trustedIssuers: trusted() },
  });
  closing.push(() => gate.close());
  account = await openAccount(glewlwyd);
  secrets.push(glewlwyd.secret, glewlwyd.person.password);
});
afterAll(async () => {
  const leaks = gate?.journal.leaks(secrets) ?? [];
  for (const end of closing.toReversed()) await end();
  expect(leaks).toEqual([]);
});

/** As the page gives it, faster, and over http; the same for the instance whose tokens are brief. */
function trusted(): object[] {
  const [one] = glewlwyd.page.settings('tokens.yaml').token?.trustedIssuers ?? [];
  if (!one) throw new Error('the page has no trusted issuer');
  const { introspection, ...rest } = { ...one, allowInsecureHttp: true };
  return [
    { ...rest, introspection: { ...introspection, every: EVERY } },
    { ...rest, issuer: glewlwyd.briefIssuer },
  ];
}

async function issue(request: TokenRequest = {}): Promise<{ address: string; token: string }> {
  const token = await account.token({ resource: RESOURCE, ...request });
  secrets.push(token);
  return { address: glewlwyd.person.address, token };
}

async function untilExpired(token: string): Promise<void> {
  const exp = Number(parseJwt(token)?.claims['exp']);
  await until(() => Date.now() > exp * 1000 + 50, 'the token to expire');
}

test('a token of its own sends mail as the address in it', async () => {
  const dana = await issue();
  await sendWith(gate, sink, dana);
  const line = await gate.journal.find(({ event }) => event === 'loginSucceeded', 'the login');
  expect(line).toMatchObject({ issuer: glewlwyd.issuer, client: 'mail', user: dana.address });
  expect(parseJwt(dana.token)?.header).toMatchObject({ typ: 'at+jwt', alg: 'RS256' });
});

test('one that was not asked for this service, and one of a client that is not named, are refused', async () => {
  const address = glewlwyd.person.address;
  const unmeant = { address, token: await account.token({}) };
  secrets.push(unmeant.token);
  for (const [token, code] of [
    [unmeant, 'token-audience'],
    [await issue({ client: 'stranger' }), 'token-client'],
  ] as const) {
    const { reply, line } = await refusalOf(gate, token);
    expect([reply.slice(0, 10), line]).toMatchObject(['535 5.7.8 ', { code }]);
  }
});

test('one with the signature of another instance is refused, and one for somebody else’s address', async () => {
  const [dana, brief] = [await issue(), await issue({ issuer: glewlwyd.briefIssuer })];
  const [head, body] = dana.token.split('.');
  const forged = { ...dana, token: [head, body, brief.token.split('.')[2]].join('.') };
  expect((await refusalOf(gate, forged)).line).toMatchObject({ code: 'token-signature' });
  const { reply, line } = await refusalOf(gate, { ...dana, address: 'erin@example.org' });
  expect([reply.slice(0, 10), line]).toMatchObject(['535 5.7.8 ', { code: 'user-mismatch' }]);
});

test('an expired token is refused', async () => {
  const dana = await issue({ issuer: glewlwyd.briefIssuer });
  expect(await presentAlone(gate, dana)).toMatch(/^235 /);
  await untilExpired(dana.token);
  const { reply, line } = await refusalOf(gate, dana);
  expect([reply.slice(0, 10), line]).toMatchObject(['535 5.7.8 ', { code: 'token-expired' }]);
});

test('a revocation there ends the session of the token, and of no other', async () => {
  const [revoked, good] = [await issue(), await issue()];
  const [client, staying] = [await openWith(gate, revoked), await openWith(gate, good)];
  const end = client.readReply().then((reply) => ({ reply, at: performance.now() }));
  const revokedAt = performance.now();
  await account.revoke(revoked.token);
  const { reply, at } = await end;
  expect(reply[0]).toMatch(/^421 4\.7\.0 /);
  console.info(`from the revocation at Glewlwyd to 421: ${Math.round(at - revokedAt)} ms`);
  expect(at - revokedAt).toBeLessThan(NOTICED);
  const again = await refusalOf(gate, revoked);
  expect([again.reply.slice(0, 10), again.line]).toMatchObject(['535 5.7.8 ', { code: 'token-revoked' }]);
  expect((await staying.command('NOOP'))[0]).toMatch(/^250 /);
  staying.destroy();
});

test('while it is down nobody with a good token hears that it is bad', async () => {
  const [good, brief] = [await issue(), await issue({ issuer: glewlwyd.briefIssuer })];
  await glewlwyd.stop();
  // Keys are kept in memory alone, and would go on being good.
  await gate.stop();
  await gate.start();
  const { reply, line } = await refusalOf(gate, good);
  expect([reply.slice(0, 10), line]).toMatchObject(['454 4.7.0 ', { code: 'issuer-unavailable' }]);
  await untilExpired(brief.token);
  expect(await presentAlone(gate, brief)).toMatch(/^535 /);

  await glewlwyd.start();
  const replies: string[] = [];
  await until(async () => {
    replies.push(await presentAlone(gate, good));
    return replies.at(-1)?.startsWith('235 ');
  }, 'it to be believed again');
  expect(replies.filter((one) => one.startsWith('535'))).toEqual([]);
});
