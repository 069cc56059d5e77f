// What is remembered of refusals, and its bounds: number, age, one client network, one session.

import { beforeEach, describe, expect, test } from 'vitest';
import type { AuditEvents } from '../../../src/audit/event-fields.ts';
import {
  createRefusalMemory,
  MAX_AGE,
  MAX_SESSIONS,
  type RefusalMemory,
} from '../../../src/explanation/refusal-memory.ts';
import { TEST_TIME, testClock } from '../../support/tokens.ts';
import { recordedAudit } from '../audit/journal-lines.ts';

let clock: ReturnType<typeof testClock>;
let memory: RefusalMemory;
let events: AuditEvents;
let written: () => Record<string, unknown>[];

beforeEach(() => {
  const audit = recordedAudit();
  clock = testClock();
  memory = createRefusalMemory({ now: clock.now });
  events = memory.listenTo(audit.events);
  written = audit.lines;
});

const FAILED = { mechanism: 'XOAUTH2', code: 'token-expired', reason: 'expired 2026' } as const;
const fail = (session: string, peer = '192.0.2.1', more: object = {}) =>
  events.loginFailed({ ...FAILED, session, peer, ...more });
const codes = (session: string) => memory.find(session).map(({ code }) => code);

describe('remembered is', () => {
  test('a sign-in, with what the token says of itself', () => {
    const says = { issuer: 'https://idp.example.org', audience: 'https://x', keyId: 'k', algorithm: 'ES256' };
    fail('a', '192.0.2.1', { userName: 'alice@example.org', ...says });
    expect(memory.find('a')).toEqual([
      {
        time: new Date(TEST_TIME).toISOString(),
        stage: 'sign-in',
        ...FAILED,
        peer: '192.0.2.1',
        userName: 'alice@example.org',
        ...says,
      },
    ]);
    expect(memory.find('b')).toEqual([]);
  });

  test('a message, with the words of the upstream', () => {
    const refused = {
      stage: 'recipient',
      code: 'upstream-refused',
      reason: 'r',
      upstreamReply: '550 no',
    } as const;
    events.messageRefused({ session: 'a', peer: '192.0.2.1', user: 'alice@example.org', ...refused });
    expect(memory.find('a')).toMatchObject([{ ...refused, user: 'alice@example.org' }]);
  });

  test('a probe without a token, an end of access, and an end for too many failures, but no daily end', () => {
    const of = { session: 'a', peer: '192.0.2.1' };
    const closed = { milliseconds: 1, messages: 0 };
    events.discoveryAnswered({ ...of, mechanism: 'OAUTHBEARER' });
    events.sessionRevoked({
      ...of,
      user: 'u',
      client: undefined,
      state: 'idle',
      code: 'session-expired',
      cause: 'c',
    });
    events.sessionClosed({ ...of, ...closed, cause: 'too-many-failures' });
    for (const cause of ['quit', 'session-idle', 'shutting-down', 'closed by the client'])
      events.sessionClosed({ ...of, ...closed, session: cause, cause });
    expect(codes('a')).toEqual(['token-missing', 'session-expired', 'too-many-failures']);
    for (const cause of ['quit', 'session-idle', 'shutting-down']) expect(codes(cause)).toEqual([]);
  });

  test('nothing that the journal would not write', () => {
    fail('a', '192.0.2.1', {
      userName: 'x\u001b[2J\u202e',
      reason: `found eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln ${'x'.repeat(9000)}`,
    });
    const [refusal] = memory.find('a');
    expect(JSON.stringify(refusal)).not.toMatch(/eyJ|c2ln|u001b|\u202e/);
    expect(refusal?.reason.length).toBeLessThan(600);
  });
});

test('the journal gets every event as it was', () => {
  fail('a');
  events.discoveryAnswered({ session: 'b', peer: '192.0.2.1', mechanism: 'OAUTHBEARER' });
  events.sessionClosed({ session: 'a', peer: '192.0.2.1', milliseconds: 1, messages: 0, cause: 'quit' });
  expect(written().map(({ event }) => event)).toEqual(['loginFailed', 'discoveryAnswered', 'sessionClosed']);
});

describe('bounded', () => {
  test('in age, counted from the last refusal', () => {
    fail('a');
    clock.advance(MAX_AGE - 1);
    expect(codes('a')).toHaveLength(1);
    fail('a');
    clock.advance(MAX_AGE - 1);
    expect(codes('a')).toHaveLength(2);
    clock.advance(1);
    expect(codes('a')).toEqual([]);
    fail('a');
    expect(codes('a')).toHaveLength(1);
  });

  test('in sessions: the one that was refused last longest ago is forgotten first', () => {
    const peer = (index: number) => `10.0.${index >> 8}.${index & 255}`;
    for (let index = 0; index < MAX_SESSIONS; index += 1) fail(`s${index}`, peer(index));
    fail('s0', peer(0));
    fail('one-more', peer(5000));
    expect(codes('s1')).toEqual([]);
    expect(codes('s2')).toHaveLength(1);
    expect(codes('s0')).toHaveLength(2);
    expect(codes('one-more')).toHaveLength(1);
  });

  test('for one network: who fails on purpose pushes out nobody else', () => {
    fail('victim', '192.0.2.1');
    for (let index = 0; index < 5 * MAX_SESSIONS; index += 1)
      fail(`s${index}`, `2001:db8::${(index % 65_535).toString(16)}`);
    expect(codes('victim')).toHaveLength(1);
    expect(codes(`s${5 * MAX_SESSIONS - 1}`)).toHaveLength(1);
    expect(codes(`s${5 * MAX_SESSIONS - 200}`)).toHaveLength(1);
    expect(codes(`s${5 * MAX_SESSIONS - 201}`)).toEqual([]);
  });

  test('in one session: the last four', () => {
    for (let index = 0; index < 100; index += 1) fail('a', '192.0.2.1', { reason: `r${index}` });
    expect(memory.find('a').map(({ reason }) => reason)).toEqual(['r96', 'r97', 'r98', 'r99']);
  });
});
