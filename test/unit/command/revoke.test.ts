// `postern revoke`: what it asks of the running Postern, what it says was ended, and its exit codes.

import { describe, expect, it } from 'vitest';
import { ALICE, ALICE_PHONE, BOB } from '../administration/situation.ts';
import { runningPostern } from './running-postern.ts';
import { run } from './surroundings.ts';

const postern = runningPostern();
const revoke = (...args: string[]) => run(['revoke', ...args], { directory: postern.directory });

describe('what was ended is told', () => {
  it('of a session', async () => {
    const door = await postern.start(ALICE, BOB);
    const { exitCode, printed, told } = await revoke(
      '--session',
      'session-alice',
      '--reason',
      'laptop stolen',
    );
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
    expect(printed).toBe(
      'ended session session-alice: alice@example.org, desktop-mail, 192.0.2.1, 3 messages\n',
    );
    expect([...door.live.keys()]).toEqual(['session-bob']);
    expect(door.journal).toMatchObject([{ action: 'end-session', cause: 'laptop stolen' }]);
  });

  it('of a grant, whose handle may begin like an option', async () => {
    await postern.start({ ...ALICE, grant: '-grantOfAlice000' });
    const { exitCode, printed } = await revoke('--grant', '-grantOfAlice000');
    expect(exitCode).toBe(0);
    expect(printed).toMatch(
      /^ended session session-alice: .*\nended 1 grant and 1 session of -grantOfAlice000\n$/,
    );
  });

  it('of a client', async () => {
    await postern.start(ALICE, ALICE_PHONE);
    const { printed } = await revoke('--client', 'phone');
    expect(printed.split('\n')).toEqual([
      'ended session session-alice-phone: alice@example.org, phone, 2001:db8::7, 1 message, in message',
      'ended 1 grant and 1 session of phone',
      '',
    ]);
  });

  it('of a person, who may sign in again', async () => {
    const door = await postern.start(ALICE, ALICE_PHONE, BOB);
    const { exitCode, printed } = await revoke('--person', 'alice@example.org');
    expect(exitCode).toBe(0);
    expect(printed).toMatch(/\nended 2 grants and 2 sessions of alice@example\.org\n$/);
    expect(door.calls).toEqual(['endPerson alice@example.org {"cause":"revoked from the command line"}']);
  });

  it('of a person who is disabled, and enabled', async () => {
    const door = await postern.start(ALICE);
    const disabled = await revoke('--person', 'alice@example.org', '--disable');
    expect(disabled.printed).toMatch(
      /1 session of alice@example\.org\nalice@example\.org can no longer sign in\n$/,
    );
    const enabled = await revoke('--enable', 'alice@example.org', '--reason', 'back');
    expect(enabled).toEqual({ exitCode: 0, printed: 'alice@example.org may sign in again\n', told: '' });
    expect(door.calls).toEqual([
      'endPerson alice@example.org {"cause":"revoked from the command line","disable":true}',
      'enablePerson alice@example.org {"cause":"back"}',
    ]);
  });

  it('of sessions with another issuer’s token, which can come back: that too', async () => {
    await postern.start(BOB);
    const { exitCode, printed, told } = await revoke('--person', 'bob@example.org', '--disable');
    expect(exitCode).toBe(0);
    expect(printed).toMatch(/ended session session-bob: .*, in transaction\nended 0 grants and 1 session of/);
    expect(printed).not.toContain('can no longer sign in');
    expect(told).toContain('the next token of another issuer');
  });

  it('to a program, as JSON', async () => {
    await postern.start(ALICE);
    const { exitCode, printed, told } = await revoke('--client', 'desktop-mail', '--json');
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
    expect(JSON.parse(printed)).toMatchObject({
      action: 'end-client',
      target: 'desktop-mail',
      found: true,
      grants: 1,
      sessions: [{ id: 'session-alice', messages: 3 }],
    });
  });
});

describe('it ends with 1', () => {
  it.each([
    [['--session', 'x'], 'there is no session x'],
    [['--grant', 'x'], 'there is no grant x'],
    [['--client', 'x'], 'there is no client x, nor a session of it'],
    [['--person', 'x@example.org'], 'nobody is known by x@example.org'],
    [['--person', 'x@example.org', '--disable'], 'nobody is known by x@example.org'],
    [['--enable', 'x@example.org'], 'nobody is known by x@example.org'],
  ])('where nothing matches %j', async (args, words) => {
    await postern.start(ALICE);
    const { exitCode, printed, told } = await revoke(...args);
    expect({ exitCode, printed }).toEqual({ exitCode: 1, printed: '' });
    expect(told).toContain(words);
    const json = await revoke(...args, '--json');
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.printed)).toMatchObject({ found: false });
  });

  it('where Postern is not running', async () => {
    const { exitCode, told } = await revoke('--session', 'x');
    expect(exitCode).toBe(1);
    expect(told).toContain('Postern is not running');
  });

  it('where Postern fails, without its secrets', async () => {
    const door = await postern.start(ALICE);
    door.access.endClient = async () => {
      throw new Error('sector 7');
    };
    const { exitCode, told } = await revoke('--client', 'phone');
    expect(exitCode).toBe(1);
    expect(told).toMatch(/journal says what/);
    expect(told).not.toContain('sector');
  });
});

describe('it ends with 2, and does nothing', () => {
  it.each([
    ['nothing is named', [], 'what to end is not named'],
    ['two things are named', ['--session', 'a', '--client', 'b'], '--session and --client at once'],
    [
      'one thing twice over',
      ['--person', 'a@example.org', '--enable', 'a@example.org'],
      '--person and --enable',
    ],
    ['a person is no address', ['--person', 'alice'], 'is not a mail address'],
    ['an enabled person is no address', ['--enable', 'alice'], 'is not a mail address'],
    ['--disable stands alone', ['--disable', '--client', 'a'], '--disable goes with --person'],
    ['a name is empty', ['--client', ' '], '--client is empty'],
    ['the reason has two lines', ['--client', 'a', '--reason', 'one\ntwo'], '--reason is one line'],
    ['the reason has no end', ['--client', 'a', '--reason', 'x'.repeat(201)], '--reason is one line'],
    ['the reason is empty', ['--client', 'a', '--reason', ''], '--reason is one line'],
  ])('where %s', async (_what, args, words) => {
    const door = await postern.start(ALICE);
    const { exitCode, printed, told } = await revoke(...args);
    expect({ exitCode, printed }).toEqual({ exitCode: 2, printed: '' });
    expect(told).toContain(words);
    expect(door.calls).toEqual([]);
  });
});
