// `postern config check` and `postern config reference`: for people and for programs.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SOUND } from '../config/configuration.ts';
import { run } from './surroundings.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-config-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function check(text: string, ...options: string[]) {
  writeFileSync(join(directory, 'postern.yaml'), text);
  return run(['config', 'check', ...options, 'postern.yaml'], { directory });
}

describe('config check', () => {
  it('calls a sound file sound, and names its dangers', async () => {
    const { exitCode, printed } = await check(SOUND);
    expect(exitCode).toBe(0);
    expect(printed).toMatch(/^postern\.yaml: danger: demo: /);
    expect(printed).toMatch(/\npostern\.yaml: sound\n$/);
  });

  it('names every fault with file and line, and ends with 1', async () => {
    const broken = SOUND.replace('tls: starttls', 'tls: none').replace('sqlite:', 'slqite:');
    const { exitCode, printed, told } = await check(broken);
    expect(exitCode).toBe(1);
    expect(printed.trimEnd().split('\n')).toEqual([
      'postern.yaml:6: submission.listeners[0].tls: expected one of starttls, implicit; found "none"',
      expect.stringMatching(/^postern\.yaml:18: store\.sqlite: is missing/),
      expect.stringMatching(/^postern\.yaml:19: store\.slqite: .*did you mean sqlite\?$/),
    ]);
    expect(told).toBe('3 faults.\n');
  });

  it('tells a program the same as JSON', async () => {
    const sound = await check(SOUND, '--json');
    expect(sound.exitCode).toBe(0);
    expect(JSON.parse(sound.printed)).toMatchObject({
      file: 'postern.yaml',
      sound: true,
      faults: [],
      dangers: [expect.stringContaining('demo')],
    });
    const broken = await check(SOUND.replace('sqlite:', 'slqite:'), '--json');
    expect(broken.exitCode).toBe(1);
    expect(JSON.parse(broken.printed)).toMatchObject({
      sound: false,
      faults: [
        { path: 'store.sqlite', line: 18 },
        { path: 'store.slqite', line: 19 },
      ],
    });
  });

  it('takes the secrets it names from the environment it runs in', async () => {
    const text = SOUND.replace(
      'clientId: postern',
      'clientId: postern\n    clientSecret:\n      env: IDP_SECRET',
    );
    expect((await check(text)).printed).toContain('"IDP_SECRET" is not set');
    writeFileSync(join(directory, 'postern.yaml'), text);
    const args = ['config', 'check', 'postern.yaml'];
    expect((await run(args, { directory, environment: { IDP_SECRET: 'x' } })).exitCode).toBe(0);
  });

  it.each([
    ['there is no file', 'missing.yaml'],
    ['is a folder', '.'],
    ['is not a regular file', '/dev/null'],
  ])('says when %s', async (words, file) => {
    const { exitCode, printed } = await run(['config', 'check', file], { directory });
    expect(exitCode).toBe(1);
    expect(printed).toContain(words);
  });

  it('says when a file is no text', async () => {
    writeFileSync(join(directory, 'postern.yaml'), Buffer.from([0xff, 0xfe, 0x80]));
    const { printed } = await run(['config', 'check', 'postern.yaml'], { directory });
    expect(printed).toContain('is not UTF-8 text');
  });
});

describe('config reference', () => {
  it('prints YAML, tables or a JSON Schema', async () => {
    expect(parse((await run(['config', 'reference'])).printed)).toHaveProperty('submission.hostname');
    expect((await run(['config', 'reference', '--markdown'])).printed).toContain('| `hostname` |');
    const schema = JSON.parse((await run(['config', 'reference', '--json'])).printed);
    expect(schema).toMatchObject({ type: 'object', properties: { submission: { type: 'object' } } });
  });

  it('does not need the folder it is run in', async () => {
    const directory = fileURLToPath(new URL('.', import.meta.url));
    expect((await run(['config', 'reference'], { directory })).exitCode).toBe(0);
  });
});
