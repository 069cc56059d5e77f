// Every event writes the line the catalogue promises; the catalogue, the code and docs/events.md name the same events.

import { describe, expect, test } from 'vitest';
import type { AuditEvents } from '../../../src/audit/audit.ts';
import { EVENTS } from '../../../src/audit/catalogue.ts';
import { eventsReference } from '../../../src/audit/reference.ts';
import { Secret } from '../../../src/setting.ts';
import { recordedAudit } from './journal-lines.ts';

const login = {
  session: 's1',
  peer: '192.0.2.1',
  mechanism: 'XOAUTH2',
  code: 'token-expired',
  reason: 'expired 10 s ago',
} as const;

describe('the catalogue', () => {
  test('names every event function and no other', () => {
    expect(Object.keys(recordedAudit().events).sort()).toEqual(Object.keys(EVENTS).sort());
  });

  test('is docs/events.md', async () => {
    await expect(eventsReference()).toMatchFileSnapshot('../../../docs/events.md');
  });

  test.each(Object.keys(EVENTS) as (keyof AuditEvents)[])('%s writes its level, name and fields', (name) => {
    const audit = recordedAudit();
    const fields: Record<string, unknown> = {};
    for (const field of Object.keys(EVENTS[name].fields)) {
      fields[field] = NUMBERS.has(field) ? 7 : `${field} text`;
    }
    (audit.events[name] as (fields: object) => void)({
      ...fields,
      error: fields['error'] && new Error('broken'),
    });

    const [line, ...more] = audit.lines();
    expect(more).toEqual([]);
    const { level, time, event, error, ...rest } = line ?? {};
    const { error: hadError, ...expected } = fields;
    expect({ level, event }).toEqual({ level: EVENTS[name].level, event: name });
    expect(Math.abs(Date.parse(String(time)) - Date.now())).toBeLessThan(60_000);
    expect(rest).toEqual(expected);
    expect(error).toEqual(hadError && expect.objectContaining({ message: 'broken' }));
  });
});

const NUMBERS = new Set(['recipients', 'bytes', 'milliseconds', 'messages', 'lines']);

describe('the journal', () => {
  test('writes nothing below its level', () => {
    const audit = recordedAudit('warn');
    audit.events.upstreamUp({ upstream: 'first' });
    audit.debug({ where: 'engine', text: 'hello' });
    audit.events.upstreamDown({ upstream: 'first', reason: 'refused' });
    expect(audit.lines().map((line) => line['event'])).toEqual(['upstreamDown']);
    expect(audit.enabled('debug')).toBe(false);
  });

  test('leaves out fields without a value', () => {
    const audit = recordedAudit();
    audit.events.loginFailed({ ...login, userName: undefined });
    expect(audit.lines()[0]).not.toHaveProperty('userName');
  });

  test('prints no Secret, at any depth', () => {
    const audit = recordedAudit();
    const secret = new Secret('hunter2');
    audit.events.started({ version: '1', listeners: [secret as unknown as string] });
    audit.events.fault({ where: 'test', error: secret });
    audit.events.loginFailed({ ...login, reason: `${secret}` });
    expect(audit.text()).not.toContain('hunter2');
  });

  test('reduces an error to message, code, stack and causes', () => {
    const audit = recordedAudit();
    const inner = Object.assign(new Error('inner'), { request: { body: 'password=hunter2' } });
    const error = Object.assign(new Error('outer', { cause: inner }), {
      code: 'EFAIL',
      response: { token: 'hunter2' },
    });
    audit.events.fault({ where: 'test', error });
    audit.events.fault({ where: 'test', error: { password: 'hunter2' } });
    expect(audit.text()).not.toContain('hunter2');
    expect(audit.lines()[0]).toMatchObject({
      error: { type: 'Error', message: 'outer', code: 'EFAIL', cause: { message: 'inner' } },
    });
    expect(audit.lines()[0]).toHaveProperty('error.stack', expect.stringContaining('events.test'));
  });

  test('survives errors that point at themselves', () => {
    const audit = recordedAudit();
    const error = new Error('loop');
    error.cause = error;
    audit.events.fault({ where: 'test', error });
    expect(audit.lines()).toHaveLength(1);
  });

  test.each([
    ['a whole token', `bad eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl here`, 'c2lnbmF0dXJl'],
    ['a token cut short', `bad eyJhbGciOiJFUzI1NiJ9.eyJzdWI`, 'eyJzdWI'],
    ['a bearer header', `auth=Bearer 0123456789abcdef0123`, '0123456789abcdef0123'],
  ])('drops %s from a reason', (_name, reason, forbidden) => {
    const audit = recordedAudit();
    audit.events.loginFailed({ ...login, reason });
    audit.events.fault({ where: 'test', error: new Error(reason) });
    expect(audit.text()).not.toContain(forbidden);
  });

  test.each([
    ['AUTH with an initial response', 'C: AUTH PLAIN AGFsaWNlAGRlbW8=', 'AGFsaWNl'],
    ['a SASL response line', `C: ${'dXNlcj1hbGljZQFhdXRo'.repeat(4)}`, 'dXNlcj1hbGljZQ'],
  ])('drops %s from an engine line', (_name, text, forbidden) => {
    const audit = recordedAudit();
    audit.trace({ where: 'smtp-server', session: 's1', text });
    expect(audit.lines()[0]).toMatchObject({ level: 'trace', where: 'smtp-server', session: 's1' });
    expect(audit.text()).not.toContain(forbidden);
  });

  test('keeps one event on one printable, bounded line whatever a peer says', () => {
    const audit = recordedAudit();
    audit.events.loginFailed({
      ...login,
      userName: `x\r\n{"level":"info"}\x1b[2J\u009b\u202e\u061c${'y'.repeat(10_000)}`,
    });
    expect(audit.lines()).toHaveLength(1);
    expect(audit.text()).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u061c]|\\u00|\\r|\\n/);
    expect(audit.text().length).toBeLessThan(1_000);
  });
});
