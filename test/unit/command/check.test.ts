// `postern check`: its options, what people read, what programs read, exit codes. What it finds is tested in inspection/.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Report } from '../../../src/inspection/report.ts';
import { type BadServer, type Faults, GOOD_TOKEN, startBadServer } from '../../support/bad-server.ts';
import { type NameServer, startNameServer } from '../../support/name-server.ts';
import { run } from './surroundings.ts';

let directory: string;
let server: BadServer | undefined;
let names: NameServer | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-check-'));
});

afterEach(async () => {
  await server?.close();
  await names?.close();
  [server, names] = [undefined, undefined];
  rmSync(directory, { recursive: true });
});

/** A run against a server with these faults, its authority in ca.pem, a good token in token.txt. */
async function check(faults: Faults, args: readonly string[] = [], input = '') {
  server = await startBadServer('starttls', faults);
  writeFileSync(join(directory, 'ca.pem'), server.ca);
  writeFileSync(join(directory, 'token.txt'), `${GOOD_TOKEN}\n`);
  return run(['check', 'localhost', '--port', String(server.port), '--ca', 'ca.pem', ...args], {
    directory,
    input,
  });
}

describe('what people read', () => {
  it('is what there is, a line a finding, and a line at the end', async () => {
    const { exitCode, printed, told } = await check({});
    expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' });
    const lines = printed.split('\n');
    expect(lines[0]).toBe(`localhost port ${server?.port} (submission, STARTTLS)`);
    expect(lines).toEqual(
      expect.arrayContaining([
        '  address      127.0.0.1',
        '  greeting     220 bad.example ESMTP',
        '  without TLS  PIPELINING, ENHANCEDSTATUSCODES, STARTTLS',
        '  inside TLS   PIPELINING, ENHANCEDSTATUSCODES, AUTH OAUTHBEARER XOAUTH2',
        '  TLS          TLSv1.3 TLS_AES_256_GCM_SHA384',
        '  certificate  CN=localhost',
        '    names      localhost, 127.0.0.1',
        '    issued by  CN=Postern test CA',
        '    key        ec prime256v1 ecdsa-with-SHA256',
        '  ok       the certificate is for localhost',
      ]),
    );
    expect(lines.at(-2)).toMatch(/^no problems, no warnings, \d+ ok$/);
  });

  it('says of a problem what it means and, below, what to do; and ends with 1', async () => {
    const { exitCode, printed } = await check({ recipient: () => '250 2.1.5 OK' });
    expect(exitCode).toBe(1);
    expect(printed).toMatch(/^ {2}problem {2}open relay: .*\n {11}Let it take mail for others from /m);
    expect(printed).toMatch(/^1 problem, no warnings, \d+ ok$/m);
  });

  it('ends with 0 where there is nothing worse than a warning', async () => {
    const { exitCode, printed } = await check({ badToken: 'no-challenge' });
    expect(exitCode).toBe(0);
    expect(printed).toMatch(/^ {2}warning {2}a bad token is refused at once/m);
    expect(printed).toMatch(/^no problems, 1 warning, /m);
  });

  it('has the dialogue with --transcript alone, without a credential', async () => {
    expect((await check({})).printed).not.toContain('C: EHLO');
    await server?.close();
    const { printed } = await check({}, [
      '--transcript',
      '--token',
      'token.txt',
      '--user',
      'alice@example.org',
    ]);
    expect(printed).toMatch(/^ {4}C: EHLO \[127\.0\.0\.1\]$/m);
    expect(printed).toMatch(/^ {4}C: AUTH OAUTHBEARER \[hidden\]$/m);
    expect(printed).toMatch(/^ {4}C: RCPT TO:<alice@example.org>$/m);
    expect(printed).not.toContain(GOOD_TOKEN);
    expect(printed).not.toMatch(/C: AUTH \S+ (?!\[hidden\])/);
  });

  it('cannot take over the terminal', async () => {
    const { printed } = await check({ banner: '220 evil\u001b[2J\u202e' });
    expect(printed).toContain('  greeting     220 evil\\x1b[2J\\u{202e}');
    expect(printed.replaceAll('\n', '')).not.toMatch(/\p{C}/u);
  });
});

describe('what programs read', () => {
  it('is one JSON document of a stable shape', async () => {
    const { exitCode, printed } = await check({}, ['--json']);
    expect(exitCode).toBe(0);
    const report: Report = JSON.parse(printed);
    expect(Object.keys(report)).toEqual(['host', 'verdict', 'counts', 'ports', 'domain']);
    expect(report).toMatchObject({
      host: 'localhost',
      verdict: 'ok',
      domain: null,
      counts: { warning: 0, problem: 0 },
    });
    expect(Object.keys(report.ports[0] ?? {}).sort()).toEqual(
      [
        'port',
        'mode',
        'address',
        'banner',
        'capabilities',
        'mechanisms',
        'tls',
        'relay',
        'findings',
        'transcript',
      ].sort(),
    );
    expect(report.ports[0]).toMatchObject({
      mode: 'starttls',
      mechanisms: { clear: [], tls: ['OAUTHBEARER', 'XOAUTH2'] },
      tls: {
        protocol: 'TLSv1.3',
        trusted: true,
        namesHost: true,
        certificates: [{ subject: 'CN=localhost' }],
      },
      transcript: null,
    });
  });

  it('has the verdict that the exit code has', async () => {
    const { exitCode, printed } = await check({ injectable: true }, ['--json', '--transcript']);
    expect(exitCode).toBe(1);
    const report: Report = JSON.parse(printed);
    expect(report.verdict).toBe('problem');
    expect(report.ports[0]?.transcript?.length).toBeGreaterThan(20);
  });
});

describe('the token', () => {
  it.each([
    ['a file', ['--token', 'token.txt'], ''],
    ['standard input', ['--token', '-'], `${GOOD_TOKEN}\n`],
  ])('comes from %s', async (_name, args, input) => {
    const { exitCode, printed } = await check({}, [...args, '--user', 'alice@example.org'], input);
    expect(exitCode).toBe(0);
    expect(printed).toContain('ok       signed in with OAUTHBEARER');
    expect(printed).toContain('ok       alice@example.org is accepted as sender and as recipient');
  });

  it.each([
    ['token.txt', 'two words'],
    ['-', 'two words'],
    ['-', `${'x'.repeat(200_000)}\n!`],
  ])('is not repeated when it is none: from %s', async (from, text) => {
    writeFileSync(join(directory, 'token.txt'), text);
    const { exitCode, told, printed } = await run(['check', 'localhost', '--token', from], {
      directory,
      input: text,
    });
    expect(exitCode).toBe(1);
    expect(printed).toBe('');
    expect(told).toMatch(/^postern: (token\.txt|standard input) does not hold an access token\n$/);
  });
});

it('a token from a pipe without an end is not waited for', async () => {
  const endless = Readable.from(
    (function* () {
      for (;;) yield 'x'.repeat(10_000);
    })(),
  );
  const { exitCode, told } = await run(['check', 'localhost', '--token', '-'], { directory, input: endless });
  expect({ exitCode, told }).toEqual({
    exitCode: 1,
    told: 'postern: standard input does not hold an access token\n',
  });
});

describe('a port', () => {
  it('that was named and is closed is a problem', async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    const { exitCode, printed } = await run(['check', '127.0.0.1', '--port', String(port)]);
    expect(exitCode).toBe(1);
    expect(printed).toMatch(new RegExp(`problem {2}port ${port} cannot be examined: nothing listens there`));
  });

  it('is spoken to as it says', async () => {
    server = await startBadServer('implicit');
    const { printed } = await run(['check', 'localhost', '--port', `${server.port}:implicit`]);
    expect(printed).toContain('(submission, implicit TLS)');
    expect(printed).toContain('no client trusts the certificate');
  });

  it('may be on another address than the name says', async () => {
    server = await startBadServer('implicit');
    writeFileSync(join(directory, 'ca.pem'), server.ca);
    const args = ['--port', `${server.port}:implicit`, '--address', '127.0.0.1', '--ca', 'ca.pem'];
    const { exitCode, printed } = await run(['check', 'mail.example.org', ...args], { directory });
    expect(exitCode).toBe(1);
    expect(printed).toContain(
      'problem  the certificate is not for mail.example.org, but for localhost, 127.0.0.1',
    );
  });

  it('of a host that does not exist is a problem', async () => {
    const { exitCode, printed } = await run([
      'check',
      'no-such-host.invalid',
      '--port',
      '25',
      '--timeout',
      '3',
    ]);
    expect(exitCode).toBe(1);
    expect(printed).toMatch(/problem {2}port 25 cannot be examined: (the name does not resolve|no answer)/);
  });
});

describe('a domain', () => {
  it('is looked up at the resolver named', async () => {
    names = await startNameServer({
      records: [
        { name: 'example.org', type: 'TXT', data: 'v=spf1 ip4:127.0.0.1 -all' },
        { name: '_dmarc.example.org', type: 'TXT', data: 'v=DMARC1; p=none' },
      ],
    });
    const { printed } = await check({}, [
      '--domain',
      'example.org',
      '--resolver',
      names.address,
      '--dkim-selector',
      'x',
    ]);
    expect(printed).toContain('\nexample.org in DNS\n  SPF          v=spf1 ip4:127.0.0.1 -all\n');
    expect(printed).toContain('ok       example.org: v=spf1 ip4:127.0.0.1 -all');
    expect(printed).toContain('warning  the DMARC record at _dmarc.example.org only watches');
    expect(printed).toContain('problem  x._domainkey.example.org has no key');
  });

  it('is told of where the resolver is dead, and nothing crashes', async () => {
    names = await startNameServer({ records: [], behaviour: 'silent' });
    const args = ['--domain', 'example.org', '--resolver', names.address, '--timeout', '2'];
    const { exitCode, printed } = await check({}, args);
    expect(exitCode).toBe(0);
    expect(printed).toContain('warning  DNS does not answer TXT example.org: no answer in time');
  });
});

describe('wrong use ends with 2 and a hint', () => {
  it.each([
    [['mail.example.org:587'], /--port/],
    [['two words'], /is not a host name/],
    [['a\r\nb'], /is not a host name/],
    [['-x.example'], /unknown option/],
    [['h.example', '--port', '0'], /not a port/],
    [['h.example', '--port', '70000'], /not a port/],
    [['h.example', '--port', '25:smtps'], /starttls, implicit, relay/],
    [['h.example', '--address', 'h2.example'], /not an IP address/],
    [['h.example', '--timeout', 'soon'], /seconds/],
    [['h.example', '--timeout', '0'], /seconds/],
    [['h.example', '--relay-to', 'nobody'], /not a mail address/],
    [['h.example', '--relay-to', 'a@b>\r\nDATA'], /not a mail address/],
    [['h.example', '--user', 'a@example.org'], /--token/],
    [['h.example', '--user', 'a b', '--token', 't'], /not a mail address/],
    [['h.example', '--resolver', '192.0.2.1'], /--domain/],
    [['h.example', '--dkim-selector', 'x'], /--domain/],
    [['h.example', '--domain', 'a b'], /not a domain name/],
    [['h.example', '--domain', 'b.example', '--dkim-selector', 'a b'], /not a DKIM selector/],
    [['h.example', '--domain', 'b.example', '--resolver', 'ns.example'], /address of a resolver/],
  ])('%j', async (args, told) => {
    const ended = await run(['check', ...args], { directory });
    expect(ended).toMatchObject({ exitCode: 2, printed: '' });
    expect(ended.told).toMatch(told);
  });

  it.each([
    ['missing.pem', /there is no file missing\.pem|cannot|no such/i],
    ['garbage.pem', /garbage\.pem holds no certificate/],
  ])('an authority that is none ends with 1: %s', async (file, told) => {
    writeFileSync(join(directory, 'garbage.pem'), 'garbage');
    const ended = await run(['check', 'h.example', '--ca', file], { directory });
    expect(ended).toMatchObject({ exitCode: 1, printed: '' });
    expect(ended.told).toMatch(told);
  });
});
