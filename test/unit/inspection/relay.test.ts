// The round of open-relay probes: a server that falls for one disguise alone is found by that one, and no message is ever begun.

import { afterEach, describe, expect, it } from 'vitest';
import { RECIPIENT_DISGUISES, SENDER_DISGUISES } from '../../../src/inspection/relay-table.ts';
import { type BadServer, startBadServer } from '../../support/bad-server.ts';
import { lookAt } from './look-at.ts';

let server: BadServer | undefined;

afterEach(() => server?.close());

const HOST = 'mail.example.org';
const WORLD = { host: HOST, literal: '[127.0.0.1]', user: 'stranger', domain: 'example.net' };
const NO = '550 5.7.1 Relaying denied';

async function relayOf(
  recipient: (recipient: string, sender: string) => string,
  more: Partial<Parameters<typeof lookAt>[1]> = {},
) {
  server = await startBadServer('starttls', { recipient });
  const { port, complaints } = await lookAt(server, { mode: 'starttls', host: HOST, ...more });
  return { attempts: port.relay, complaints: complaints.filter(({ check }) => check === 'relay') };
}

describe('a server that falls for one disguise', () => {
  it.each(SENDER_DISGUISES.map(({ name, sender }) => [name, sender(WORLD)]))(
    'of the sender is an open relay: %s',
    async (name, disguised) => {
      const { complaints, attempts } = await relayOf((to, from) =>
        from === disguised && to === '<stranger@example.net>' ? '250 2.1.5 OK' : NO,
      );
      expect(complaints).toMatchObject([{ level: 'problem' }]);
      expect(complaints[0]?.means).toContain(name);
      expect(attempts.filter(({ code }) => code === 250).map(({ disguise }) => disguise)).toContain(name);
    },
  );

  it.each(RECIPIENT_DISGUISES.map(({ name, recipient }) => [name, recipient(WORLD)]))(
    'of the recipient is an open relay: %s',
    async (name, disguised) => {
      const { complaints, attempts } = await relayOf((to) => (to === disguised ? '250 2.1.5 OK' : NO));
      expect(complaints).toMatchObject([{ level: 'problem' }]);
      expect(complaints[0]?.means).toContain(`(${name})`);
      expect(attempts.filter(({ code }) => code === 250)).toMatchObject([
        { disguise: name, recipient: disguised.trim(), command: 'RCPT', undecided: false },
      ]);
    },
  );
});

describe('the round', () => {
  it('never begins a message, and takes every probe back', async () => {
    await relayOf(() => '250 2.1.5 OK');
    const verbs = server?.heard.map(({ line }) => line.split(' ', 1)[0]?.toUpperCase());
    expect(verbs).not.toContain('DATA');
    expect(verbs).not.toContain('BDAT');
    const recipients = verbs?.filter((verb) => verb === 'RCPT').length ?? 0;
    expect(recipients).toBeGreaterThan(24);
    expect(verbs?.filter((verb) => verb === 'RSET').length).toBeGreaterThanOrEqual(recipients);
    expect(server?.connections).toBeLessThanOrEqual(12);
  });

  it('goes on with another sender where the first is refused', async () => {
    server = await startBadServer('implicit', {
      sender: (from) => (from === '' ? undefined : NO),
      recipient: (to) => (to.includes('%') ? '250 2.1.5 OK' : NO),
    });
    const { port, complaints } = await lookAt(server, { mode: 'implicit', host: HOST });
    expect(complaints).toMatchObject([{ check: 'certificate-name' }, { check: 'relay', level: 'problem' }]);
    expect(port.relay.find(({ code }) => code === 250)).toMatchObject({
      sender: '',
      disguise: 'percent hack',
    });
  });

  it('asks nobody for recipients who refuses every sender', async () => {
    server = await startBadServer('implicit');
    const { port } = await lookAt(server, { mode: 'implicit', host: HOST });
    expect(port.relay.map(({ command, code }) => [command, code])).toEqual(
      SENDER_DISGUISES.map(() => ['MAIL', 530]),
    );
    expect(server.heard.filter(({ line }) => line.startsWith('RCPT'))).toEqual([]);
  });

  it('names the stranger of --relay-to, and a sender from the same place', async () => {
    const { attempts } = await relayOf(() => NO, { relayTo: 'me@elsewhere.example' });
    expect(attempts[0]).toMatchObject({
      sender: 'postern-check@elsewhere.example',
      recipient: '<me@elsewhere.example>',
    });
    expect(attempts.map(({ recipient }) => recipient)).toContain(`<me%elsewhere.example@${HOST}>`);
  });

  it('goes on over new connections where the server hangs up', async () => {
    const { attempts, complaints } = await relayOf((to) =>
      to.startsWith('<@') ? '250 2.1.5 OK' : '421 4.7.0 Enough',
    );
    expect(complaints).toMatchObject([{ level: 'warning' }]);
    expect(complaints[0]?.means).toMatch(/not examined to the end, for not more than 16 connections/);
    expect(attempts.length).toBeGreaterThan(5);
  });
});

describe('what proves nothing', () => {
  const own = (to: string) =>
    /^<[^@].*@(mail\.example\.org|\[127\.0\.0\.1\])>$|^<[^@]*>$|^<"[^"]*">$/.test(to) ? '250 2.1.5 OK' : NO;

  it('is a disguise taken by a server that takes every mailbox of its own', async () => {
    const { attempts, complaints } = await relayOf(own);
    expect(complaints).toMatchObject([{ level: 'warning' }]);
    expect(attempts.filter(({ code }) => code === 250).every(({ undecided }) => undecided)).toBe(true);
  });

  it('is told of a mail exchanger as what it is', async () => {
    const { complaints } = await relayOf(own, { mode: 'relay' });
    expect(complaints[0]?.means).toContain('it is not known whether it relays');
  });

  it.each([
    ['454 4.7.1 Relay access denied', 0],
    ['451 4.3.0 Later', 1],
    ['450 4.2.0 Greylisted', 1],
  ])('is %s: %d warnings', async (reply, count) => {
    const { complaints } = await relayOf(() => reply);
    expect(complaints.map(({ level }) => level)).toEqual(Array(count).fill('warning'));
  });
});
