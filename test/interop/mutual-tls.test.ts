// docs/mutual-tls.md as it stands: its certificates, its settings, its proxies, its request; and what its tokens are then good for.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { claimsOf } from '../support/authorization-server.ts';
import { connectSmtp, type SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, startGate } from './gate.ts';
import { composeLetter, expectIntact } from './letter.ts';
import { readPage, type Step } from './page.ts';
import { freePorts } from './ports.ts';
import { type ProgramResult, runProgram } from './program.ts';
import { expectCode, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';
import { startWebProxy, type WebProxy, type WebProxyKind } from './web-proxy.ts';

const PAGE = readPage(new URL('../../docs/mutual-tls.md', import.meta.url));
const PROXIES: Readonly<Record<WebProxyKind, string>> = {
  nginx: '/etc/nginx/conf.d/postern.conf',
  haproxy: '/etc/haproxy/haproxy.cfg',
  apache: '/etc/apache2/sites-available/postern.conf',
};
const KINDS = Object.keys(PROXIES) as WebProxyKind[];
const APPS = ['reports', 'archive'] as const;
const CLIENT = '127.0.0.1';
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let folder: string;
let sink: Sink;
let gate: Gate;
let printed: string;
let smtpPort: number;
const proxies = {} as Record<WebProxyKind, WebProxy>;
const secrets: string[] = [];

const steps = [...PAGE.values()].flat();
const commands = steps.flatMap((step) => (step.kind === 'commands' ? [step.text] : []));

function textOf(path: string): string {
  const found = steps.find(
    (step): step is Step & { kind: 'file' } => step.kind === 'file' && step.path === path,
  );
  if (!found) throw new Error(`docs/mutual-tls.md has no ${path}`);
  return found.text;
}

/** With the places of this test in the place of the operator's. */
function here(text: string, ports: { readonly listen?: number; readonly web?: string } = {}): string {
  const web = ports.web ?? gate.issuer.split(':').at(-1);
  return text
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${web}`)
    .replaceAll('/etc/postern/', `${folder}/`)
    .replaceAll('/etc/haproxy/mail.example.org.pem', `${folder}/both.pem`)
    .replace(/listen 443 ssl|bind :443|<VirtualHost \*:443>/, (line) =>
      line.includes('Virtual')
        ? `Listen 127.0.0.1:${ports.listen}\n<VirtualHost 127.0.0.1:${ports.listen}>`
        : line.replace(/:?443/, `127.0.0.1:${ports.listen}`),
    );
}

beforeAll(async () => {
  folder = makeFolder('mutual-tls');
  for (const text of commands.filter((command) => command.startsWith('openssl'))) {
    const run = await runProgram('sh', ['-ec', text], { folder });
    if (run.code !== 0) throw new Error(run.text);
    printed = run.output;
  }
  sink = await startSink(folder);
  const settings = parse(here(textOf('postern.yaml'), { web: '0' }));
  const [starttls, implicit] = (await freePorts(2)) as [number, number];
  smtpPort = implicit;
  const listeners = settings.submission.listeners.map((listener: object, index: number) => ({
    ...listener,
    listen: `127.0.0.1:${[starttls, implicit][index]}`,
  }));
  const tls = { ...settings.submission.tls, certificate: 'certificate.pem', key: 'key.pem' };
  gate = await startGate({
    upstream: { port: sink.port },
    submission: { ...settings.submission, listeners, tls },
    authorization: settings.authorization,
    sections: { administration: { socket: 'administration.sock' } },
  });
  copyFileSync(gate.ca, join(folder, 'ca.pem'));
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) =>
    readFileSync(join(gate.folder, name), 'utf8'),
  ) as [string, string];
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('mail.example.org.pem', certificate);
  write('mail.example.org-key.pem', key);
  write('both.pem', `${certificate}\n${key}`);
  for (const kind of KINDS) {
    const lines = (listen: number) => here(textOf(PROXIES[kind]), { listen });
    proxies[kind] = await startWebProxy({ kind, lines });
  }
});
afterAll(async () => {
  for (const proxy of Object.values(proxies)) await proxy.close();
  const leaks = gate?.journal.leaks(secrets);
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
  expect(leaks).toEqual([]);
});

/** The page's own request, for another app and with more to say where that is asked for. */
async function ask(
  kind: WebProxyKind,
  options: { app?: string; shown?: string | undefined; more?: readonly string[] } = {},
): Promise<Readonly<Record<string, unknown>>> {
  const { app = 'reports', more = [] } = options;
  const shown = 'shown' in options ? options.shown : app;
  const [request = ''] = commands.filter((command) => command.startsWith('curl'));
  const text = request
    .trimEnd()
    .replace('curl', 'curl --silent --show-error --cacert ca.pem')
    .replace('https://mail.example.org', `https://localhost:${proxies[kind].port}`)
    .replace(
      '--cert reports.pem --key reports-key.pem ',
      shown === undefined ? '' : `--cert ${shown}.pem --key ${shown}-key.pem `,
    )
    .replace('client_id=reports', `client_id=${app}`);
  const quoted = more.map((word) => `'${word}'`).join(' ');
  const run: ProgramResult = await runProgram('sh', ['-ec', `${text} ${quoted}`], { folder });
  if (run.code !== 0) throw new Error(run.text);
  return JSON.parse(run.output);
}

const refusals = () => gate.journal.lines().filter(({ event }) => event === 'clientRefused');

async function tokenFrom(kind: WebProxyKind, app: string): Promise<string> {
  const answer = await ask(kind, { app });
  expect(answer, JSON.stringify(refusals().at(-1))).toHaveProperty('access_token');
  const token = String(answer['access_token']);
  secrets.push(token);
  return token;
}

async function connect(certificate: string | undefined): Promise<SmtpClient> {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const client = await connectSmtp({
    host: '127.0.0.1',
    port: smtpPort,
    implicitTls: true,
    ca: read('ca.pem'),
    timeLimit: 20_000,
    ...(certificate && {
      clientCertificate: { certificate: read(`${certificate}.pem`), key: read(`${certificate}-key.pem`) },
    }),
  });
  expectCode(await client.readReply(), 220);
  expectCode(await client.command('EHLO app.example.org'), 250);
  return client;
}

async function signIn(client: SmtpClient, token: string): Promise<string> {
  const response = Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`).toString('base64');
  const [first = ''] = await client.command(`AUTH OAUTHBEARER ${response}`);
  const [last = ''] = first.startsWith('334') ? await client.command('AQ==') : [first];
  return last.slice(0, 3);
}

it('the name to register is the one that OpenSSL prints', () => {
  const { authorization } = parse(textOf('postern.yaml'));
  expect(printed.trim()).toBe(`subject=${authorization.clients[0].certificateSubject.dn}`);
});

describe.each(KINDS)('behind %s', (kind) => {
  it.each(APPS)('the app %s gets a token with its certificate, and sends with both', async (app) => {
    const token = await tokenFrom(kind, app);
    expect(claimsOf(token)).toMatchObject({ sub: app, cnf: { 'x5t#S256': expect.any(String) } });

    const sender = `${app}@example.org`;
    const client = await connect(app);
    expect(await signIn(client, token)).toBe('235');
    const letter = composeLetter({ from: sender, to: ['bob@example.net'] });
    expectCode(await client.command(`MAIL FROM:<${sender}>`), 250);
    expectCode(await client.command('RCPT TO:<bob@example.net>'), 250);
    expectCode(await client.command('DATA'), 354);
    await client.write(Buffer.concat([stuffed(letter.bytes), Buffer.from('.\r\n')]));
    expectCode(await client.readReply(), 250);
    client.destroy();
    await until(() => sink.arrivals.some(({ head }) => head.includes(letter.mark)), 'the letter at the sink');
    const arrival = sink.arrivals.find(({ head }) => head.includes(letter.mark));
    expectIntact(arrival?.content() ?? Buffer.of(), letter, ['Received']);

    for (const other of [undefined, APPS.find((name) => name !== app)]) {
      const thief = await connect(other);
      expect(await signIn(thief, token), other ?? 'no certificate').toBe('535');
      thief.destroy();
    }
  });

  it('nobody gets one with the certificate of another app, or with none', async () => {
    for (const app of APPS) {
      const other = APPS.find((name) => name !== app);
      for (const shown of [other, undefined])
        expect(await ask(kind, { app, shown })).toMatchObject({ error: 'invalid_client' });
    }
  });

  it('what a client writes in the header itself counts for nothing', async () => {
    const der = (app: string) =>
      Buffer.from(readFileSync(join(folder, `${app}.pem`), 'utf8').replace(/-----.*-----|\s/g, ''), 'base64');
    for (const app of APPS) {
      const other = APPS.find((name) => name !== app);
      const forms = [
        `:${der(app).toString('base64')}:`,
        encodeURIComponent(readFileSync(join(folder, `${app}.pem`), 'utf8')),
      ];
      const names = ['Client-Cert', 'client-cert', 'CLIENT-CERT'];
      for (const header of forms.flatMap((form) => names.map((name) => `${name}: ${form}`))) {
        for (const shown of [undefined, other]) {
          const answer = await ask(kind, { app, shown, more: ['--header', header] });
          expect(answer, header.slice(0, 30)).toMatchObject({ error: 'invalid_client' });
        }
      }
      // Beside the right one it does no harm either.
      const twice = ['--header', `Client-Cert: ${forms[0]}`, '--header', `Client-Cert: ${forms[0]}`];
      expect(await ask(kind, { app, more: twice })).toHaveProperty('access_token');
      expect(await ask(kind, { app, shown: undefined, more: twice })).toMatchObject({
        error: 'invalid_client',
      });
    }
  });

  it('the client is who the proxy says, not who the client says', async () => {
    const more = ['--header', 'X-Forwarded-For: 203.0.113.9', '--interface', '127.0.0.5'];
    expect(await ask(kind, { shown: undefined, more })).toMatchObject({ error: 'invalid_client' });
    await until(() => refusals().at(-1)?.['peer'] === '127.0.0.5', 'a refusal with that address');
  });

  it('who has no certificate is served as ever', async () => {
    const ca = join(folder, 'ca.pem');
    const url = `https://localhost:${proxies[kind].port}/.well-known/oauth-authorization-server`;
    const run = await runProgram('curl', ['--silent', '--show-error', '--cacert', ca, url], { folder });
    expect(JSON.parse(run.output)['token_endpoint_auth_methods_supported']).toEqual(
      expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']),
    );
  });
});

it('a certificate of another authority of the same name is let in by the proxies and refused by Postern', async () => {
  await makeOthers('forged');
  for (const kind of KINDS) await expectForged(kind);
});

async function expectForged(kind: WebProxyKind): Promise<void> {
  const before = refusals().length;
  // Asked again while the journal has had its lines of this second about 127.0.0.1.
  const told = await until(async () => {
    expect(await ask(kind, { shown: 'forged-reports' })).toMatchObject({ error: 'invalid_client' });
    return refusals()[before];
  }, 'one more refusal in the journal');
  expect(told['reason']).toMatch(/by none of clientAuthorities/);
}

/** The page's commands once more: the same names, other keys. */
async function makeOthers(prefix: string): Promise<void> {
  const other = makeFolder('other-authority');
  const [make = ''] = commands;
  expect((await runProgram('sh', ['-ec', make], { folder: other })).code).toBe(0);
  for (const name of ['reports.pem', 'reports-key.pem', 'apps-ca.pem']) {
    copyFileSync(join(other, name), join(folder, `${prefix}-${name}`));
  }
  removeFolder(other);
}

it('another authority counts after SIGHUP, in the place of the one before', async () => {
  await makeOthers('next');
  const authorities = join(folder, 'apps-ca.pem');
  copyFileSync(authorities, join(folder, 'before-ca.pem'));
  const reload = async () => {
    const before = gate.journal.lines().length;
    process.kill(gate.pid, 'SIGHUP');
    const told = () =>
      gate.journal
        .lines()
        .slice(before)
        .find(({ event }) => /^reload/.test(event));
    return (await until(told, 'the reload in the journal'))?.event;
  };
  copyFileSync(join(folder, 'next-apps-ca.pem'), authorities);
  expect(await reload()).toBe('reloaded');
  expect(await ask('nginx', { shown: 'next-reports' })).toHaveProperty('access_token');
  expect(await ask('nginx')).toMatchObject({ error: 'invalid_client' });
  copyFileSync(join(folder, 'reports.pem'), authorities);
  expect(await reload()).toBe('reloadRefused');
  expect(await ask('nginx', { shown: 'next-reports' })).toHaveProperty('access_token');
  copyFileSync(join(folder, 'before-ca.pem'), authorities);
  expect(await reload()).toBe('reloaded');
  expect(await ask('nginx')).toHaveProperty('access_token');
});

it('what an app has got is ended by hand, and then its certificate still counts', async () => {
  const token = await tokenFrom('haproxy', 'reports');
  const live = await connect('reports');
  expect(await signIn(live, token)).toBe('235');
  const [command = ''] = commands.filter((text) => text.startsWith('npx postern'));
  const postern = `'${process.execPath}' '${MAIN}'`;
  const text = `${command.trim().replace('npx postern', postern)} --config '${gate.folder}/postern.yaml'`;
  const run = await runProgram('sh', ['-ec', text], { folder });
  expect(run.code, run.text).toBe(0);
  expect((await live.readReply())[0]).toMatch(/^421/);
  const again = await connect('reports');
  expect(await signIn(again, token)).toBe('535');
  again.destroy();
  // The second in which it was ended has to be over.
  await until(async () => {
    const next = await tokenFrom('haproxy', 'reports');
    const client = await connect('reports');
    const code = await signIn(client, next);
    client.destroy();
    return code === '235';
  }, 'a new token that is good');
});

it('a header that comes from elsewhere than the proxy is refused', async () => {
  const pem = readFileSync(join(folder, 'reports.pem'), 'utf8');
  const form = ['--data', 'grant_type=client_credentials', '--data', 'client_id=reports'];
  const asked = async (from: string) => {
    const header = `Client-Cert: ${encodeURIComponent(pem)}`;
    const parameters = [
      '--silent',
      '--interface',
      from,
      '--header',
      header,
      ...form,
      `http://127.0.0.1:${gate.issuer.split(':').at(-1)}/token`,
    ];
    return JSON.parse((await runProgram('curl', parameters, { folder })).output);
  };
  expect(await asked('127.0.0.6')).toMatchObject({ error: 'invalid_client' });
  // Who may connect from the proxy's address is the proxy: docs say so.
  expect(await asked(CLIENT)).toHaveProperty('access_token');
});
