// Reading a configuration: values, defaults, references, and every fault at once with its line.

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { processorTime } from '../../support/processor-time.ts';
import { faultsOf, load, SOUND, settingsOf } from './configuration.ts';

describe('values', () => {
  it('are what the text says, defaults included', () => {
    const { settings } = settingsOf(load(`${SOUND}audit:\n  listen: "[::1]:9090"\n`));
    expect(settings.submission.listeners).toEqual([
      { listen: { host: '127.0.0.1', port: 1587 }, tls: 'starttls' },
    ]);
    expect(settings.audit).toEqual({ level: 'info', listen: { host: '::1', port: 9090 } });
    expect(settings.authorization.accessTokenLifetime).toBe(15 * 60_000);
    expect(settings.token.signingKeys.rotateEvery).toBe(30 * 86_400_000);
    expect(settings.submission.maxMessageBytes).toBe(50 * 1024 * 1024);
  });

  it('count paths from the folder of the file', () => {
    const { settings } = settingsOf(load(SOUND));
    expect(settings.store.sqlite).toBe('/etc/postern/postern.sqlite');
    expect(settings.demo?.folder).toBe('/etc/postern/data');
  });

  it('take a host left out as every address', () => {
    const text = SOUND.replace(/demo:[\s\S]*/, '').replace('127.0.0.1:8080', ':8080');
    const certificate = 'submission.tls';
    expect(faultsOf(load(text)).map((fault) => fault.split(':')[0])).toEqual([certificate]);
    const { settings } = settingsOf(load(`${SOUND}audit:\n  listen: "127.0.0.1:0"\n`));
    expect(settings.audit.listen.port).toBe(0);
  });

  it('may be left empty for a section whose settings all have defaults', () => {
    const { settings } = settingsOf(load(`${SOUND}audit:\n`));
    expect(settings.audit.level).toBe('info');
  });

  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['2m', 120_000],
    ['12h', 43_200_000],
    ['24d', 24 * 86_400_000],
  ])('read the duration %s', (text, milliseconds) => {
    const { settings } = settingsOf(load(SOUND.replace('hostname', `idleTimeout: ${text}\n  hostname`)));
    expect(settings.submission.idleTimeout).toBe(milliseconds);
  });
});

describe('secrets', () => {
  const withSecret = (reference: string): string =>
    SOUND.replace('clientId: postern', `clientId: postern\n    clientSecret: ${reference}`);
  const secretFile = (content: string, mode = 0o600) => ({
    files: { '/etc/postern/secret': { content, mode } },
  });

  it.each([
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['  spaced ', '  spaced '],
  ])('come from a file, without the newline at its end (%j)', (content, expected) => {
    const { settings } = settingsOf(load(withSecret('{file: secret}'), secretFile(content)));
    expect(settings.authorization.identityProvider.clientSecret?.reveal()).toBe(expected);
  });

  it('come from the environment', () => {
    const { settings } = settingsOf(
      load(withSecret('{env: IDP_SECRET}'), { environment: { IDP_SECRET: 'hunter2' } }),
    );
    expect(settings.authorization.identityProvider.clientSecret?.reveal()).toBe('hunter2');
  });

  it('do not show in anything printed', () => {
    const loaded = load(withSecret('{file: secret}'), secretFile('hunter2'));
    expect(JSON.stringify(loaded) + inspect(loaded, { depth: null })).not.toContain('hunter2');
  });

  it.each([
    ['{file: secret}', 'there is no file /etc/postern/secret', {}],
    ['{file: secret}', '/etc/postern/secret is empty', secretFile('\n')],
    ['{file: secret}', 'holds more than one line, or control characters', secretFile('hunter2\nother')],
    ['{env: IDP_SECRET}', 'the environment variable "IDP_SECRET" is not set', {}],
    ['hunter2', 'expected {file: PATH} or {env: NAME}', {}],
    ['{file: a, env: b}', 'expected {file: PATH} or {env: NAME}', {}],
    ['{file: a, hunter2: b}', 'expected {file: PATH} or {env: NAME}', {}],
  ])('refuse %s: %s', (reference, message, more) => {
    const faults = faultsOf(load(withSecret(reference), more));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(/^authorization\.identityProvider\.clientSecret: /);
    expect(faults[0]).toContain(message);
    expect(faults[0]).not.toContain('hunter2');
  });

  it('of the demo may be read by everyone: they are published', () => {
    const { dangers } = settingsOf(load(withSecret('{file: secret}'), secretFile('hunter2', 0o644)));
    expect(dangers.join()).not.toContain('/etc/postern/secret');
  });
});

describe('faults', () => {
  it('are all told at once, each with its path and its line, in the order of the file', () => {
    const text = SOUND.replace('hostname: localhost', 'hostnam: localhost')
      .replace('tls: starttls', 'tls: startls')
      .replace('sqlite: postern.sqlite', 'sqlite: 5');
    const loaded = load(`${text}colour: blue\n`);
    if (!('faults' in loaded)) throw new Error('expected faults');
    expect(loaded.faults.map(({ path, line }) => `${line} ${path}`)).toEqual([
      '2 submission.hostname',
      '3 submission.hostnam',
      '6 submission.listeners[0].tls',
      '19 store.sqlite',
      '24 colour',
    ]);
  });

  it('do not stop at eight', () => {
    const listeners = Array.from({ length: 40 }, () => '    - listen: nowhere\n      tls: starttls\n').join(
      '',
    );
    const text = SOUND.replace(/ {4}- listen: 127.0.0.1:1587\n {6}tls: starttls\n/, listeners);
    expect(faultsOf(load(text))).toHaveLength(40);
  });

  it('of one place do not hide those of another that a check across settings would find', () => {
    const text = SOUND.replace('hostname: localhost', 'hostname: 5').replace(
      '127.0.0.1:8081',
      '127.0.0.1:8080',
    );
    expect(faultsOf(load(text)).map((fault) => fault.split(': ')[0])).toEqual([
      'submission.hostname',
      'demo.identityProvider',
    ]);
  });

  it('never repeat a value where a secret may have been pasted', () => {
    const text = SOUND.replace('tls: none', 'tls: none\n  login: hunter2\n  hunter: hunter2');
    expect(faultsOf(load(text)).join()).not.toContain('hunter2');
  });

  it('keep the text of a stranger on one line', () => {
    const text = SOUND.replace('hostname: localhost', 'hostname: "a\\r\\n\\e[31mb\\u2028c"');
    expect(faultsOf(load(text)).join()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028]/);
  });
});

describe('the text itself', () => {
  it.each([
    ['a list', '- a\n- b\n', 'expected a section with settings under it; found a list'],
    ['nothing', '', 'submission: is missing'],
    ['the same name twice', `${SOUND}store:\n  sqlite: x\n`, 'stands twice'],
    ['a tab as indent', 'submission:\n\thostname: x\n', 'tab'],
    ['a second document', `${SOUND}---\na: 1\n`, 'second document'],
    ['a tag', SOUND.replace('localhost', '!!js/function x'), 'tag'],
    ['broken YAML', 'a: [1, 2', 'not valid YAML'],
    ['nesting without end', `a: ${'['.repeat(20_000)}`, 'nested too deeply'],
    ['more than any honest file', `# ${'x'.repeat(1_000_000)}`, 'larger than'],
  ])('is refused when it is %s', (_name, text, message) => {
    expect(faultsOf(load(text)).join('\n')).toContain(message);
  });

  it('cannot multiply itself by aliases', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const item = level === 0 ? 'x' : `*a${level - 1}`;
      return `a${level}: &a${level} [${Array(9).fill(item).join(',')}]\n`;
    });
    const spent = processorTime(() => expect(faultsOf(load(levels.join(''))).join()).toContain('anchors'));
    expect(spent).toBeLessThan(2000);
  });

  it('cannot reach the prototype of anything', () => {
    expect(faultsOf(load(`${SOUND}__proto__:\n  polluted: true\nconstructor: 1\n`))).toHaveLength(2);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
