// Which keys sign for whom, and what keeps them from it.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Dkim, openDkim } from '../../../src/dkim/dkim.ts';
import type { DkimSettings } from '../../../src/dkim/settings.ts';
import { dkimSettings } from '../../support/dkim-keys.ts';

const HEADER = 'From: a@example.org\r\n';
let removers: (() => void)[] = [];
afterEach(() => {
  for (const remove of removers) remove();
  removers = [];
});

function settings(changes: (made: DkimSettings) => Partial<DkimSettings>): DkimSettings {
  const made = dkimSettings();
  removers.push(made.remove);
  return { ...made.settings, ...changes(made.settings) };
}

function open(given: DkimSettings): Dkim {
  const opened = openDkim(given);
  if ('faults' in opened) throw new Error(JSON.stringify(opened.faults));
  return opened;
}

/** `d=` and `s=` of each signature on a message of the domain. */
async function signersOf(dkim: Dkim, domain: string): Promise<string[]> {
  const signing = dkim.begin(domain);
  if (!signing) return [];
  const fields = await signing.fields(HEADER, 0);
  signing.spool.close();
  return [...fields.matchAll(/d=(\S+);\s+s=(\S+);/g)].map(([, d, s]) => `${d} ${s}`);
}

test.each([
  ['example.org', ['example.org rsa', 'example.org ed']],
  ['EXAMPLE.org', ['example.org rsa', 'example.org ed']],
  ['below.example.org', ['example.org rsa', 'example.org ed']],
  ['a.b.example.org', ['example.org rsa', 'example.org ed']],
  ['sales.example.org', ['sales.example.org rsa']],
  ['x.sales.example.org', ['sales.example.org rsa']],
  ['grüße.example', ['xn--gre-6ka8l.example ed']],
  ['xn--gre-6ka8l.example', ['xn--gre-6ka8l.example ed']],
  ['notexample.org', []],
  ['org', []],
  ['example.org.example.net', []],
  ['[192.0.2.1]', []],
  ['', []],
])('a message of %j is signed for %j', async (domain, signers) => {
  const dkim = open(
    settings(({ keys: [rsa, ed] }) => {
      if (!rsa || !ed) throw new Error('no keys');
      return {
        keys: [rsa, ed, { ...rsa, domain: 'Sales.Example.org' }, { ...ed, domain: 'grüße.example' }],
      };
    }),
  );
  expect(await signersOf(dkim, domain)).toEqual(signers);
});

test('every fault of the settings is told with its place', () => {
  const given = settings(({ keys: [rsa, ed], spoolFolder }) => {
    if (!rsa || !ed) throw new Error('no keys');
    writeFileSync(ed.privateKey, 'no key');
    writeFileSync(spoolFolder, '');
    return { keys: [rsa, ed, { ...ed, privateKey: join(spoolFolder, 'missing') }] };
  });
  const opened = openDkim(given);
  rmSync(given.spoolFolder);
  expect(opened).toEqual({
    faults: [
      {
        path: 'dkim.keys[1].privateKey',
        message: expect.stringContaining('holds no private key in PEM form'),
      },
      { path: 'dkim.keys[2].privateKey', message: expect.stringContaining('cannot be read (ENOTDIR)') },
      {
        path: 'dkim.spoolFolder',
        message: expect.stringContaining('name a folder that Postern may write to'),
      },
    ],
  });
});
