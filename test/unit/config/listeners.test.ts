// Listeners: what a preset fills in, who may use which, and which trusted networks are open wider than they look.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { faultsOf, load, settingsOf, type TestFile } from './configuration.ts';

const PEM = new URL('../../refused-config/pem/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, PEM), 'utf8');
const SOUND = readFileSync(new URL('../sound.yaml', PEM), 'utf8');
const FILES: Record<string, TestFile> = {
  '/etc/postern/pem/certificate.pem': { content: read('certificate.pem') },
  '/etc/postern/pem/key.pem': { content: read('key.pem') },
};

/** The sound configuration with other listeners; each in one line, and further lines of `submission`. */
function withListeners(listeners: readonly string[], more: readonly string[] = []) {
  const list = listeners.map((listener) => `    - ${listener}\n`).join('');
  const text = SOUND.replace(/ {4}- listen: 127\.0\.0\.1:587\n {6}tls: starttls\n/, list);
  return load(text.replace('  tls:\n', `${more.map((line) => `  ${line}\n`).join('')}  tls:\n`), {
    files: FILES,
  });
}

const listenersOf = (...listeners: string[]) =>
  settingsOf(withListeners(listeners)).settings.submission.listeners;

const RELAY = '{ preset: relay, listen: "127.0.0.1:2525" }';
const network = (networks: string, name = 'scanners') =>
  `{ name: ${name}, networks: ${networks}, sendAs: ["*@example.org"] }`;
const trusted = (...entries: string[]) =>
  withListeners(['preset: submission', RELAY], [`trustedNetworks: [${entries.join(', ')}]`]);

describe('a preset', () => {
  it.each([
    ['submission', { listen: { host: '::', port: 587 }, tls: 'starttls' }],
    ['submissions', { listen: { host: '::', port: 465 }, tls: 'implicit' }],
  ])('%s fills in the rest', (preset, expected) => {
    expect(listenersOf(`preset: ${preset}`)).toEqual([{ preset, ...expected }]);
  });

  it('relay fills in the rest too, and who may use it', () => {
    const loaded = withListeners(['preset: relay'], [`trustedNetworks: [${network('[192.0.2.1]')}]`]);
    expect(settingsOf(loaded).settings.submission.listeners).toEqual([
      { preset: 'relay', listen: { host: '::', port: 25 }, tls: 'starttls', access: 'trusted-networks' },
    ]);
  });

  it('gives way to whatever stands beside it', () => {
    expect(
      listenersOf(
        '{ preset: submission, listen: "127.0.0.1:2587", mechanisms: [XOAUTH2] }',
        '{ preset: relay, access: login, tls: implicit }',
      ),
    ).toEqual([
      {
        preset: 'submission',
        listen: { host: '127.0.0.1', port: 2587 },
        tls: 'starttls',
        mechanisms: ['XOAUTH2'],
      },
      { preset: 'relay', listen: { host: '::', port: 25 }, tls: 'implicit', access: 'login' },
    ]);
  });

  it('stands beside listeners that say everything themselves', () => {
    const [first, second] = listenersOf('preset: submissions', '{ listen: "[::1]:587", tls: starttls }');
    expect([first?.listen.port, second?.listen.host]).toEqual([465, '::1']);
  });

  it('is not looked for in what every object has', () => {
    for (const name of ['constructor', '__proto__', 'toString']) {
      expect(faultsOf(withListeners([`preset: ${name}`]))).toEqual([
        `submission.listeners[0].preset: expected one of submission, submissions, relay; found "${name}"`,
      ]);
    }
  });

  it('never means that anybody is trusted who is not listed', () => {
    expect(faultsOf(withListeners([RELAY])).join()).toContain('needs submission.trustedNetworks');
  });

  it('lets somebody sign in on a listener that does not say who may use it', () => {
    expect(listenersOf('preset: submission')[0]?.access ?? 'login').toBe('login');
  });
});

describe('trusted networks', () => {
  it('are filled in with limits, and their networks are in one form', () => {
    const { settings } = settingsOf(trusted(network('[10.0.0.0/8, "2001:DB8:0:0::/48", "::1"]')));
    expect(settings.submission.trustedNetworks).toEqual([
      {
        name: 'scanners',
        networks: ['10.0.0.0/8', '2001:db8::/48', '::1/128'],
        sendAs: ['*@example.org'],
        maxConnections: 20,
        maxMessagesPerMinute: 60,
        maxRecipients: 100,
      },
    ]);
  });

  it('may be narrow inside of wider ones that come later, and beside each other', () => {
    const loaded = trusted(
      network('[10.1.0.0/16, 10.0.0.7]', 'scanners'),
      network('[10.0.0.0/8]', 'office'),
      network('[192.168.0.0/24]', 'one'),
      network('[192.168.1.0/24, "fd00::/64"]', 'other'),
    );
    expect(settingsOf(loaded).dangers).toEqual([]);
  });

  it.each([
    ['10.0.0.0/7', false],
    ['0.0.0.0/0', false],
    ['128.0.0.0/1', false],
    ['"::/0"', false],
    ['"2000::/3"', false],
    ['"2001::/19"', false],
    ['10.0.0.0/8', true],
    ['"2001::/20"', true],
  ])('%s: narrow enough is %s', (text, isTaken) => {
    expect('settings' in trusted(network(`[${text}]`))).toBe(isTaken);
  });

  it.each([
    ['203.0.113.0/24', false],
    ['203.0.112.0/23', true],
    ['8.0.0.0/8', true],
    ['"2001:db8::/48"', false],
    ['"2001:db8::/47"', true],
    // What nobody can reach from outside may be large …
    ['127.0.0.0/8', false],
    ['10.0.0.0/8', false],
    ['172.16.0.0/12', false],
    ['192.168.0.0/16', false],
    ['100.64.0.0/10', false],
    ['"fd00::/20"', false],
    ['"fe80::/20"', false],
    // … but not what only begins like it.
    ['172.0.0.0/8', true],
    ['172.16.0.0/11', undefined],
    ['172.32.0.0/12', true],
    ['192.168.0.0/15', true],
    ['192.168.0.0/13', true],
    ['100.0.0.0/9', true],
    ['101.64.0.0/10', true],
    ['"fc::/20"', true],
    ['"fe00::/20"', true],
  ])('%s: reachable from outside is %s', (text, isOpen) => {
    const loaded = trusted(network(`[${text}]`));
    if (isOpen === undefined) return expect(faultsOf(loaded).join()).toContain('bits set beyond its prefix');
    const dangers = settingsOf(loaded).dangers;
    expect(dangers).toHaveLength(isOpen ? 1 : 0);
    if (isOpen)
      expect(dangers[0]).toMatch(/^submission\.trustedNetworks\[0\]\.networks\[0\]: every machine of /);
  });
});

describe('load balancers in front of trusted networks', () => {
  const balanced = (from: string) =>
    withListeners(
      ['preset: submission', `{ preset: relay, listen: ":2525", proxyProtocol: { from: ${from} } }`],
      [`trustedNetworks: [${network('[192.0.2.0/28]')}]`],
    );

  it.each([
    ['[10.0.0.0/24, "fd00::/64", 10.1.2.3]', 0],
    ['[10.0.0.0/23]', 1],
    ['["fd00::/63", 10.0.0.0/8]', 2],
  ])('%s: %s of them are too many machines to be believed', (from, count) => {
    const { dangers } = settingsOf(balanced(from));
    expect(dangers).toHaveLength(count);
    for (const danger of dangers)
      expect(danger).toMatch(/^submission\.listeners\[1\]\.proxyProtocol\.from\[\d\]: every machine of /);
  });

  it('may be of any number where one has to sign in anyway', () => {
    const listener = '{ preset: submission, proxyProtocol: { from: [10.0.0.0/8] } }';
    expect(settingsOf(withListeners([listener])).dangers).toEqual([]);
  });
});
