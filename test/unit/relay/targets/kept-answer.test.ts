// Answers of DNS over time: fresh, older, none, and how long somebody waits.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { createTargets, type Targets } from '../../../../src/relay/targets/targets.ts';
import { type FakeResolver, zoneResolver } from './fake-resolver.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

let resolver: FakeResolver;
let targets: Targets;

beforeEach(() => {
  vi.useFakeTimers();
  resolver = zoneResolver({
    'example.org': { MX: ['10 a.example'] },
    'a.example': { A: ['192.0.2.1'] },
    'b.example': { A: ['192.0.2.2'] },
  });
  targets = createTargets({
    settings: { host: 'example.org', lookup: 'mx', tls: 'starttls' },
    resolver,
    system: resolver.system,
  });
});

afterEach(() => {
  vi.useRealTimers();
});

/** The hosts or the reason, and after how many milliseconds. */
async function ask(): Promise<{ got: string; after: number }> {
  const began = performance.now();
  const answer = targets.candidates().then((outcome) => ({
    got: isRefusal(outcome) ? outcome.reason : outcome.map(({ host }) => host).join(' '),
    after: performance.now() - began,
  }));
  let settled = false;
  void answer.then(() => {
    settled = true;
  });
  for (let step = 0; step < 1000 && !settled; step += 1)
    await vi.advanceTimersByTimeAsync(step === 0 ? 0 : 10);
  return await answer;
}

const mxQuestions = (): number => resolver.questions.filter((question) => question.startsWith('MX')).length;

function moveTo(name: string): void {
  resolver.zone = { ...resolver.zone, 'example.org': { MX: [`10 ${name}`] } };
}

describe('an answer', () => {
  it('is asked for once by all who wait, and kept for 60 seconds', async () => {
    const waiting = Promise.all(Array.from({ length: 50 }, () => targets.candidates()));
    await vi.advanceTimersByTimeAsync(0);
    expect((await waiting).every((outcome) => !isRefusal(outcome))).toBe(true);
    expect(mxQuestions()).toBe(1);
    moveTo('b.example');
    await vi.advanceTimersByTimeAsync(MINUTE - 1);
    expect(await ask()).toEqual({ got: '192.0.2.1', after: 0 });
    await vi.advanceTimersByTimeAsync(1);
    expect(await ask()).toEqual({ got: '192.0.2.2', after: 0 });
    expect(mxQuestions()).toBe(2);
  });

  it.each(['ESERVFAIL', 'ETIMEOUT', 'ECONNREFUSED', 'EREFUSED', 'EBADRESP'])(
    'stays in use after %s, for three days',
    async (code) => {
      await ask();
      resolver.failure = code;
      await vi.advanceTimersByTimeAsync(MINUTE);
      expect(await ask()).toEqual({ got: '192.0.2.1', after: 0 });
      await vi.advanceTimersByTimeAsync(2 * DAY);
      expect(await ask()).toEqual({ got: '192.0.2.1', after: 0 });
      await vi.advanceTimersByTimeAsync(DAY);
      expect((await ask()).got).toMatch(/^no answer from DNS for MX record of example\.org: /);
    },
  );

  it('stays in use while DNS says nothing, and costs 1.8 seconds once', async () => {
    await ask();
    resolver.failure = 'silent';
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(await ask()).toEqual({ got: '192.0.2.1', after: 1800 });
    await vi.advanceTimersByTimeAsync(5 * SECOND);
    for (let time = 0; time < 10; time += 1) {
      expect(await ask()).toEqual({ got: '192.0.2.1', after: 0 });
      await vi.advanceTimersByTimeAsync(7 * SECOND);
    }
    resolver.failure = undefined;
    moveTo('b.example');
    await vi.advanceTimersByTimeAsync(20 * SECOND);
    await ask();
    expect(await ask()).toEqual({ got: '192.0.2.2', after: 0 });
    // What failed is forgotten: the next answer is waited for again.
    moveTo('a.example');
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(await ask()).toEqual({ got: '192.0.2.1', after: 0 });
  });

  it('is not asked for at every connection while DNS fails', async () => {
    await ask();
    resolver.failure = 'ESERVFAIL';
    await vi.advanceTimersByTimeAsync(MINUTE);
    const before = mxQuestions();
    for (let second = 0; second < 60; second += 1) {
      await ask();
      await vi.advanceTimersByTimeAsync(SECOND);
    }
    expect(mxQuestions() - before).toBe(6);
  });

  it('is given up when DNS says that there is none any more', async () => {
    await ask();
    resolver.zone = {};
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect((await ask()).got).toMatch(/no address of example\.org/);
    resolver.failure = 'ESERVFAIL';
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect((await ask()).got).toMatch(/^no answer from DNS/);
  });

  it('keeps the addresses of a server whose own name fails', async () => {
    resolver.zone = { ...resolver.zone, 'example.org': { MX: ['10 a.example', '20 b.example'] } };
    expect((await ask()).got).toBe('192.0.2.1 192.0.2.2');
    const { resolve4, resolve6 } = resolver;
    const failing = (resolve: typeof resolve4) => async (name: string) => {
      if (name === 'a.example') throw Object.assign(new Error('fails'), { code: 'ESERVFAIL' });
      return await resolve(name);
    };
    resolver.resolve4 = failing(resolve4);
    resolver.resolve6 = failing(resolve6);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect((await ask()).got).toBe('192.0.2.1 192.0.2.2');
  });
});

describe('no answer', () => {
  it('is waited for 5 seconds, then told, and told at once for 10 seconds', async () => {
    resolver.failure = 'silent';
    expect(await ask()).toEqual({
      got: expect.stringMatching(
        /^no answer from DNS for MX record of example\.org: no answer in time; check/,
      ),
      after: 5000,
    });
    resolver.failure = undefined;
    await vi.advanceTimersByTimeAsync(9 * SECOND);
    expect(await ask()).toEqual({ got: expect.stringMatching(/^no answer/), after: 0 });
    await vi.advanceTimersByTimeAsync(SECOND);
    expect(await ask()).toEqual({ got: '192.0.2.1', after: 0 });
  });

  it('for addresses counts into the same 5 seconds', async () => {
    resolver.resolve4 = async () => await new Promise(() => undefined);
    const { resolveMx } = resolver;
    resolver.resolveMx = async (name) => {
      await new Promise((resolve) => setTimeout(resolve, 3 * SECOND));
      return await resolveMx(name);
    };
    expect(await ask()).toEqual({
      got: expect.stringMatching(/^no answer from DNS for address of a\.example: no answer in time/),
      after: 5000,
    });
  });

  it('keeps no codes or words of others', async () => {
    resolver.failure = 'E\r\nEVIL';
    expect((await ask()).got).toContain('the resolver says nothing of use');
  });

  it('is what a resolver that throws gives', async () => {
    resolver.resolveMx = () => {
      throw Object.assign(new Error('bad'), { code: 'EBADNAME' });
    };
    expect((await ask()).got).toContain('the resolver says EBADNAME');
  });
});
