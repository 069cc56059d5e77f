// `postern check` as a person runs it: on the demo nothing is wrong; on a real Postfix it finds what is wrong, and no more.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../src/inspection/report.ts';
import { testCertificate } from '../support/certificates.ts';
import { DEMO, type Demo, startDemo } from './demo.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Postfix, startPostfix } from './postfix.ts';
import { type ProgramResult, runProgram } from './program.ts';
import { until } from './until.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

function check(args: readonly string[], folder: string, input = ''): Promise<ProgramResult> {
  return runProgram(process.execPath, [MAIN, 'check', ...args], { folder, input });
}

describe('the demo', () => {
  const ARGS = [
    'localhost',
    '--port',
    String(DEMO.starttls),
    '--port',
    String(DEMO.implicit),
    '--ca',
    'data/demo/ca.pem',
  ];
  let demo: Demo;
  let token: string;

  beforeAll(async () => {
    demo = await startDemo();
    token = await demo.token();
  });
  afterAll(async () => {
    const leaks = demo?.journal.leaks([token]);
    await demo?.close();
    expect(leaks).toEqual([]);
  });

  const signedIn = (...more: string[]): Promise<ProgramResult> =>
    check([...ARGS, '--token', '-', '--user', DEMO.sender, ...more], demo.folder, token);

  test('has no problem and no warning, with a real token on both ports', async () => {
    const { code, output, errors } = await signedIn();
    expect(output.split('\n').filter((line) => /^ {2}(warning|problem)/.test(line))).toEqual([]);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(output).toMatch(/^no problems, no warnings, \d\d ok$/m);
    expect(output.match(/signed in with OAUTHBEARER$/gm)).toHaveLength(2);
    expect(output.match(/is accepted as sender and as recipient$/gm)).toHaveLength(2);
  });

  test('is described in full as JSON, with the dialogue and without the token', async () => {
    const { code, output } = await signedIn('--json', '--transcript');
    expect(code).toBe(0);
    const report: Report = JSON.parse(output);
    expect(report).toMatchObject({ verdict: 'ok', counts: { warning: 0, problem: 0 } });
    expect(report.ports.map(({ port, mode, banner }) => [port, mode, banner])).toEqual([
      [DEMO.starttls, 'starttls', '220 localhost ESMTP Postern'],
      [DEMO.implicit, 'implicit', '220 localhost ESMTP Postern'],
    ]);
    expect(report.ports[0]?.transcript).toContain('C: AUTH OAUTHBEARER [hidden]');
    for (let at = 0; at + 20 <= token.length; at += 1) expect(output).not.toContain(token.slice(at, at + 20));
  });

  test('hears of it in its journal, and gets no message', async () => {
    const login = await until(
      () => demo.journal.lines().find(({ event }) => event === 'loginSucceeded'),
      'the sign-in in the journal',
    );
    expect(login).toMatchObject({ user: DEMO.sender, mechanism: 'OAUTHBEARER' });
    expect(demo.inbox()).toEqual([]);
  });

  test('without its authority, has the one problem that nobody trusts its certificate', async () => {
    const { code, output } = await check(ARGS.slice(0, -2), demo.folder);
    expect(code).toBe(1);
    const complaints = output.split('\n').filter((line) => /^ {2}(warning|problem)/.test(line));
    expect(complaints).toHaveLength(2);
    for (const line of complaints) expect(line).toContain('no client trusts the certificate');
  });
});

describe('a real Postfix', () => {
  let folder: string;
  let postfix: Postfix | undefined;

  beforeAll(async () => {
    folder = makeFolder('check');
    writeFileSync(join(folder, 'ca.pem'), (await testCertificate()).ca);
  });
  afterEach(async () => {
    await postfix?.close();
    postfix = undefined;
  });
  afterAll(() => removeFolder(folder));

  async function complaintsAbout(settings: Record<string, string>): Promise<string[]> {
    // Nobody is ever at the far end: no message is begun.
    postfix = await startPostfix({ sink: 9, settings });
    const { output } = await check(
      ['localhost', '--port', `${postfix.port}:relay`, '--ca', 'ca.pem', '--json'],
      folder,
    );
    const report: Report = JSON.parse(output);
    const [port] = report.ports;
    expect(port?.address).toBe('127.0.0.1');
    return (port?.findings ?? [])
      .filter(({ level }) => level !== 'ok')
      .map(({ check, level }) => `${check} ${level}`);
  }

  const SOUND = {
    smtpd_tls_security_level: 'may',
    smtpd_tls_protocols: '>=TLSv1.2',
    smtpd_tls_mandatory_protocols: '>=TLSv1.2',
  };

  test('that is in order, and puts strangers off for ever as it does by default, has nothing to complain of', async () => {
    const settings = { ...SOUND, smtpd_relay_restrictions: 'defer_unauth_destination' };
    expect(await complaintsAbout(settings)).toEqual([]);
  });

  test('that trusts whoever comes is an open relay', async () => {
    const settings = { smtpd_relay_restrictions: 'permit_mynetworks, reject', mynetworks: '127.0.0.0/8' };
    expect(await complaintsAbout({ ...SOUND, ...settings })).toEqual(['relay problem']);
  });

  test('that takes TLS 1.0, as Debian has it, is told so', async () => {
    const settings = { smtpd_tls_protocols: '>=TLSv1', smtpd_tls_mandatory_protocols: '>=TLSv1' };
    expect(await complaintsAbout({ ...SOUND, ...settings })).toEqual(['tls-old-versions warning']);
  });
});
