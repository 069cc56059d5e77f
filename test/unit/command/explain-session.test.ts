// `postern explain` against a whole running gateway: from the id in a mail client's error message to the reason.

import { beforeEach, describe, expect, it } from 'vitest';
import { leakedSecrets } from '../../support/leaked-secrets.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { expectCode, type ReloadSituation, startReloadSituation } from '../gateway/reload-situation.ts';
import { run } from './surroundings.ts';

let postern: ReloadSituation;
let token: string;

beforeEach(async () => {
  postern = await startReloadSituation();
  token = await postern.token();
});

const explain = (...args: string[]) => run(['explain', ...args], { directory: postern.folder });
const explainToken = (text: string, ...args: string[]) =>
  run(['explain', ...args], { directory: postern.folder, input: text });

/** Of the last reply, as a user would copy it. */
const idIn = (lines: readonly string[]): string => /\[([^\]]+)\]$/.exec(lines.at(-1) ?? '')?.[1] ?? '';

function xoauth2(bearer: string, user = 'app@example.org'): string {
  return `AUTH XOAUTH2 ${Buffer.from(`user=${user}\x01auth=Bearer ${bearer}\x01\x01`).toString('base64')}`;
}

async function failSignIn(bearer: string, user?: string): Promise<{ client: SmtpClient; id: string }> {
  const client = await postern.open('implicit');
  await expectCode(client.command(xoauth2(bearer, user)), '334');
  const reply = await client.command('');
  expect(reply.at(-1)).toMatch(/^535 5\.7\.8 /);
  return { client, id: idIn(reply) };
}

const journalled = (id: string, name: string) =>
  postern.journal
    .map((line) => JSON.parse(line))
    .filter(({ event, session }) => event === name && session === id);

describe('a session', () => {
  it('whose sign-in was refused: the reason is the journal’s, and says what to change', async () => {
    const broken = `${token.slice(0, -20)}AAAAAAAAAAAAAAAAAAAA`;
    const { id } = await failSignIn(broken);
    const { exitCode, printed, told } = await explain('--session', id);
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
    expect(printed).toMatch(/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC: sign-in refused: token-signature\n/);
    expect(printed).toContain('  from:      127.0.0.1, XOAUTH2, user name app@example.org\n');
    const issuer = `http://localhost:${postern.ports.web}`;
    expect(printed).toContain(`  it says:   iss ${issuer}, aud ${issuer}, kid `);
    expect(printed).toMatch(/^ {2}to do: {5}Get a new token/m);
    const [event] = journalled(id, 'loginFailed');
    expect(event).toMatchObject({ code: 'token-signature', issuer, audience: issuer, algorithm: 'ES256' });
    expect(printed).toContain(`  why:       ${event.reason}\n`);
    const { refusals } = JSON.parse((await explain('--session', id, '--json')).printed);
    expect(refusals).toMatchObject([
      { stage: 'sign-in', code: event.code, reason: event.reason, keyId: event.keyId },
    ]);
    expect(refusals[0].advice).toContain('Get a new token');
    expect(leakedSecrets([printed, JSON.stringify(refusals), ...postern.journal], [broken])).toEqual([]);
  });

  it('is found by its id in brackets, by --socket and by --config too', async () => {
    const { id } = await failSignIn('nonsense');
    for (const args of [
      ['--session', `[${id}]`],
      ['--session', id, '--socket', 'run/admin.sock'],
      ['--session', id, '--config', 'postern.yaml'],
    ])
      expect((await explain(...args)).printed).toContain('refused: token-malformed');
  });

  it('that was refused several times tells all, the earliest first', async () => {
    const { client, id } = await failSignIn('nonsense');
    await expectCode(client.command(xoauth2(token, 'somebody@example.org')), '334');
    await expectCode(client.command(''), '535');
    const { printed } = await explain('--session', id);
    expect(printed.match(/refused: \S+/g)).toEqual(['refused: token-malformed', 'refused: user-mismatch']);
    expect(printed).toContain('user name somebody@example.org');
  });

  it('whose message was refused, by Postern or by the server behind', async () => {
    const client = await postern.open('implicit');
    await expectCode(client.command(xoauth2(token)), '235');
    const reply = await client.command('MAIL FROM:<mallory@example.org>');
    expect(reply[0]).toMatch(/^550 5\.7\.1 /);
    const { printed } = await explain('--session', idIn(reply));
    expect(printed).toContain('UTC: message (mail) refused: sender-not-owned\n');
    expect(printed).toContain('app@example.org, client test-app');
    expect(printed).toContain('`authorization.clients[].sendAs`');
  });

  it('whose program is not set to OAuth, or to no sign-in at all', async () => {
    const client = await postern.open('implicit');
    const password = Buffer.from('\0alice\0hunter2').toString('base64');
    const first = await client.command(`AUTH PLAIN ${password}`);
    expect(first[0]).toMatch(/^504 /);
    const second = await client.command('MAIL FROM:<alice@example.org>');
    expect(second[0]).toMatch(/^530 /);
    expect(idIn(second)).toBe(idIn(first));
    const { printed } = await explain('--session', idIn(second));
    expect(printed.match(/command refused: \S+/g)).toEqual([
      'command refused: mechanism-unknown',
      'command refused: login-required',
    ]);
    expect(printed).toContain('  why:       expected OAUTHBEARER or XOAUTH2, found PLAIN\n');
    expect(printed).not.toContain(password);
    for (const line of ['AUTH hunter2', 'AUTH HUNTER2']) await client.command(line);
    expect((await explain('--session', idIn(first))).printed).not.toMatch(/hunter2/i);
  });

  it('whose trust ended: what ended it', async () => {
    const client = await postern.open('implicit');
    await expectCode(client.command(xoauth2(token)), '235');
    await postern.revokeToken(token);
    const reply = await client.readReply();
    expect(reply[0]).toMatch(/^421 /);
    const { printed } = await explain('--session', idIn(reply));
    expect(printed).toContain('UTC: session refused: session-revoked\n');
    expect(journalled(idIn(reply), 'sessionRevoked')).toMatchObject([{ code: 'session-revoked' }]);
  });

  it('that is unknown: how to find it in the journal', async () => {
    const { exitCode, printed, told } = await explain('--session', 'nobodyKnows');
    expect({ exitCode, printed }).toEqual({ exitCode: 1, printed: '' });
    expect(told).toContain('journalctl -u postern -o cat | grep nobodyKnows');
    expect(JSON.parse((await explain('--session', 'nobodyKnows', '--json')).printed)).toEqual({
      session: 'nobodyKnows',
      refusals: [],
    });
  });

  it('where no Postern runs: the same', async () => {
    await postern.gateway.stop('test');
    const { exitCode, told } = await explain('--session', 'abc');
    expect(exitCode).toBe(1);
    expect(told).toMatch(/not running: .*\n {2}Its journal tells the same: journalctl .* \| grep abc\n/);
  });

  it('outlives a reload', async () => {
    const { id } = await failSignIn('nonsense');
    await postern.reload();
    expect((await explain('--session', id)).exitCode).toBe(0);
    const { id: later } = await failSignIn('nonsense');
    expect((await explain('--session', later)).exitCode).toBe(0);
  });
});

describe('a token', () => {
  it('of Postern’s own is judged with its keys and its revocations', async () => {
    const { exitCode, printed } = await explainToken(token);
    expect({ exitCode, first: printed.split('\n')[0] }).toEqual({
      exitCode: 0,
      first: 'accepted: app@example.org',
    });
    await postern.revokeToken(token);
    const after = await explainToken(token);
    expect(after.exitCode).toBe(1);
    expect(after.printed).toContain('refused: token-revoked');
    expect(leakedSecrets([printed, after.printed, ...postern.journal], [token])).toEqual([]);
  });

  it('is not counted as a sign-in: nothing of it is journalled or remembered', async () => {
    const before = postern.journal.length;
    await explainToken('nonsense');
    expect(postern.journal.slice(before)).toEqual([]);
  });

  it('of Postern’s own, where none runs: what could not be checked is said', async () => {
    await postern.gateway.stop('test');
    const { exitCode, printed, told } = await explainToken(token);
    expect(exitCode).toBe(1);
    expect(told).toContain('the settings of postern.yaml alone are what counts');
    expect(printed).toContain('refused: issuer-unavailable');
    expect(printed).toContain('  unchecked: its signature, its account, whether it was revoked here\n');
    expect(printed).toContain('Ask again while Postern runs');
    expect(leakedSecrets([printed, told], [token])).toEqual([]);
    const [header = '', claims = '', signature = ''] = token.split('.');
    const read = JSON.parse(Buffer.from(claims, 'base64url').toString());
    const expired = Buffer.from(JSON.stringify({ ...read, exp: 1 })).toString('base64url');
    const { printed: other } = await explainToken(`${header}.${expired}.${signature}`);
    expect(other).toContain('refused: token-expired');
    expect(other).not.toContain('unchecked');
  });

  it('is not judged by settings that have faults', async () => {
    await postern.gateway.stop('test');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${postern.folder}/broken.yaml`, 'submission: {}\n');
    const { exitCode, told } = await explainToken(token, '--config', 'broken.yaml');
    expect(exitCode).toBe(1);
    expect(told).toContain('postern config check broken.yaml');
  });
});
