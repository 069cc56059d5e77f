// DKIM in a running gateway: signed as the settings say, from one reload to the next; what has no lines passes unsigned.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyDkim } from '../../support/dkim.ts';
import { PRIVATE_KEYS, PUBLIC_KEYS } from '../../support/dkim-keys.ts';
import { POLITE_KEYWORDS } from '../../support/scripted-upstream.ts';
import {
  type Change,
  ENVELOPE,
  expectCode,
  MESSAGE,
  type ReloadSituation,
  say,
  startReloadSituation,
} from './reload-situation.ts';

const signing =
  (folder: string, selector: 'rsa' | 'ed', domain = 'example.org'): Change =>
  (configuration) => {
    const privateKey = join(folder, `${selector}.pem`);
    writeFileSync(privateKey, PRIVATE_KEYS[selector], { mode: 0o600 });
    configuration.dkim = { keys: [{ domain, selector, privateKey }], spoolFolder: 'spool' };
  };

async function send({ open, upstream }: ReloadSituation): Promise<string> {
  const client = await open();
  await say(client, ENVELOPE);
  await client.write(MESSAGE);
  await expectCode(client.command('.'), '250');
  client.destroy();
  return String(upstream.accepted.at(-1)?.text ?? '');
}

/** The last event of its kind. */
const accepted = ({ journal }: ReloadSituation): unknown =>
  journal.map((line) => JSON.parse(line)).findLast(({ event }) => event === 'messageAccepted');

const selectors = (message: string): string[] =>
  [...message.matchAll(/^DKIM-Signature: [\s\S]*?\ss=(\w+);/gm)].map(([, selector]) => selector ?? '');

test('a reload changes who signs; what cannot sign changes nothing', async () => {
  const situation = await startReloadSituation();
  const { folder, reload, given } = situation;
  expect(selectors(await send(situation))).toEqual([]);

  expect(accepted(situation)).not.toHaveProperty('dkim');

  await reload(signing(folder, 'rsa'));
  const first = await send(situation);
  expect(selectors(first)).toEqual(['rsa']);
  expect(verifyDkim(first, PUBLIC_KEYS)).toBe(true);
  expect(accepted(situation)).toHaveProperty('dkim', ['rsa._domainkey.example.org']);

  await reload(signing(folder, 'ed'));
  expect(selectors(await send(situation))).toEqual(['ed']);

  const next = given(signing(folder, 'rsa'));
  // Since it was checked the file has changed.
  writeFileSync(join(folder, 'rsa.pem'), 'no key');
  await expect(situation.gateway.reload(next)).rejects.toMatchObject({
    faults: [{ path: 'dkim.keys[0].privateKey' }],
  });
  expect(selectors(await send(situation))).toEqual(['ed']);

  await reload(signing(folder, 'rsa', 'example.net'));
  expect(selectors(await send(situation))).toEqual([]);
  expect(accepted(situation)).not.toHaveProperty('dkim');
});

test('the journal names every key that a message was signed with', async () => {
  const situation = await startReloadSituation();
  const { folder, reload } = situation;
  await reload(signing(folder, 'rsa'), (configuration) => {
    const [rsa] = configuration.dkim.keys;
    signing(folder, 'ed')(configuration);
    configuration.dkim.keys.unshift(rsa);
  });
  await send(situation);
  expect(accepted(situation)).toHaveProperty('dkim', [
    'rsa._domainkey.example.org',
    'ed._domainkey.example.org',
  ]);
});

test('a body of octets passes unsigned: on its way it may be put into lines', async () => {
  const situation = await startReloadSituation();
  const { folder, upstream, reload, open } = situation;
  upstream.offer([...POLITE_KEYWORDS, 'CHUNKING', 'BINARYMIME']);
  await reload(signing(folder, 'rsa'));
  for (const [body, signers] of [
    ['BINARYMIME', []],
    ['8BITMIME', ['rsa']],
  ] as const) {
    const client = await open();
    await say(client, [`MAIL FROM:<scanner@example.org> BODY=${body}`, 'RCPT TO:<bob@example.net>']);
    await client.write(`BDAT ${MESSAGE.length} LAST\r\n${MESSAGE}`);
    await expectCode(client.readReply(), '250');
    client.destroy();
    expect(selectors(String(upstream.accepted.at(-1)?.text))).toEqual(signers);
  }
});

test('a spool that is gone refuses what is too large for memory, for now, and the journal says why', async () => {
  const situation = await startReloadSituation();
  const { folder, upstream, reload, open, journal } = situation;
  await reload(signing(folder, 'rsa'));
  rmSync(join(folder, 'spool'), { recursive: true });
  writeFileSync(join(folder, 'spool'), '');
  const client = await open();
  await say(client, ENVELOPE);
  await client.write(`${MESSAGE}${'a line\r\n'.repeat(50_000)}`);
  expect(await client.command('.')).toEqual([
    expect.stringMatching(/^451 4\.3\.0 Message cannot be kept for its signature, try again later \[/),
  ]);
  expect(upstream.accepted).toEqual([]);
  const refused = journal.map((line) => JSON.parse(line)).find(({ event }) => event === 'messageRefused');
  expect(refused).toMatchObject({
    code: 'spool-unavailable',
    reason: expect.stringMatching(/no file can be made in .*spool: E/),
  });
  expect(selectors(await send(situation))).toEqual(['rsa']);
});
