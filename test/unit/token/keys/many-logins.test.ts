// Many logins at a time: one question a token and one fetch a rotation, however many come.

import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { createTokenVerifier, type TokenVerifier } from '../../../../src/token/verifier.ts';
import { openRevocations } from '../../../../src/token/withdrawal/revocations.ts';
import { askingSituation } from '../../../support/asking-situation.ts';
import { type FakeIssuer, JWKS_PATH, startFakeIssuer } from '../../../support/fake-issuer.ts';
import {
  goodClaims,
  memoryRevocationStore,
  mintToken,
  tokenSettings,
  trustedIssuer,
} from '../../../support/tokens.ts';

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

it('200 verifications a second against an issuer that takes 300 ms ask once a token', async () => {
  const situation = await askingSituation();
  closing.push(situation.close);
  situation.answer(async (token) => {
    await wait(300);
    return Response.json(situation.yes({ sub: token }));
  });
  // 200 in a second, each of 25 tokens eight times: first all at once, then while the answers come in, then after them.
  const verdicts: Promise<unknown>[] = [];
  for (let round = 0; round < 8; round += 1) {
    for (let token = 0; token < 25; token += 1) verdicts.push(situation.verifier.verify(`token-${token}`));
    await wait(125);
  }
  for (const verdict of await Promise.all(verdicts)) expect(verdict).not.toHaveProperty('refused');
  expect(verdicts).toHaveLength(200);
  expect(situation.asked.map(({ token }) => token).sort()).toEqual(
    Array.from({ length: 25 }, (_, token) => `token-${token}`).sort(),
  );
});

it('1,000 logins of as many tokens fetch the keys once, and once more after a rotation', async () => {
  const issuer: FakeIssuer = await startFakeIssuer();
  let time = Date.now();
  const verifier: TokenVerifier = createTokenVerifier({
    settings: tokenSettings({ trustedIssuers: [trustedIssuer(issuer.issuer)], cacheSize: 10_000 }),
    own: undefined,
    revocations: await openRevocations({ store: memoryRevocationStore(), now: () => time }),
    now: () => time,
  });
  closing.push(verifier.close, issuer.stop);
  for (const [rotation, kid] of ['first', 'second', 'third'].entries()) {
    if (rotation > 0) issuer.rotate(kid);
    const [key] = issuer.keys;
    if (!key) throw new Error('no key');
    const tokens = Array.from({ length: 1_000 }, (_, n) =>
      mintToken(key, goodClaims(issuer.issuer, { jti: `${kid}-${n}` }, time)),
    );
    const verdicts = await Promise.all(tokens.map((token) => verifier.verify(token)));
    expect(verdicts.filter(isRefusal)).toEqual([]);
    expect(issuer.count(JWKS_PATH)).toBe(rotation + 1);
    time += 60_000;
  }
});
