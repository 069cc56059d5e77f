// Whether an issuer still stands by the token of a live session: who is asked, how often, what an answer and its absence mean.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../../../src/principal.ts';
import { createTokenVerifier, type TokenVerifier } from '../../../../src/token/verifier.ts';
import { openRevocations } from '../../../../src/token/withdrawal/revocations.ts';
import {
  goodClaims,
  introspectionSettings,
  memoryRevocationStore,
  mintToken,
  testClock,
  testKey,
  tokenSettings,
  trustedIssuer,
} from '../../../support/tokens.ts';
import { verifierSituation } from '../../../support/verifier-situation.ts';

const ISSUER = 'https://idp.example.org';
const SILENT = 'https://silent.example.org';
const ENDPOINT = `${ISSUER}/introspect`;
const EVERY = 300_000;
const key = testKey();

let clock: ReturnType<typeof testClock>;
let verifier: TokenVerifier;
let answer: () => Response | Promise<Response>;
let asked: string[];
let failures: { issuer: string; reason: string }[];

async function open(whileUnavailable: 'keep' | 'end'): Promise<void> {
  const jwksUri = `${ISSUER}/keys`;
  const introspection = introspectionSettings({ endpoint: ENDPOINT, every: EVERY, whileUnavailable });
  verifier = createTokenVerifier({
    settings: tokenSettings({
      trustedIssuers: [trustedIssuer(ISSUER, { jwksUri, introspection }), trustedIssuer(SILENT, { jwksUri })],
    }),
    own: undefined,
    revocations: await openRevocations({ store: memoryRevocationStore(), now: clock.now }),
    now: clock.now,
    onRecheckFailed: (failure) => failures.push(failure),
    fetch: async (url, init) => {
      if (url !== ENDPOINT) return Response.json({ keys: [key.publicJwk] });
      asked.push(new URLSearchParams(String(init?.body)).get('token') ?? '');
      return answer();
    },
  });
}

const active = () => Response.json({ active: true, sub: 'a1b2c3' });
const inactive = () => Response.json({ active: false });
const broken = () => new Response(null, { status: 503 });

beforeEach(async () => {
  clock = testClock();
  asked = [];
  failures = [];
  answer = active;
  await open('keep');
});
afterEach(() => verifier.close());

async function signedIn(claims = {}, issuer = ISSUER) {
  const token = mintToken(key, goodClaims(issuer, claims, clock.now()));
  const principal = (await verifier.verify(token)) as Principal;
  expect(principal).not.toHaveProperty('refused');
  const recheck = verifier.recheck(token, principal);
  return { token, check: async () => recheck?.check(), recheck };
}

describe('who is asked', () => {
  it('the issuer with introspection, with the token; not at sign-in', async () => {
    const { token, recheck, check } = await signedIn();
    expect(recheck?.every).toBe(EVERY);
    expect(asked).toEqual([]);
    expect(await check()).toBeUndefined();
    expect(asked).toEqual([token]);
  });

  it('no issuer without, and not Postern itself', async () => {
    expect((await signedIn({}, SILENT)).recheck).toBeUndefined();
    const own = await verifierSituation();
    const token = own.mintOwn();
    expect(own.verifier.recheck(token, await own.accept(token))).toBeUndefined();
    own.close();
  });
});

describe('one question for all sessions of a token', () => {
  it('also while it is under way', async () => {
    const { token, check } = await signedIn();
    const { promise, resolve } = Promise.withResolvers<Response>();
    answer = () => promise;
    const checks = Array.from({ length: 100 }, () => check());
    resolve(inactive());
    for (const verdict of await Promise.all(checks)) expect(verdict).toMatchObject({ code: 'token-revoked' });
    expect(asked).toEqual([token]);
  });

  it('its yes counts for a quarter of the interval', async () => {
    const { check } = await signedIn();
    await check();
    clock.advance(EVERY / 4 - 1);
    await check();
    expect(asked).toHaveLength(1);
    clock.advance(1);
    answer = inactive;
    expect(await check()).toMatchObject({ code: 'token-revoked' });
    expect(asked).toHaveLength(2);
  });

  it('never beyond the end that the issuer named', async () => {
    const { check } = await signedIn();
    answer = () => Response.json({ active: true, exp: clock.now() / 1000 + 10 });
    await check();
    clock.advance(10_000);
    answer = inactive;
    expect(await check()).toMatchObject({ code: 'token-revoked' });
  });

  it('no longer where the clock was set back', async () => {
    const { check } = await signedIn();
    await check();
    clock.advance(-3_600_000);
    await check();
    expect(asked).toHaveLength(2);
  });

  it('another token is another question', async () => {
    const first = await signedIn({ jti: 'one' });
    const second = await signedIn({ jti: 'two' });
    answer = inactive;
    await first.check();
    answer = active;
    expect(await second.check()).toBeUndefined();
    expect(asked).toEqual([first.token, second.token]);
  });
});

describe('a no', () => {
  it('keeps the client from coming back with the token, as long as it would be taken', async () => {
    const { token, check } = await signedIn();
    answer = inactive;
    await check();
    answer = active;
    for (const step of [0, EVERY, 899_000 + 60_000 - EVERY]) {
      clock.advance(step);
      expect(await verifier.verify(token)).toMatchObject({ code: 'token-revoked' });
    }
    clock.advance(1_000);
    expect(await verifier.verify(token)).toMatchObject({ code: 'token-expired' });
    expect(asked).toHaveLength(1);
  });

  it('that comes after the end of the token says no more than that', async () => {
    const { check } = await signedIn({ exp: clock.now() / 1000 + 10 });
    answer = () => {
      clock.advance(10_000);
      return inactive();
    };
    expect(await check()).toBeUndefined();
  });
});

describe('an issuer that does not answer', () => {
  it('keeps its sessions where the operator wants that, and is asked again after a while', async () => {
    const { token, check } = await signedIn();
    answer = broken;
    expect(await check()).toBeUndefined();
    expect(await check()).toBeUndefined();
    expect(asked).toHaveLength(1);
    expect(await verifier.verify(token)).toMatchObject({ subject: 'a1b2c3' });
    clock.advance(EVERY / 4);
    answer = inactive;
    expect(await check()).toMatchObject({ code: 'token-revoked' });
  });

  it('loses its sessions where the operator wants that, and their tokens are put off for a while', async () => {
    verifier.close();
    await open('end');
    const { token, check } = await signedIn();
    answer = broken;
    expect(await check()).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringMatching(/^"https:\/\/idp\.example\.org" can't be asked .*status 503$/),
    });
    expect(await verifier.verify(token)).toMatchObject({ code: 'issuer-unavailable' });
    clock.advance(EVERY / 4);
    expect(await verifier.verify(token)).toMatchObject({ subject: 'a1b2c3' });
  });

  it('is told of once a minute, however many sessions there are', async () => {
    answer = broken;
    for (let count = 0; count < 20; count += 1) await (await signedIn({ jti: `token-${count}` })).check();
    expect(failures).toEqual([{ issuer: ISSUER, reason: expect.stringContaining('status 503') }]);
    clock.advance(59_999);
    await (await signedIn({ jti: 'late' })).check();
    expect(failures).toHaveLength(1);
    clock.advance(1);
    await (await signedIn({ jti: 'later' })).check();
    expect(failures).toHaveLength(2);
    expect(JSON.stringify(failures)).not.toMatch(/hunter2|eyJ/);
  });

  it('because Postern stops, has not failed', async () => {
    verifier.close();
    await open('end');
    const { check } = await signedIn();
    answer = () => {
      verifier.close();
      throw new Error('aborted');
    };
    expect(await check()).toBeUndefined();
    expect(failures).toEqual([]);
  });
});

it('remembers a bounded number of verdicts', async () => {
  const first = await signedIn({ jti: 'first' });
  await first.check();
  const principal = (await verifier.verify(first.token)) as Principal;
  for (let count = 0; count < 9_999; count += 1) await verifier.recheck(`t${count}`, principal)?.check();
  await first.check();
  expect(asked).toHaveLength(10_000);
  await verifier.recheck('one more', principal)?.check();
  await first.check();
  expect(asked).toHaveLength(10_002);
});
