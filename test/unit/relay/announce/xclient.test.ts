// XCLIENT at a scripted upstream that treats it as Postfix does.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identityOf } from '../../../../src/relay/announce/announce.ts';
import { hangUp, raw, reply, silence, type UpstreamAnswer } from '../../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';
import {
  ALICE_TOLD,
  GATE,
  openDialogue,
  originOf,
  person,
  SCANNER,
  said,
  start,
  stop,
  tell,
  upstream,
  XCLIENT,
} from './situation.ts';

useSteadyTime();

beforeEach(() => start());
afterEach(stop);

async function restart(...keywords: string[]): Promise<void> {
  await stop();
  await start(keywords);
}

describe('the upstream is told', () => {
  test('who it is, in one command, and greeted in the client’s name', async () => {
    const dialogue = await openDialogue();
    expect(await tell(dialogue, originOf())).toBeUndefined();
    expect(said()).toEqual([`XCLIENT ${ALICE_TOLD}`, 'EHLO laptop.example']);
  });

  test('which is how a kept connection is found again', async () => {
    const dialogue = await openDialogue();
    await tell(dialogue, originOf());
    const settings = { identity: { xclient: 'required', xforward: 'off', mailFromAuth: false } } as const;
    expect(identityOf(originOf(), settings)).toBe(dialogue.announced);
    expect(identityOf(originOf(person('bob@example.org')), settings)).not.toBe(dialogue.announced);
    expect(identityOf(originOf(), { identity: { ...settings.identity, xclient: 'off' } })).toBeUndefined();
  });

  test('once for all messages of one client', async () => {
    const dialogue = await openDialogue();
    await tell(dialogue, originOf());
    expect(await tell(dialogue, originOf())).toBeUndefined();
    expect(said()).toHaveLength(2);
  });

  test('and offers from then on what it offers that client', async () => {
    upstream.on('EHLO', reply('250-upstream.example', '250-SIZE 7', '250 8BITMIME'), { match: 'laptop' });
    const dialogue = await openDialogue();
    await tell(dialogue, originOf());
    expect([...dialogue.capabilities.keywords]).toEqual([
      ['SIZE', '7'],
      ['8BITMIME', ''],
    ]);
    expect(dialogue.capabilities.maxMessageBytes).toBe(7);
  });

  test.each([
    ['an IPv6 address', originOf(undefined, { address: '2001:db8::7' }), 'ADDR=IPV6:2001:db8::7'],
    ['no address', originOf(undefined, { address: 'unknown' }), 'ADDR=[UNAVAILABLE]'],
    ['a port that no proxy has told', originOf(undefined, { port: undefined }), 'PORT=[UNAVAILABLE]'],
    ['HELO', originOf(undefined, { protocol: 'SMTP' }), 'PROTO=SMTP'],
    ['no name', originOf(undefined, { name: undefined }), 'HELO=[UNAVAILABLE]'],
    ['a literal', originOf(undefined, { name: '[IPv6:2001:db8::7]' }), 'HELO=[IPv6:2001:db8::7]'],
    ['a + in the name', originOf(person('a+b=c@example.org')), 'LOGIN=a+2Bb+3Dc@example.org'],
    ['a name beyond ASCII', originOf(person('jörg@example.org')), 'LOGIN=j+C3+B6rg@example.org'],
    ['no address of its own', originOf(person()), 'LOGIN=subject-of-somebody'],
    ['a server that has not signed in', originOf(SCANNER), 'LOGIN=[UNAVAILABLE]'],
    ['nobody', { ...originOf(), principal: undefined }, 'LOGIN=[UNAVAILABLE]'],
  ])('of a client with %s', async (_, origin, attribute) => {
    const dialogue = await openDialogue();
    expect(await tell(dialogue, origin)).toBeUndefined();
    expect(said()[0]?.split(' ')).toContain(attribute);
  });

  test.each(['my_laptop', 'a+b', 'ä.example', 'x'.repeat(256), 'a b', 'x\r\nMAIL FROM:<>', '-', '[', ''])(
    'by Postern’s own EHLO where the client’s %j is no name',
    async (name) => {
      const dialogue = await openDialogue();
      expect(await tell(dialogue, originOf(undefined, { name }))).toBeUndefined();
      expect(said()[1]).toBe(`EHLO ${GATE}`);
      expect(said()).toHaveLength(2);
    },
  );

  test('only what it says it takes', async () => {
    await restart('XCLIENT ADDR login');
    const dialogue = await openDialogue();
    await tell(dialogue, originOf());
    expect(said()[0]).toBe('XCLIENT LOGIN=alice@example.org ADDR=203.0.113.9');
  });

  test('nothing where it takes nothing that Postern knows', async () => {
    await restart('XCLIENT DESTADDR');
    const dialogue = await openDialogue();
    expect(await tell(dialogue, originOf(), { xclient: 'when-offered' })).toBeUndefined();
    expect(said()).toEqual([]);
  });

  test('a long name and a long EHLO in a line of 512 octets, the latter by EHLO alone', async () => {
    const user = `${'u'.repeat(243)}@example.org`;
    const name = 'n'.repeat(255);
    const dialogue = await openDialogue();
    expect(await tell(dialogue, originOf(person(user), { name, address: '2001:db8::7' }))).toBeUndefined();
    const [xclient = '', ehlo] = said();
    expect(xclient.length).toBeLessThanOrEqual(510);
    expect(xclient).toContain(`LOGIN=${user} `);
    expect(xclient).not.toContain('HELO=');
    expect(ehlo).toBe(`EHLO ${name}`);
  });

  test('never of a user whose name it would cut short', async () => {
    const dialogue = await openDialogue();
    expect(await tell(dialogue, originOf(person(`${'+'.repeat(82)}@example.org`)))).toMatchObject({
      code: 'upstream-login',
    });
    expect(said()).not.toContainEqual(expect.stringContaining('XCLIENT'));
    expect(dialogue.lost).toBeDefined();
  });

  test('without an address where it reads none of IPv6', async () => {
    upstream.on('XCLIENT', reply('501 5.5.4 Bad ADDR syntax: IPV6:2001:db8::7'), { match: 'IPV6' });
    const dialogue = await openDialogue();
    expect(await tell(dialogue, originOf(undefined, { address: '2001:db8::7' }))).toBeUndefined();
    expect(said()[1]).toBe(`XCLIENT ${ALICE_TOLD.replace('203.0.113.9', '[UNAVAILABLE]')}`);
  });
});

describe('a kept connection', () => {
  const others = [
    ['another user', originOf(person('bob@example.org'))],
    ['no user', { ...originOf(), principal: undefined }],
    ['another address', originOf(undefined, { address: '203.0.113.10' })],
    ['another port', originOf(undefined, { port: 40002 })],
    ['another EHLO', originOf(undefined, { name: 'desktop.example' })],
  ] as const;

  test.each(others)('is closed before it carries a message of %s', async (_, other) => {
    const dialogue = await openDialogue();
    await tell(dialogue, originOf());
    expect(await tell(dialogue, other, { xclient: 'when-offered' })).toMatchObject({ code: 'upstream-lost' });
    expect(dialogue.lost).toBeDefined();
    expect(await dialogue.command('MAIL FROM:<>', 300)).toMatchObject({ refused: true });
    await upstream.until(() => upstream.connections[0]?.closed === true, 'the end of the connection');
    expect(upstream.connections[0]?.received.toString()).not.toContain('MAIL');
  });

  test.each(['XCLIENT DESTADDR', 'XCLIENT PROTO HELO LOGIN', 'XCLIENT ADDR'])(
    'is closed where the upstream lets only part of it be said anew (%s)',
    async (keyword) => {
      upstream.on('EHLO', reply('250-upstream.example', `250 ${keyword}`), { match: 'laptop' });
      const dialogue = await openDialogue();
      await tell(dialogue, originOf());
      expect(await tell(dialogue, originOf(person('bob@example.org')))).toMatchObject({
        code: 'upstream-lost',
      });
      expect(dialogue.lost).toBeDefined();
    },
  );

  test.each(others)('is told of %s where the upstream still lets it', async (_, other) => {
    // Postfix does where the client’s own address is on its list.
    upstream.on('EHLO', reply('250-upstream.example', `250 ${XCLIENT}`));
    upstream.on('XCLIENT', reply('220 upstream.example ESMTP'));
    const dialogue = await openDialogue();
    await tell(dialogue, originOf());
    expect(await tell(dialogue, other)).toBeUndefined();
    const [first, , second] = said();
    expect(second).toMatch(/^XCLIENT /);
    expect(second).not.toBe(first);
    expect(second?.split(' ')).toHaveLength(first?.split(' ').length ?? 0);
  });
});

describe('where XCLIENT is not offered', () => {
  beforeEach(() => restart());

  test('nothing is said', async () => {
    const dialogue = await openDialogue();
    expect(await tell(dialogue, originOf(), { xclient: 'when-offered' })).toBeUndefined();
    expect(
      await tell(dialogue, originOf(person('bob@example.org')), { xclient: 'when-offered' }),
    ).toBeUndefined();
    expect(said()).toEqual([]);
  });

  test('but is required, the operator learns which setting to change', async () => {
    expect(await tell(await openDialogue(), originOf())).toEqual({
      refused: true,
      code: 'upstream-login',
      reason: expect.stringContaining('smtpd_authorized_xclient_hosts'),
    });
  });

  test.each(['XCLIENT NAME ADDR PROTO HELO', 'XCLIENT LOGIN PROTO HELO'])(
    'in full (%s), but required, nothing half is said',
    async (keyword) => {
      await restart(keyword);
      expect(await tell(await openDialogue(), originOf())).toMatchObject({
        code: 'upstream-login',
        reason: expect.stringContaining('Postfix 2.9'),
      });
      expect(said()).not.toContainEqual(expect.stringContaining('XCLIENT'));
    },
  );
});

test('where it is off nothing is said, whatever is offered', async () => {
  const dialogue = await openDialogue();
  expect(await tell(dialogue, originOf(), {})).toBeUndefined();
  expect(said()).toEqual([]);
  expect(dialogue.announced).toBeUndefined();
});

const FAULTS: [string, 'XCLIENT' | 'EHLO', UpstreamAnswer, string, string][] = [
  [
    'not allowed',
    'XCLIENT',
    reply('550 5.7.0 Error: insufficient authorization'),
    'upstream-login',
    'smtpd_authorized_xclient_hosts',
  ],
  ['unknown', 'XCLIENT', reply('502 5.5.2 Error: command not recognized'), 'upstream-login', '502 5.5.2'],
  [
    'the client rejected',
    'XCLIENT',
    reply('554 5.7.1 <unknown[203.0.113.9]>: Client host rejected'),
    'upstream-login',
    'Client host rejected',
  ],
  [
    'too many connections',
    'XCLIENT',
    hangUp('421 4.7.0 Error: too many connections from 203.0.113.9'),
    'upstream-busy',
    'too many connections',
  ],
  ['done as by Postfix before 2.3', 'XCLIENT', reply('250 Ok'), 'upstream-protocol', '250 Ok'],
  ['nonsense', 'XCLIENT', raw('hello?\r\n'), 'upstream-protocol', 'no reply'],
  ['silence', 'XCLIENT', silence(), 'upstream-timeout', '500 ms'],
  ['hung up on', 'XCLIENT', hangUp(), 'upstream-lost', 'closed'],
  [
    'the EHLO rejected',
    'EHLO',
    reply('504 5.5.2 <laptop.example>: Helo command rejected'),
    'upstream-login',
    'Helo command rejected',
  ],
  ['a leave taken at EHLO', 'EHLO', hangUp('421 4.7.0 go away'), 'upstream-busy', 'go away'],
  ['a 354 to EHLO', 'EHLO', reply('354 go ahead'), 'upstream-protocol', '354'],
  ['silence at EHLO', 'EHLO', silence(), 'upstream-timeout', '500 ms'],
];

describe('a connection is never used on after', () => {
  test.each(FAULTS)('%s at %s', async (_, step, answer, code, reason) => {
    upstream.on(step, answer, { match: step === 'EHLO' ? 'laptop' : 'XCLIENT' });
    const dialogue = await openDialogue();
    expect(await tell(dialogue, originOf(), { xclient: 'when-offered' })).toEqual({
      refused: true,
      code,
      reason: expect.stringContaining(reason),
    });
    expect(dialogue.lost).toBeDefined();
    expect(dialogue.announced).toBeUndefined();
  });
});
