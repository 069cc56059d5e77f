// The question to an issuer about one token: how it is put, which answers count, which are no answer at all.

import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/setting.ts';
import { type IntrospectionOptions, introspect } from '../../../../src/token/introspection/question.ts';
import { TEST_TIME } from '../../../support/tokens.ts';

const TOKEN = 'header.claims+of/a=token&x.signature';
const NOW = TEST_TIME / 1000;

function ask(answer: unknown, changes: Partial<IntrospectionOptions> = {}) {
  const fetch = async () => (answer instanceof Response ? answer : Response.json(answer));
  return introspect(TOKEN, { ...OPTIONS, fetch, ...changes });
}

const OPTIONS: IntrospectionOptions = {
  endpoint: 'https://idp.example.org/introspect',
  clientId: 'postern',
  clientSecret: new Secret('hunter2'),
  subject: 'alice',
  clock: { now: () => TEST_TIME, leeway: 60_000 },
  fetch: () => Promise.reject(new Error('must not be called')),
  timeout: 1000,
  allowInsecureHttp: false,
  signal: new AbortController().signal,
};

describe('the request', () => {
  it('is a form with the token in its body, signed in with client_secret_basic (RFC 7662 §2.1)', async () => {
    const requests: Request[] = [];
    await introspect(TOKEN, {
      ...OPTIONS,
      clientId: 'mail:gate way',
      clientSecret: new Secret('pä%ss:word'),
      fetch: async (url, init) => {
        requests.push(new Request(url, init));
        return Response.json({ active: true });
      },
    });
    const [request, ...more] = requests;
    expect(more).toEqual([]);
    expect(request).toMatchObject({ method: 'POST', url: OPTIONS.endpoint, redirect: 'manual' });
    expect(request?.headers.get('content-type')).toBe('application/x-www-form-urlencoded');
    expect(request?.headers.get('accept')).toContain('application/json');
    const form = new URLSearchParams(await request?.text());
    expect([...form]).toEqual([
      ['token', TOKEN],
      ['token_type_hint', 'access_token'],
    ]);
    // RFC 6749 §2.3.1: encoded before they are joined.
    const [scheme, pair = ''] = (request?.headers.get('authorization') ?? '').split(' ');
    expect(scheme).toBe('Basic');
    expect(Buffer.from(pair, 'base64').toString()).toBe('mail%3Agate+way:p%C3%A4%25ss%3Aword');
  });

  it('never goes out over http unless that is allowed', async () => {
    const endpoint = 'http://127.0.0.1:1/introspect';
    const fetch = async () => Response.json({ active: true });
    expect(await introspect(TOKEN, { ...OPTIONS, endpoint, fetch })).toMatchObject({
      failure: expect.stringContaining('is not https'),
    });
    expect(await introspect(TOKEN, { ...OPTIONS, endpoint, fetch, allowInsecureHttp: true })).toMatchObject({
      active: true,
    });
  });
});

describe('an answer', () => {
  it.each([
    ['says no more than yes', { active: true }, undefined],
    ['names the subject of the token', { active: true, sub: 'alice' }, undefined],
    ['names the end of the token', { active: true, exp: NOW + 300 }, NOW + 300],
    ['names an end within the leeway', { active: true, exp: NOW - 59 }, NOW - 59],
  ])('that %s is a yes', async (_what, answer, expiresAt) => {
    expect(await ask(answer)).toEqual({ active: true, expiresAt, claims: answer });
  });

  it.each([
    ['says no', { active: false }, 'no longer active'],
    ['says no and the subject', { active: false, sub: 'alice', exp: NOW + 300 }, 'no longer active'],
    ['is about somebody else', { active: true, sub: 'bob' }, 'somebody else’s'],
    ['is about nobody', { active: true, sub: null }, 'somebody else’s'],
    ['names an end that is past', { active: true, exp: NOW - 60 }, 'ended at 2026-10-31T23:59:00Z'],
  ])('that %s is a no', async (_what, answer, reason) => {
    expect(await ask(answer)).toEqual({ active: false, reason: expect.stringContaining(reason) });
  });

  it.each([
    ['holds no active', {}, 'no active'],
    ['writes active as a text', { active: 'true' }, 'no active'],
    ['writes active as a number', { active: 1 }, 'no active'],
    ['is a list', [{ active: true }], 'no active'],
    ['is null', null, 'no active'],
    ['writes exp as a text', { active: true, exp: '1' }, 'exp'],
    ['is no JSON', new Response('active'), 'not JSON'],
    ['refuses Postern', new Response('{"active":true}', { status: 401 }), 'status 401'],
    ['is an error', new Response('{"active":false}', { status: 500 }), 'status 500'],
    ['sends elsewhere', new Response(null, { status: 307, headers: { location: '/x' } }), 'redirects'],
    ['is endless', new Response(`{"active":true,"x":"${'x'.repeat(70_000)}"}`), 'longer than 65536 octets'],
  ])('that %s is none', async (_what, answer, failure) => {
    expect(await ask(answer)).toMatchObject({ failure: expect.stringContaining(failure) });
  });

  it('that does not come is none, after the time limit', async () => {
    const fetch: typeof globalThis.fetch = (_url, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
      });
    expect(await ask(undefined, { fetch, timeout: 20 })).toMatchObject({
      failure: expect.stringContaining('no answer within 20 ms'),
    });
  });

  it('repeats neither the token nor the secret', async () => {
    const echoes = [{ active: TOKEN }, { active: true, sub: TOKEN }, { active: true, exp: TOKEN }];
    const outcomes = await Promise.all(echoes.map((echo) => ask(echo)));
    outcomes.push(await ask(undefined, { fetch: async () => Promise.reject(new TypeError('fetch failed')) }));
    expect(outcomes).toHaveLength(4);
    expect(JSON.stringify(outcomes)).not.toMatch(/claims|hunter2|Basic/);
  });
});
