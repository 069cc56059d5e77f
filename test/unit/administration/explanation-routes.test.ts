// The two questions about refusals over the administration door: what is answered, what is not even looked at.

import { describe, expect, it } from 'vitest';
import { createAdministrationApp } from '../../../src/administration/server.ts';
import { situation } from './situation.ts';

const REFUSAL = {
  time: '2026-11-22T03:00:00.000Z',
  stage: 'sign-in',
  code: 'token-expired',
  reason: 'expired 2026-11-22T02:00:00Z',
  peer: '192.0.2.1',
} as const;

async function post(payload: object, door = situation()) {
  const response = await createAdministrationApp(door).inject({ method: 'POST', url: '/explain', payload });
  return { status: response.statusCode, text: response.body };
}

async function get(query: string) {
  const door = situation();
  door.refusals.set('abc', [REFUSAL]);
  const response = await createAdministrationApp(door).inject({ method: 'GET', url: `/refusals${query}` });
  return { status: response.statusCode, body: response.json() };
}

describe('GET /refusals', () => {
  it('tells what a session was refused', async () => {
    expect(await get('?session=abc')).toEqual({ status: 200, body: { refusals: [REFUSAL] } });
    expect(await get('?session=other')).toEqual({ status: 200, body: { refusals: [] } });
  });

  it.each([
    '',
    '?session=',
    '?session=a%0Ab',
    `?session=${'a'.repeat(65)}`,
    '?session=a&more=b',
    '?session=a&session=b',
  ])('refuses %j', async (query) => {
    expect((await get(query)).status).toBe(400);
  });
});

describe('POST /explain', () => {
  it('hands the question on as it is, up to 64 KB', async () => {
    const asked: unknown[] = [];
    const door = situation();
    door.judge = async (question) => {
      asked.push(question);
      return { accepted: false, code: 'token-malformed', reason: 'r', token: {} };
    };
    const questions = [
      { token: 'x'.repeat(65_536), certificate: 'A'.repeat(43) },
      // Six bytes each on the way.
      { token: '\u0001'.repeat(65_536) },
    ];
    for (const question of questions) expect((await post(question, door)).status).toBe(200);
    expect(asked).toEqual(questions);
  });

  it.each([
    {},
    { token: 7 },
    { token: 'x'.repeat(65_537) },
    { token: 'a', certificate: 'short' },
    { token: 'a', more: 1 },
    { token: 'x'.repeat(1_000_000) },
  ])('refuses what is no question, and repeats nothing of it (%#)', async (question) => {
    const { status, text } = await post(question);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
    expect(text).not.toContain('xxx');
  });

  it('that fails is a fault of the journal’s, not told', async () => {
    const door = situation();
    door.judge = async () => Promise.reject(new Error('store: disk I/O error'));
    const { status, text } = await post({ token: 'a' }, door);
    expect(status).toBe(500);
    expect(text).not.toContain('disk');
    expect(door.faults).toMatchObject([{ where: 'administration' }]);
  });
});
