// Many logins at a time, over SMTP and against an issuer over HTTP: one fetch a rotation, one question a token.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { TrustedIssuerSettings } from '../../../src/token/settings.ts';
import { createTokenVerifier, type TokenVerifier } from '../../../src/token/verifier.ts';
import { openRevocations } from '../../../src/token/withdrawal/revocations.ts';
import { type Crowd, gatherCrowd } from '../../support/crowd.ts';
import { type FakeIssuer, startFakeIssuer } from '../../support/fake-issuer.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';
import {
  goodClaims,
  introspectionSettings,
  memoryRevocationStore,
  mintToken,
  tokenSettings,
  trustedIssuer,
} from '../../support/tokens.ts';

const MANY = 1_000;
/** Milliseconds: no limit ends anything here, however slow the machine, and no time passes but by `coolDown`. */
const LONG = 600_000;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Situation {
  readonly gateway: TestGateway;
  /** Moves the verifier's clock by a cooldown. */
  coolDown(): void;
  readonly now: () => number;
  /** Resolves when so many tokens in all are being verified or have been. */
  verifying(count: number): Promise<void>;
}

async function start(trusted: TrustedIssuerSettings): Promise<Situation> {
  let ahead = 0;
  const now = () => Date.now() + ahead;
  let begun = 0;
  const waiting: { count: number; resolve: () => void }[] = [];
  const revocations = await openRevocations({ store: memoryRevocationStore() });
  const real = createTokenVerifier({
    settings: tokenSettings({
      trustedIssuers: [trusted],
      cacheSize: 10_000,
      jwks: { refreshInterval: 10 * LONG, cooldown: LONG, timeout: LONG },
    }),
    own: undefined,
    revocations,
    now,
  });
  const verifier: TokenVerifier = {
    ...real,
    verify(token, certificate) {
      begun += 1;
      for (const { count, resolve } of waiting) if (begun >= count) resolve();
      return real.verify(token, certificate);
    },
  };
  const gateway = await startTestGateway({
    verifier,
    submission: {
      maxConnections: 2 * MANY,
      maxConnectionsPerAddress: 2 * MANY,
      maxSessionsPerUser: 2 * MANY,
      loginTimeout: LONG,
      idleTimeout: LONG,
    },
  });
  closing.push(() => {
    revocations.close();
    verifier.close();
  });
  closing.push(() => gateway.close());
  return {
    gateway,
    now,
    coolDown() {
      ahead += LONG;
    },
    verifying: (count) =>
      new Promise((resolve) => {
        if (begun >= count) resolve();
        else waiting.push({ count, resolve });
      }),
  };
}

async function crowd(size: number, gateway: TestGateway): Promise<Crowd> {
  const gathered = await gatherCrowd(size, gateway);
  closing.push(() => gathered.scatter());
  return gathered;
}

function mintMany(issuer: FakeIssuer, now: number): string[] {
  const [key] = issuer.keys;
  if (!key) throw new Error('no key');
  const claims = (n: number) => goodClaims(issuer.issuer, { jti: `${key.kid}-${n}` }, now);
  return Array.from({ length: MANY }, (_, n) => mintToken(key, claims(n)));
}

/** How often each reply came, without what differs from session to session. */
function counted(replies: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const reply of replies) {
    const key = reply.slice(0, 9);
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

it('1,000 logins at once fetch the keys once, and once more after a rotation; put off while they cannot be had', async () => {
  const issuer = await startFakeIssuer();
  closing.push(issuer.stop);
  const { gateway, now, coolDown, verifying } = await start(
    trustedIssuer(issuer.issuer, { jwksUri: issuer.jwksUri }),
  );
  const first = await crowd(MANY, gateway);
  expect(issuer.total()).toBe(0);

  const release = issuer.hold();
  const puttingOff = first.signIn(mintMany(issuer, now()));
  await verifying(MANY);
  await issuer.requests(1);
  await issuer.stop();
  release();
  expect(counted(await puttingOff)).toEqual({ '454 4.7.0': MANY });
  expect(issuer.total()).toBe(1);

  await issuer.start();
  coolDown();
  expect(counted(await first.signIn(mintMany(issuer, now())))).toEqual({ '235 2.7.0': MANY });
  expect(issuer.total()).toBe(2);

  await first.leave();
  const second = await crowd(MANY, gateway);
  issuer.rotate('second');
  coolDown();
  expect(counted(await second.signIn(mintMany(issuer, now())))).toEqual({ '235 2.7.0': MANY });
  expect(issuer.total()).toBe(3);
  await second.leave();
}, 120_000);

it('200 logins a second by introspection against an issuer that takes 300 ms ask once a token', async () => {
  const asked: string[] = [];
  const issuer = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const token = new URLSearchParams(Buffer.concat(chunks).toString()).get('token') ?? '';
    asked.push(token);
    await wait(300);
    const claims = goodClaims(name, { sub: token }, Date.now());
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ active: true, ...claims }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    issuer.closeAllConnections();
    issuer.close();
  });
  const name = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  const introspection = introspectionSettings({
    endpoint: `${name}/introspect`,
    timeout: 60_000,
    cacheFor: LONG,
  });
  const { gateway } = await start(trustedIssuer(name, { verification: 'introspection', introspection }));
  const clients = await crowd(200, gateway);
  // Each of 25 tokens eight times: first all at once, then while the answers come in, then after them.
  const tokens = Array.from({ length: 25 }, (_, n) => `token-${n}`);
  const replies: Promise<string[]>[] = [];
  for (let round = 0; round < 8; round += 1) {
    replies.push(clients.signIn(tokens));
    await wait(125);
  }
  expect(counted((await Promise.all(replies)).flat())).toEqual({ '235 2.7.0': 200 });
  expect(asked.toSorted()).toEqual(tokens.toSorted());
  await clients.leave();
}, 60_000);
