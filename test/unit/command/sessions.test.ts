// `postern sessions`: the table people read, the JSON programs read, and how the running Postern is found.

import { describe, expect, it } from 'vitest';
import { drawTable } from '../../../src/command/sessions.ts';
import { ALICE, ALICE_PHONE, BOB } from '../administration/situation.ts';
import { runningPostern } from './running-postern.ts';
import { run, surroundings } from './surroundings.ts';

const postern = runningPostern();
const sessions = (...args: string[]) => run(['sessions', ...args], { directory: postern.directory });

describe('the list', () => {
  it('is a table, the longest connected first', async () => {
    await postern.start(ALICE, ALICE_PHONE, BOB);
    const { exitCode, printed, told } = await sessions();
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
    expect(printed.split('\n')).toEqual([
      'PERSON             CLIENT          ADDRESS      SINCE             MESSAGES  STATE           SESSION',
      'alice@example.org  phone           2001:db8::7  2026-11-21 19:00         1  in message      session-alice-phone',
      'alice@example.org  desktop-mail    192.0.2.1    2026-11-21 20:00         3  idle            session-alice',
      'bob@example.org    outside-client  192.0.2.1    2026-11-21 20:00         0  in transaction  session-bob',
      '',
    ]);
  });

  it('is the sessions as they are, for a program', async () => {
    await postern.start(ALICE, BOB);
    const { exitCode, printed } = await sessions('--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(printed)).toEqual(JSON.parse(JSON.stringify([ALICE, BOB])));
  });

  it.each([
    [
      ['--person', 'INFO@example.org'],
      ['phone', 'desktop-mail'],
    ],
    [['--client', 'outside-client'], ['outside-client']],
    [['--person', 'alice@example.org', '--client', 'phone'], ['phone']],
  ])('of %j is theirs alone', async (args, clients) => {
    await postern.start(ALICE, ALICE_PHONE, BOB);
    const { printed } = await sessions('--json', ...args);
    expect((JSON.parse(printed) as { client: string }[]).map(({ client }) => client)).toEqual(clients);
  });

  it('of nobody is no failure', async () => {
    await postern.start();
    expect(await sessions()).toEqual({ exitCode: 0, printed: '', told: 'Nobody is signed in.\n' });
    expect(await sessions('--client', 'x')).toEqual({ exitCode: 0, printed: '', told: 'No such session.\n' });
    expect(JSON.parse((await sessions('--json')).printed)).toEqual([]);
  });

  it('cannot take over the terminal', async () => {
    await postern.start({ ...ALICE, client: 'evil\u001b[2J\u202e\nroot' });
    const { printed } = await sessions();
    expect(printed).toContain('evil?[2J??root');
    expect(printed).not.toMatch(/[\u001b\u202e]/);
    expect(printed.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('the table', () => {
  const long = {
    ...ALICE,
    client: `https://client.example.org/${'x'.repeat(60)}`,
    peer: '2001:db8:1:2:3:4:5:6',
  };

  it('fits the terminal: what need not be typed again is cut, the session id is not', () => {
    const lines = drawTable([long, BOB], 110);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(110);
    expect(lines[1]).toMatch(/ {2}https:\/\/client\S*… {2}2001:db8\S*… {2}/);
    expect(lines[1]).toMatch(/session-alice$/);
  });

  it('is cut no more where it cannot fit, and not at all for a pipe', () => {
    expect(drawTable([long], 20)[1]).toMatch(/alice@examp… .*session-alice$/);
    expect(drawTable([long], undefined)[1]).toContain(long.client);
  });

  it('takes the width of the terminal it is printed on', async () => {
    await postern.start(long);
    const around = surroundings({ directory: postern.directory });
    Object.assign(around.output, { isTTY: true, columns: 100 });
    const { runProgram } = await import('../../../src/command/program.ts');
    await runProgram(['sessions'], around);
    expect(around.printed().split('\n')[1]).toContain('…');
  });
});

describe('the running Postern is found', () => {
  it('by its socket', async () => {
    await postern.start(ALICE);
    const { printed } = await run(['sessions', '--socket', 'admin.sock'], {
      directory: `${postern.directory}/run`,
    });
    expect(printed).toContain('session-alice');
  });

  it('by a configuration elsewhere, whose paths count from there, and which need not be sound for whoever asks', async () => {
    await postern.start(ALICE);
    postern.write(
      'etc/postern.yaml',
      'administration: {socket: ../run/admin.sock}\nstore: {sqlite: {env: NOT_HERE}}\n',
    );
    const elsewhere = { directory: '/' };
    const { printed } = await run(['sessions', '-c', `${postern.directory}/etc/postern.yaml`], elsewhere);
    expect(printed).toContain('session-alice');
  });

  it('as the demo where there is no other configuration', async () => {
    await postern.start(ALICE);
    postern.write('demo/config/demo.yaml', 'administration:\n  socket: ../../run/admin.sock\n');
    const { printed } = await run(['sessions'], { directory: `${postern.directory}/demo` });
    expect(printed).toContain('session-alice');
  });

  it.each([
    ['that names no socket', 'submission: {}\n'],
    ['whose Postern does not run', 'administration:\n  socket: elsewhere.sock\n'],
  ])('as the demo beside a configuration %s, and says so', async (_what, text) => {
    await postern.start(ALICE);
    postern.write('postern.yaml', text);
    postern.write('config/demo.yaml', 'administration:\n  socket: ../run/admin.sock\n');
    const { exitCode, printed, told } = await sessions();
    expect(printed).toContain('session-alice');
    expect({ exitCode, told }).toEqual({
      exitCode: 0,
      told: 'postern: no Postern runs for postern.yaml; the demo was asked\n',
    });
    // Whoever names one means it.
    const named = await sessions('--config', 'postern.yaml');
    expect({ exitCode: named.exitCode, printed: named.printed }).toEqual({ exitCode: 1, printed: '' });
  });

  it.each([
    ['that does not run either', 'administration:\n  socket: demo.sock\n'],
    ['that has no socket', 'submission: {}\n'],
  ])('not as a demo %s: what is told is of the own configuration', async (_what, text) => {
    postern.write('config/demo.yaml', text);
    const { exitCode, told } = await sessions();
    expect(exitCode).toBe(1);
    expect(told).toContain(`nobody answers at ${postern.socket}`);
    expect(told).not.toContain('demo');
  });
});

describe('it says', () => {
  it('that Postern is not running', async () => {
    const { exitCode, printed, told } = await sessions();
    expect({ exitCode, printed }).toEqual({ exitCode: 1, printed: '' });
    expect(told).toBe(
      `postern: Postern is not running: nobody answers at ${postern.socket}\n` +
        '  Start it with `postern serve`, or name another with --config FILE or --socket PATH.\n',
    );
  });

  it('that there is no configuration to find it by', async () => {
    const { exitCode, told } = await run(['sessions'], { directory: '/nowhere' });
    expect(exitCode).toBe(1);
    expect(told).toMatch(/no postern\.yaml here .*\n {2}Name the configuration with --config/);
  });

  it.each([
    ['store: {}\n', 'does not set administration.socket'],
    ['administration:\n', 'does not set administration.socket'],
    ['- list\n', 'does not set administration.socket'],
    ['administration: {socket: 7}\n', 'does not set administration.socket'],
    ['a: [\n', 'is not valid YAML'],
  ])('that the configuration %j does not name it', async (text, words) => {
    postern.write('postern.yaml', text);
    const { exitCode, told } = await sessions();
    expect(exitCode).toBe(1);
    expect(told).toMatch(/^postern: .*postern\.yaml/);
    expect(told).toContain(words);
  });

  it('that the named configuration is not there', async () => {
    const { exitCode, told } = await sessions('--config', 'other.yaml');
    expect(exitCode).toBe(1);
    expect(told).toContain('there is no file other.yaml');
  });

  it('that a person is an address', async () => {
    expect((await sessions('--person', 'alice')).exitCode).toBe(2);
  });
});
