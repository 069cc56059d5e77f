// Tokens kept: one request for all who wait, renewed ahead, renewed when refused, and never a crowd at the endpoint.

import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/setting.ts';
import type { Answer } from '../../../support/token-endpoint.ts';
import { MICROSOFT_THROTTLED } from '../../../support/upstream-token-endpoints.ts';
import { counting, RSA_PEM, situation, textOf, until } from './situation.ts';

const MINUTE = 60_000;

/** Answers when the test says so. */
function held() {
  const waiting: ((answer: Answer | 'hang' | 'cut') => void)[] = [];
  return {
    waiting,
    script: () => new Promise<Answer | 'hang' | 'cut'>((resolve) => waiting.push(resolve)),
    answer: (answer: Answer | 'cut') => waiting.shift()?.(answer),
  };
}

const tokenOf = (name: string, more: object = {}): Answer => ({
  body: { access_token: name, token_type: 'Bearer', expires_in: 3600, ...more },
});

/** A token for each mailbox. */
const EACH = {
  grant: 'jwt-bearer',
  clientSecret: undefined as never,
  clientKey: new Secret(RSA_PEM),
} as const;

describe('a token at hand', () => {
  it('is fetched once for 200 who wait', async () => {
    const { script, waiting, answer } = held();
    const { ask, endpoint } = await situation(script);
    const all = Array.from({ length: 200 }, (_, at) => ask({ mailbox: `user-${at}@example.org` }));
    await until(() => waiting.length > 0);
    answer(tokenOf('shared'));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['shared']));
    expect(endpoint.requests).toHaveLength(1);
  });

  it('serves until shortly before its end, never beyond', async () => {
    const { script, waiting, answer } = held();
    const { ask, clock, endpoint } = await situation(script);
    const first = ask();
    await until(() => waiting.length === 1);
    answer(tokenOf('first'));
    expect(await first).toBe('first');
    clock.now += 54 * MINUTE;
    expect(await ask()).toBe('first');
    expect(endpoint.requests).toHaveLength(1);
    clock.now += 5 * MINUTE + 40_000;
    const late = ask();
    await until(() => waiting.length === 1);
    answer(tokenOf('second'));
    expect(await late).toBe('second');
  });

  it('is renewed ahead of its end, once, while everybody goes on with the old one', async () => {
    const { script, waiting, answer } = held();
    const { ask, clock, endpoint } = await situation(script);
    const first = ask();
    await until(() => waiting.length === 1);
    answer(tokenOf('first'));
    await first;
    clock.now += 56 * MINUTE;
    const early = await Promise.all(Array.from({ length: 200 }, () => ask()));
    expect(new Set(early)).toEqual(new Set(['first']));
    await until(() => waiting.length === 1);
    expect(endpoint.requests).toHaveLength(2);
    answer(tokenOf('second'));
    await until2(async () => (await ask()) === 'second');
    expect(endpoint.requests).toHaveLength(2);
  });

  it('is still used while its renewal fails, until it ends', async () => {
    let isDown = false;
    const script = counting();
    const { ask, clock, endpoint, reports } = await situation((asked) =>
      isDown ? { status: 503, body: 'down' } : script(asked),
    );
    expect(await ask()).toBe('token-1');
    isDown = true;
    clock.now += 56 * MINUTE;
    expect(await ask()).toBe('token-1');
    await until(() => reports.length === 1);
    expect(reports[0]).toMatchObject({
      code: 'upstream-unavailable',
      reason: `${endpoint.url} answered 503`,
    });
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(['token-1', 'token-1', 'token-1']);
    expect(endpoint.requests).toHaveLength(2);
    clock.now += 4 * MINUTE;
    expect(await ask()).toBe(`upstream-unavailable: ${endpoint.url} answered 503`);
    isDown = false;
    clock.now += 5_000;
    expect(await ask()).toBe('token-2');
  });

  it.each([
    ['says nothing of its end: five minutes', {}, 4 * MINUTE, 6 * MINUTE],
    ['ends soon: half a minute', { expires_in: 30 }, 20_000, 28_000],
    ['says that it lives for ever: a day', { expires_in: 1e12 }, 23 * 60 * MINUTE, 24 * 60 * MINUTE],
  ])('that %s', async (_, more, before, after) => {
    const body = { access_token: 'token', token_type: 'Bearer', ...more };
    const { ask, clock, endpoint } = await situation(() => ({ body }));
    const start = clock.now;
    await ask();
    clock.now = start + before - 5_000;
    await ask();
    expect(endpoint.requests).toHaveLength(1);
    clock.now = start + after;
    await ask();
    await until(() => endpoint.requests.length === 2);
  });

  it('is one of so many; those used longest ago go first', async () => {
    const { ask, endpoint } = await situation(counting(), EACH, { maxTokens: 2 });
    for (const mailbox of ['a@example.org', 'b@example.org', 'a@example.org', 'c@example.org'])
      await ask({ mailbox });
    expect(endpoint.requests).toHaveLength(3);
    expect(await ask({ mailbox: 'a@example.org' })).toBe('token-1');
    expect(await ask({ mailbox: 'b@example.org' })).toBe('token-4');
  });
});

describe('a token that the upstream refuses', () => {
  it('is replaced by one new one for all who had it', async () => {
    const { ask, endpoint } = await situation(counting());
    expect(await ask()).toBe('token-1');
    const all = await Promise.all(Array.from({ length: 200 }, () => ask({ refused: 'token-1' })));
    expect(new Set(all)).toEqual(new Set(['token-2']));
    // Somebody else has got a new one already.
    expect(await ask({ refused: 'token-1' })).toBe('token-2');
    expect(await ask()).toBe('token-2');
    expect(endpoint.requests).toHaveLength(2);
  });

  it('costs the endpoint nothing more where the new one is refused as well', async () => {
    const { ask, clock, endpoint } = await situation(counting());
    await ask();
    expect(await ask({ refused: 'token-1' })).toBe('token-2');
    for (let client = 0; client < 100; client += 1) {
      expect(await ask()).toBe('token-2');
      expect(await ask({ refused: 'token-2' })).toMatch(
        /^upstream-login: the upstream refuses tokens that were fetched/,
      );
    }
    expect(endpoint.requests).toHaveLength(2);
    clock.now += 30_000;
    expect(await ask({ refused: 'token-2' })).toBe('token-3');
  });

  it('is not given out to the same caller again', async () => {
    const { ask } = await situation(() => tokenOf('always-the-same'));
    expect(await ask()).toBe('always-the-same');
    expect(await ask({ refused: 'always-the-same' })).toMatch(
      /^upstream-login: the token endpoint gives the very token/,
    );
  });

  it('is not handed back while no other can be had', async () => {
    const script = counting();
    let isDown = false;
    const { ask, endpoint } = await situation((asked) => (isDown ? 'cut' : script(asked)));
    await ask();
    isDown = true;
    expect(await ask({ refused: 'token-1' })).toMatch(/^upstream-unavailable: .*cannot be reached/);
    expect(await ask({ refused: 'token-1' })).toMatch(/^upstream-unavailable: /);
    expect(endpoint.requests).toHaveLength(2);
  });
});

describe('an endpoint that fails', () => {
  it('is left alone for five seconds, for every mailbox', async () => {
    const { ask, clock, endpoint } = await situation(() => ({ status: 500, body: 'no' }), EACH);
    await ask({ mailbox: 'a@example.org' });
    for (let at = 0; at < 1_000; at += 1) {
      expect(await ask({ mailbox: `user-${at}@example.org` })).toMatch(
        /^upstream-unavailable: .*answered 500/,
      );
    }
    expect(endpoint.requests).toHaveLength(1);
    clock.now += 5_000;
    await ask({ mailbox: 'a@example.org' });
    expect(endpoint.requests).toHaveLength(2);
  });

  it('is left alone for a minute where it does not know the client', async () => {
    const no = {
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="x"' },
      body: { error: 'invalid_client' },
    };
    const { ask, clock, endpoint } = await situation(() => no, EACH);
    const told = `upstream-login: ${endpoint.url} answered invalid_client (check clientId and clientSecret or clientKey)`;
    expect(await ask({ mailbox: 'a@example.org' })).toBe(told);
    clock.now += 59_000;
    expect(await ask({ mailbox: 'b@example.org' })).toBe(told);
    expect(endpoint.requests).toHaveLength(1);
    clock.now += 2_000;
    await ask({ mailbox: 'b@example.org' });
    expect(endpoint.requests).toHaveLength(2);
  });

  it('is not asked for a minute about the mailbox that it has said no to, and about others at once', async () => {
    const script = counting();
    let isKnown = false;
    const { ask, clock, endpoint } = await situation(
      (asked) => (isKnown ? script(asked) : { status: 400, body: { error: 'invalid_grant' } }),
      EACH,
    );
    expect(await ask({ mailbox: 'nobody@example.org' })).toMatch(/^upstream-login: .*invalid_grant/);
    isKnown = true;
    expect(await ask({ mailbox: 'alice@example.org' })).toBe('token-1');
    clock.now += 59_000;
    expect(await ask({ mailbox: 'nobody@example.org' })).toMatch(/^upstream-login: .*invalid_grant/);
    expect(endpoint.requests).toHaveLength(2);
    clock.now += 2_000;
    expect(await ask({ mailbox: 'nobody@example.org' })).toBe('token-2');
  });

  it('is left alone for as long as it asks for, within bounds', async () => {
    let answer: Answer = MICROSOFT_THROTTLED;
    const { ask, clock, endpoint } = await situation(() => answer);
    expect(await ask()).toBe(`upstream-unavailable: ${endpoint.url} answered 429`);
    clock.now += 59_000;
    await ask();
    expect(endpoint.requests).toHaveLength(1);
    clock.now += 1_000;
    answer = { ...MICROSOFT_THROTTLED, headers: { 'retry-after': '86400' } };
    await ask();
    expect(endpoint.requests).toHaveLength(2);
    clock.now += 5 * MINUTE;
    answer = {
      ...MICROSOFT_THROTTLED,
      headers: { 'retry-after': new Date(Date.now() + 40_000).toUTCString() },
    };
    await ask();
    expect(endpoint.requests).toHaveLength(3);
    clock.now += 30_000;
    await ask();
    expect(endpoint.requests).toHaveLength(3);
    clock.now += 15_000;
    answer = tokenOf('at-last');
    expect(await ask()).toBe('at-last');
  });

  it('is asked about few mailboxes at once', async () => {
    const { script, waiting, answer } = held();
    const { ask, endpoint } = await situation(script, EACH);
    const all = Array.from({ length: 40 }, (_, at) => ask({ mailbox: `user-${at}@example.org` }));
    await until(() => waiting.length === 16);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(endpoint.requests).toHaveLength(16);
    for (let done = 0; done < 40; done += 1) {
      await until(() => waiting.length > 0);
      answer(tokenOf(`token-${done}`));
    }
    expect(new Set(await Promise.all(all)).size).toBe(40);
  });
});

describe('a caller', () => {
  it('waits no longer than the time limit, and others get what comes later', async () => {
    const { script, waiting, answer } = held();
    const { ask, endpoint } = await situation(script, { timeout: 2_000 });
    const started = Date.now();
    expect(await ask()).toBe(`upstream-unavailable: ${endpoint.url} did not answer within 1800 ms`);
    expect(Date.now() - started).toBeLessThan(20_000);
    expect(waiting).toHaveLength(1);
    answer('cut');
  });

  it('hears that there is nothing more after the end', async () => {
    const { tokens, ask, endpoint } = await situation(counting());
    tokens.close();
    expect(await ask()).toMatch(/^upstream-unavailable: /);
    expect(endpoint.requests).toHaveLength(0);
  });

  it('still gets what was under way at the end', async () => {
    const { script, waiting, answer } = held();
    const { tokens } = await situation(script);
    const pending = tokens.token({ mailbox: 'a@example.org', userToken: undefined });
    await until(() => waiting.length === 1);
    tokens.close();
    answer(tokenOf('late'));
    expect(textOf(await pending)).toBe('late');
  });
});

async function until2(reached: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await reached())) {
    if (Date.now() > end) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
