// Postern in front of IONOS: the preset, against a server that behaves as IONOS's documentation says.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Relay } from '../../../../src/relay/relay.ts';
import { IONOS_REFUSALS, startIonos } from '../../../support/providers/ionos.ts';
import type { ProviderServer, ProviderStep } from '../../../support/providers/provider-server.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';
import { afterwards, LETTER, relayTo, send, toldToClient, toldToOperator } from './situation.ts';

useSteadyTime();

const ACCOUNT = { user: 'post@example.org', password: 'the password' };

let ionos: ProviderServer;

beforeEach(async () => {
  ionos = await startIonos(ACCOUNT);
  afterwards(() => ionos.close());
});

const asCustomer = (login: object = {}, more: object = {}): Promise<Relay> =>
  relayTo({
    server: ionos,
    upstream: {
      preset: 'ionos',
      login: { user: ACCOUNT.user, password: { file: 'password' }, ...login },
      ...more,
    },
    files: { password: `${ACCOUNT.password}\n`, wrong: 'wrong\n' },
  });

describe('ionos', () => {
  it.each(['PLAIN', 'LOGIN'])('gets mail, signed in with %s', async (mechanism) => {
    expect(toldToClient(await send(await asCustomer({ mechanism })))).toBe('250');
    expect(ionos.accepted).toMatchObject([{ user: ACCOUNT.user, sender: 'alice@example.org', text: LETTER }]);
    expect(ionos.signIns).toEqual([`${mechanism} 235`]);
  });

  it('refuses a wrong password, and the journal has its words', async () => {
    const outcome = await send(await asCustomer({ password: { file: 'wrong' } }));
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(
      /^upstream-login: .*PLAIN as post@example\.org: 535 Authentication credentials invalid/,
    );
  });

  it('refuses a message with two dates', async () => {
    const text = `Date: Fri, 20 Nov 2026 09:00:00 +0000\r\n${LETTER}`;
    const outcome = await send(await asCustomer(), { text });
    expect(toldToClient(outcome)).toBe('554');
    expect(toldToOperator(outcome)).toContain('Reject due to policy restrictions');
  });

  it('takes mail of its own domain alone, and none without a sender', async () => {
    const relay = await asCustomer();
    for (const from of ['alice@example.net', '']) {
      const outcome = await send(relay, { from });
      expect(toldToClient(outcome)).toBe('550');
      expect(toldToOperator(outcome)).toContain('Sender address is not allowed');
    }
    expect(toldToClient(await send(relay, { from: 'other@EXAMPLE.org' }))).toBe('250');
  });

  it('gets eight messages in a minute, and no ninth', async () => {
    const relay = await asCustomer({}, { maxWait: '2s' });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => send(relay)));
    expect(outcomes.map(toldToClient).sort()).toEqual([
      ...Array(8).fill('250'),
      ...Array(12).fill('451 4.7.0'),
    ]);
    expect(ionos.accepted).toHaveLength(8);
    expect(ionos.sessions.length).toBeLessThanOrEqual(5);
  });
});

describe('what IONOS refuses', () => {
  /** Its word on the message is passed on, without enhanced codes as it speaks; everything else is "later". */
  const PASSED_ON = /^(450|451|550|554)/;
  const cases = Object.entries(IONOS_REFUSALS).flatMap(([name, { steps, lines }]) =>
    steps.map((step): [string, ProviderStep, readonly string[]] => [name, step, lines]),
  );

  it.each(cases)('%s at %s', async (_name, step, lines) => {
    ionos.answer(step, lines);
    const outcome = await send(await asCustomer());
    const [own] = PASSED_ON.exec(lines[0] ?? '') ?? [];
    if (own !== undefined) expect(toldToClient(outcome)).toBe(own);
    else expect(toldToClient(outcome)).toMatch(/^451 4\.\d\.\d$/);
    expect(toldToOperator(outcome)).toContain(lines.at(-1)?.slice(4, 40));
  });
});
