// A flood of forged signals, from however many addresses, leaves a bounded number of lines; the metrics count every one.

import { expect, test } from 'vitest';
import { recordedAudit } from './journal-lines.ts';

test('signals turned away as too many share one count of lines, whoever sent them', () => {
  const audit = recordedAudit();
  const refused = { via: 'push', code: 'too-many-connections', reason: 'too many signals at once' } as const;
  for (let index = 0; index < 5_000; index += 1) {
    audit.events.signalRefused({ ...refused, peer: `192.0.${index >> 8}.${index & 255}` });
  }
  expect(audit.lines().length).toBeLessThanOrEqual(50);
});

test('one peer’s forged or repeated signals are bounded as well; what ended is always told', () => {
  const audit = recordedAudit();
  const heard = {
    peer: '192.0.2.1',
    via: 'push',
    issuer: 'https://idp.example',
    signal: 'session-revoked',
  } as const;
  for (let index = 0; index < 200; index += 1) {
    audit.events.signalRefused({ peer: '192.0.2.1', via: 'logout', code: 'token-signature', reason: 'x' });
    audit.events.signalReceived({ ...heard, outcome: 'repeated' });
    audit.events.signalReceived({ ...heard, peer: '198.51.100.1', outcome: 'ended' });
  }
  const count = (event: string, outcome?: string) =>
    audit.lines().filter((line) => line['event'] === event && line['outcome'] === outcome).length;
  expect(count('signalRefused') + count('signalReceived', 'repeated')).toBeLessThanOrEqual(50);
  expect(count('signalReceived', 'ended')).toBe(200);
});
