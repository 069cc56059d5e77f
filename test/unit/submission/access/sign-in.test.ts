// One AUTH exchange at the door: what the parts behind it may do wrong, and what the journal hears of it.

import { describe, expect, test, vi } from 'vitest';
import { type RefusalCode, refuse } from '../../../../src/refusal.ts';
import { Penalty } from '../../../../src/submission/access/penalty.ts';
import { SignIn } from '../../../../src/submission/access/sign-in.ts';
import type { Door, Wire } from '../../../../src/submission/door.ts';
import { ALICE } from '../../../support/message-situation.ts';

const RESPONSE = Buffer.from('n,a=alice@example.org,\x01auth=Bearer abc\x01\x01').toString('base64');

function situation(
  verify: Door['verifier']['verify'],
  penalty = new Penalty(),
  relay = { needsUserToken: false },
) {
  const events: [string, unknown][] = [];
  const audit = new Proxy({}, { get: (_, name) => (fields: unknown) => events.push([String(name), fields]) });
  const verifier = {
    verify,
    recheck: (token: string) => ({ every: 1, check: async () => refuse('token-revoked', token) }),
  };
  const door = {
    verifier,
    audit,
    penalty,
    relay,
    challenge: { scope: 'mail', openidConfiguration: undefined },
  };
  const signInFailed = vi.fn();
  const wire = {
    id: 's3ss10n',
    peer: '192.0.2.1',
    tls: () => undefined,
    clientCertificate: () => undefined,
    signInFailed,
  };
  const signIn = new SignIn({
    door: door as unknown as Door,
    wire: wire as unknown as Wire,
    mechanism: 'OAUTHBEARER',
  });
  return { signIn, events, signInFailed };
}

test('a verifier that fails ends the exchange: the client may keep its token and try again (RFC 4954 §6)', async () => {
  const { signIn, events } = situation(() => Promise.reject(new Error('disk I/O error')));
  expect(await signIn.start(RESPONSE)).toMatchObject({
    state: 'failed',
    reply: { code: 454, lines: [expect.stringMatching(/^4\.7\.0 /)] },
    countsAsFailure: false,
  });
  expect(events.map(([name]) => name)).toEqual(['fault', 'loginFailed']);
  expect(events[0]?.[1]).toMatchObject({ where: 'sign-in', session: 's3ss10n' });
});

test('a refusal is told once, though a challenge and its answer follow', async () => {
  const { signIn, events } = situation(() => Promise.resolve(refuse('token-expired', 'expired')));
  expect(await signIn.start(RESPONSE)).toMatchObject({ state: 'open', reply: { code: 334 } });
  expect(await signIn.receive('AQ==')).toMatchObject({ state: 'failed', countsAsFailure: true });
  expect(events).toEqual([
    [
      'loginFailed',
      {
        session: 's3ss10n',
        peer: '192.0.2.1',
        mechanism: 'OAUTHBEARER',
        userName: 'alice@example.org',
        code: 'token-expired',
        reason: 'expired',
      },
    ],
  ]);
});

test('a good token lets its owner in, and nobody who says another name', async () => {
  const { signIn } = situation(() => Promise.resolve(ALICE));
  const step = await signIn.start(RESPONSE);
  expect(step).toMatchObject({ state: 'accepted', principal: ALICE });
  // The session asks about the token that was sent.
  expect(step.state === 'accepted' && (await step.recheck?.check())).toMatchObject({ reason: 'abc' });
  const other = situation(() => Promise.resolve(ALICE));
  const response = Buffer.from('n,a=bob@example.org,\x01auth=Bearer abc\x01\x01').toString('base64');
  expect(await other.signIn.start(response)).toMatchObject({ state: 'open', reply: { code: 334 } });
  expect(other.events).toMatchObject([['loginFailed', { code: 'user-mismatch' }]]);
});

test('the token is kept where an upstream needs it, hidden from whoever prints it, and nowhere else', async () => {
  const verify = () => Promise.resolve(ALICE);
  const kept = await situation(verify, new Penalty(), { needsUserToken: true }).signIn.start(RESPONSE);
  expect(kept.state === 'accepted' && kept.token?.reveal()).toBe('abc');
  expect(JSON.stringify(kept)).not.toContain('abc');
  expect(await situation(verify).signIn.start(RESPONSE)).toMatchObject({ token: undefined });
});

describe('the price of a failure', () => {
  const WAIT = 2_000;

  /** Every failure costs the same here. */
  function pricey() {
    const failed = vi.fn((_address: string) => WAIT);
    return { penalty: { failed } as unknown as Penalty, failed };
  }

  const EMPTY = Buffer.from('n,,\x01auth=\x01\x01').toString('base64');
  const failing = (code: RefusalCode) => () => Promise.resolve(refuse(code, 'no'));

  async function timeOf(answer: Promise<unknown>): Promise<number> {
    const started = performance.now();
    await answer;
    return performance.now() - started;
  }

  test('the challenge after a bad token waits for as long as its address has deserved', async () => {
    const { penalty, failed } = pricey();
    const { signIn, signInFailed } = situation(failing('token-signature'), penalty);
    expect(await timeOf(signIn.start(RESPONSE))).toBeGreaterThan(WAIT - 10);
    expect(signInFailed).toHaveBeenCalledOnce();
    expect(failed).toHaveBeenCalledExactlyOnceWith('192.0.2.1');
    // The answer to the challenge is the end of the same failure.
    expect(await timeOf(signIn.receive('AQ=='))).toBeLessThan(WAIT);
    expect(failed).toHaveBeenCalledOnce();
  });

  test('a good token from the same address does not', async () => {
    const { penalty, failed } = pricey();
    const { signIn, signInFailed } = situation(() => Promise.resolve(ALICE), penalty);
    expect(await timeOf(signIn.start(RESPONSE))).toBeLessThan(WAIT);
    expect(signInFailed).not.toHaveBeenCalled();
    expect(failed).not.toHaveBeenCalled();
  });

  test('a good token under another name is a bad one', async () => {
    const { penalty } = pricey();
    const response = Buffer.from('n,a=bob@example.org,\x01auth=Bearer abc\x01\x01').toString('base64');
    const { signIn, signInFailed } = situation(() => Promise.resolve(ALICE), penalty);
    expect(await timeOf(signIn.start(response))).toBeGreaterThan(WAIT - 10);
    expect(signInFailed).toHaveBeenCalledOnce();
  });

  test.each<[string, string, Door['verifier']['verify']]>([
    ['asking where to sign in (RFC 7628 §4.3)', EMPTY, failing('token-missing')],
    ['an identity provider that is down', RESPONSE, failing('issuer-unavailable')],
    ['a verifier that fails', RESPONSE, () => Promise.reject(new Error('disk I/O error'))],
  ])('%s costs nothing, now or later', async (_what, response, verify) => {
    const { penalty, failed } = pricey();
    const { signIn, signInFailed } = situation(verify, penalty);
    expect(await timeOf(signIn.start(response))).toBeLessThan(WAIT);
    expect(signInFailed).not.toHaveBeenCalled();
    expect(failed).not.toHaveBeenCalled();
  });
});
