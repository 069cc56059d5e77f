// The order of one SASL exchange.

import { describe, expect, test } from 'vitest';
import { type RefusalCode, refuse } from '../../../src/refusal.ts';
import { type SaslExchange, type SaslStep, startExchange } from '../../../src/sasl/exchange.ts';
import type { MechanismName } from '../../../src/sasl/mechanism.ts';
import { alice } from '../policy/principals.ts';

const RESPONSES = {
  OAUTHBEARER: (token: string) => base64(`n,a=alice@example.org,\x01auth=Bearer ${token}\x01\x01`),
  XOAUTH2: (token: string) => base64(`user=alice@example.org\x01auth=Bearer ${token}\x01\x01`),
};
const MECHANISMS = ['OAUTHBEARER', 'XOAUTH2'] as const;

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function exchange(mechanism: MechanismName): SaslExchange {
  return startExchange({ mechanism, challenge: { scope: 'smtp.submit', openidConfiguration: undefined } });
}

/** An exchange that stands after the failure challenge. */
function failed(mechanism: MechanismName, code: RefusalCode): SaslExchange {
  const sasl = exchange(mechanism);
  sasl.start(RESPONSES[mechanism]('t'));
  expect(sasl.decide(refuse(code, 'because'))).toMatchObject({ step: 'challenge' });
  return sasl;
}

function status(step: SaslStep): string {
  if (step.step !== 'challenge') throw new Error(`not a challenge: ${step.step}`);
  return JSON.parse(Buffer.from(step.data, 'base64').toString()).status;
}

describe.each(MECHANISMS)('%s', (mechanism) => {
  const verify = { step: 'verify', token: 't', userName: 'alice@example.org' };

  test('takes the initial response', () => {
    const sasl = exchange(mechanism);
    expect(sasl.start(RESPONSES[mechanism]('t'))).toMatchObject(verify);
    expect(sasl.decide(alice())).toEqual({ step: 'done', principal: alice() });
  });

  test.each([undefined, ''])('asks for the response where there is none on the line (%j)', (none) => {
    const sasl = exchange(mechanism);
    expect(sasl.start(none)).toEqual({ step: 'challenge', data: '' });
    expect(sasl.receive(RESPONSES[mechanism]('t'))).toMatchObject(verify);
    expect(sasl.decide(alice())).toMatchObject({ step: 'done' });
  });

  test.each(['start', 'receive'] as const)('takes 16 KiB by %s', (way) => {
    const sasl = exchange(mechanism);
    const response = RESPONSES[mechanism]('x'.repeat(16384));
    if (way === 'receive') sasl.start(undefined);
    expect(sasl[way](response)).toMatchObject({ step: 'verify', token: 'x'.repeat(16384) });
  });

  // RFC 7628 §3.2.3 has AQ==; Thunderbird, msmtp and nodemailer send nothing; '=' is an empty response.
  test.each(['AQ==', '=', '', 'garbage', '!', 'AUTH XOAUTH2'])('ends a failure at the line %j', (line) => {
    const sasl = failed(mechanism, 'token-expired');
    expect(sasl.receive(line)).toEqual({
      step: 'refused',
      refusal: refuse('token-expired', 'because'),
      countsAsFailure: true,
    });
  });

  test('never reads the line after a failure as credentials', () => {
    const sasl = failed(mechanism, 'token-expired');
    expect(sasl.receive(RESPONSES[mechanism]('another'))).toMatchObject({ step: 'refused' });
    expect(() => sasl.decide(alice())).toThrow(/out of turn/);
  });

  test('takes * after a failure for a cancelled exchange that failed, and keeps why', () => {
    expect(failed(mechanism, 'token-audience').receive('*')).toEqual({
      step: 'refused',
      refusal: refuse('sasl-cancelled', 'cancelled after token-audience: because'),
      countsAsFailure: true,
    });
  });

  test.each(['start', 'receive'] as const)(
    'takes * for credentials (%s) as cancelled, not as a failure',
    (way) => {
      const sasl = exchange(mechanism);
      if (way === 'receive') sasl.start(undefined);
      expect(sasl[way]('*')).toMatchObject({
        step: 'refused',
        refusal: { code: 'sasl-cancelled' },
        countsAsFailure: false,
      });
    },
  );

  test.each(['start', 'receive'] as const)('refuses broken base64 at once (%s)', (way) => {
    const sasl = exchange(mechanism);
    if (way === 'receive') sasl.start(undefined);
    expect(sasl[way]('dXNl!')).toMatchObject({
      step: 'refused',
      refusal: { code: 'sasl-encoding' },
      countsAsFailure: true,
    });
  });

  // RFC 4954 §4: '=' on the AUTH line is a response that is empty; on a line of its own it is broken base64.
  test("takes '=' for an empty initial response, and there only", () => {
    expect(status(exchange(mechanism).start('='))).toBe(mechanism === 'XOAUTH2' ? '400' : 'invalid_request');
    const sasl = exchange(mechanism);
    sasl.start(undefined);
    expect(sasl.receive('=')).toMatchObject({ step: 'refused', refusal: { code: 'sasl-encoding' } });
  });

  test.each(['', base64('\x01'), base64('nonsense')])(
    'challenges a malformed response (%j), then refuses',
    (line) => {
      const sasl = exchange(mechanism);
      sasl.start(undefined);
      expect(sasl.receive(line)).toMatchObject({ step: 'challenge' });
      expect(sasl.receive('AQ==')).toMatchObject({
        step: 'refused',
        refusal: { code: 'sasl-malformed' },
        countsAsFailure: true,
      });
    },
  );

  test.each(['AQ==', '', '*'])('answers the discovery probe and does not count it (then %j)', (line) => {
    const probe = mechanism === 'XOAUTH2' ? 'user=a\x01auth=\x01\x01' : 'n,,\x01auth=\x01\x01';
    const sasl = exchange(mechanism);
    expect(status(sasl.start(base64(probe)))).toBe(mechanism === 'XOAUTH2' ? '400' : 'invalid_token');
    const end = sasl.receive(line);
    expect(end).toMatchObject({ step: 'refused', countsAsFailure: false });
    expect(JSON.stringify(end)).toContain('token-missing');
  });

  test.each(['issuer-unavailable', 'internal-error', 'shutting-down'] as const)(
    'blames nobody for %s: no challenge, not counted',
    (code) => {
      const sasl = exchange(mechanism);
      sasl.start(RESPONSES[mechanism]('t'));
      expect(sasl.decide(refuse(code, 'r'))).toEqual({
        step: 'refused',
        refusal: refuse(code, 'r'),
        countsAsFailure: false,
      });
    },
  );

  test('is over once it is over', () => {
    const sasl = exchange(mechanism);
    sasl.start('*');
    expect(() => sasl.receive('')).toThrow(/out of turn/);
    expect(() => sasl.start(undefined)).toThrow(/out of turn/);
    expect(() => sasl.decide(alice())).toThrow(/out of turn/);
  });

  test('takes no line while the token is verified', () => {
    const sasl = exchange(mechanism);
    sasl.start(RESPONSES[mechanism]('t'));
    expect(() => sasl.receive('AQ==')).toThrow(/out of turn/);
  });
});

test('OAUTHBEARER hands on where the client believes it is', () => {
  const response = base64('n,,\x01host=mail.example.org\x01port=465\x01auth=Bearer t\x01\x01');
  expect(exchange('OAUTHBEARER').start(response)).toEqual({
    step: 'verify',
    token: 't',
    userName: undefined,
    host: 'mail.example.org',
    port: 465,
  });
});
