// What the events count, and that nothing a peer chooses becomes a label.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { recordedAudit } from './journal-lines.ts';

const session = { session: 's1', peer: '192.0.2.1' };
const accepted = {
  ...session,
  user: 'alice@example.org',
  client: 'app',
  tokenId: 't',
  mailFrom: 'alice@example.org',
  recipients: 1,
  bytes: 2048,
  upstream: 'first',
  upstreamReply: '250 ok',
  milliseconds: 40,
};
const failed = { ...session, mechanism: 'XOAUTH2', code: 'token-expired', reason: 'expired' } as const;

describe('metrics', () => {
  test('count sessions, logins, messages, refusals, tokens and the state of the neighbours', async () => {
    const { events, metrics } = recordedAudit();
    events.sessionOpened({ ...session, listener: '127.0.0.1:1587' });
    events.sessionOpened({ ...session, listener: '127.0.0.1:1587' });
    events.sessionClosed({ ...session, milliseconds: 5, messages: 0, cause: 'QUIT' });
    events.loginSucceeded({
      ...session,
      mechanism: 'XOAUTH2',
      user: 'alice@example.org',
      client: 'app',
      issuer: 'https://i.example',
      tokenId: 't',
      tls: 'TLSv1.3',
    });
    events.loginFailed(failed);
    events.messageAccepted(accepted);
    events.messageRefused({ ...session, stage: 'recipient', code: 'address-syntax', reason: 'no' });
    events.messageRefused({ ...session, stage: 'header', code: 'header-from-missing', reason: 'no' });
    events.tokenIssued({ grantType: 'client_credentials' });
    events.tokenRefreshed({});
    events.upstreamDown({ upstream: 'first', reason: 'refused' });
    events.identityProviderDown({ issuer: 'https://idp.example', reason: 'refused' });
    events.identityProviderUp({ issuer: 'https://idp.example' });

    const text = await metrics.registry.metrics();
    for (const line of [
      'postern_sessions_open 1',
      'postern_sessions_total{listener="127.0.0.1:1587"} 2',
      'postern_logins_total{mechanism="XOAUTH2",outcome="accepted"} 1',
      'postern_logins_total{mechanism="XOAUTH2",outcome="token-expired"} 1',
      'postern_messages_total{outcome="accepted"} 1',
      'postern_messages_total{outcome="refused"} 1',
      'postern_message_bytes_total 2048',
      'postern_message_seconds_bucket{le="0.05"} 1',
      'postern_message_seconds_bucket{le="0.025"} 0',
      'postern_refusals_total{stage="login",code="token-expired"} 1',
      'postern_refusals_total{stage="recipient",code="address-syntax"} 1',
      'postern_tokens_issued_total{grant_type="client_credentials"} 1',
      'postern_tokens_issued_total{grant_type="refresh_token"} 1',
      'postern_upstream_up{upstream="first"} 0',
      'postern_identity_provider_up 1',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  test('do not grow with what peers choose', async () => {
    const { events, metrics } = recordedAudit('error');
    const count = async () => (await metrics.registry.metrics()).split('\n').length;
    events.loginFailed({ ...failed, mechanism: 'MINE-0' });
    events.tokenIssued({ grantType: 'mine-0' });
    events.clientRefused({ error: 'e0', reason: 'no' });
    events.messageAccepted(accepted);
    const before = await count();
    for (let i = 1; i < 50; i++) {
      const peer = `192.0.2.${i}`;
      events.loginFailed({
        ...failed,
        peer,
        mechanism: `MINE-${i}`,
        userName: `u${i}`,
        code: 'token-expired',
      });
      events.tokenIssued({ peer, client: `c${i}`, grantType: `mine-${i}` });
      events.clientRefused({ peer, client: `c${i}`, error: `e${i}`, reason: 'no' });
      events.messageAccepted({ ...accepted, peer, user: `u${i}@example.org`, mailFrom: `u${i}@example.org` });
    }
    expect(await count()).toBe(before);
  });
});

describe('a flood of refusals', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('from one peer becomes a summary a second, while others are still told apart and all are counted', async () => {
    const audit = recordedAudit();
    for (let i = 0; i < 500; i++) {
      audit.events.loginFailed(failed);
    }
    audit.events.loginFailed({ ...failed, peer: '192.0.2.2' });
    expect(audit.lines().filter((line) => line['peer'] === '192.0.2.1')).toHaveLength(50);
    expect(audit.lines().filter((line) => line['peer'] === '192.0.2.2')).toHaveLength(1);

    vi.advanceTimersByTime(1_000);
    expect(audit.lines().at(-1)).toMatchObject({
      event: 'refusalsSuppressed',
      peer: '192.0.2.1',
      lines: 450,
    });
    audit.events.loginFailed(failed);
    expect(audit.lines().at(-1)).toMatchObject({ event: 'loginFailed' });
    expect(await audit.metrics.registry.metrics()).toContain(
      'postern_logins_total{mechanism="XOAUTH2",outcome="token-expired"} 502',
    );
  });

  test('is bounded for one IPv6 network as for one address, and for peers beyond number', () => {
    const audit = recordedAudit();
    for (let i = 0; i < 500; i++) {
      audit.events.loginFailed({ ...failed, peer: `2001:db8:1:2:${i.toString(16)}:0:0:1` });
    }
    expect(audit.lines()).toHaveLength(50);
    for (let i = 0; i < 30_000; i++) {
      audit.events.loginFailed({ ...failed, peer: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` });
    }
    expect(audit.lines().length).toBeLessThan(10_101);
  });

  test('never hides a signed-in session', () => {
    const audit = recordedAudit();
    for (let i = 0; i < 200; i++) {
      audit.events.sessionClosed({
        ...session,
        user: 'alice@example.org',
        milliseconds: 1,
        messages: 1,
        cause: 'QUIT',
      });
      audit.events.sessionClosed({ ...session, milliseconds: 1, messages: 0, cause: 'gone' });
    }
    expect(audit.lines().filter((line) => line['user'] !== undefined)).toHaveLength(200);
    expect(audit.lines().filter((line) => line['user'] === undefined)).toHaveLength(50);
  });
});
