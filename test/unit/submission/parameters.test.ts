// ESMTP parameters: what each value may be, and with which code one is refused that the upstream cannot serve.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { EsmtpParameters } from '../../../src/envelope.ts';
import { readCapabilities } from '../../../src/relay/connection/capabilities.ts';
import { parametersFor } from '../../../src/relay/transaction/parameters.ts';
import { checkMailParameters, checkRecipientParameters } from '../../../src/submission/parameters.ts';
import { REPLIES } from '../../../src/submission/replies.ts';

const EVERYTHING = 'SIZE 1000,8BITMIME,SMTPUTF8,DSN,CHUNKING,BINARYMIME,REQUIRETLS,AUTH PLAIN'.split(',');

function capabilities(keywords: readonly string[], secure = true) {
  const lines = ['upstream.example', ...keywords];
  return readCapabilities(lines.map((line) => `250-${line}`).join('\r\n'), { secure });
}

const mail = (parameters: EsmtpParameters, given = {}) =>
  checkMailParameters({ address: 'alice@example.org', parameters }, { limit: 1000, secure: true, ...given });
const recipient = (parameters: EsmtpParameters) =>
  checkRecipientParameters({ address: 'bob@example.net', parameters }, true);

describe('taken from the client', () => {
  test.each<EsmtpParameters>([
    { BODY: '7bit' },
    { BODY: '8BitMime' },
    { BODY: 'BINARYMIME' },
    { SMTPUTF8: true },
    { REQUIRETLS: true },
    { SIZE: '1000' },
    { SIZE: '00000000000000000100' },
    { RET: 'full' },
    { ENVID: 'QQ314159' },
    // As Thunderbird sends it: an identifier, unescaped.
    { ENVID: '<a=b@client.example>' },
    { ENVID: `${'a'.repeat(97)}+2B` },
    { AUTH: '<>' },
    { AUTH: 'e+3Dmc2@example.com' },
  ])('with MAIL: %j', (parameters) => {
    expect(mail(parameters)).toBeUndefined();
  });

  test.each<EsmtpParameters>([
    { NOTIFY: 'never' },
    { NOTIFY: 'SUCCESS,DELAY,FAILURE' },
    { ORCPT: 'rfc822;Bob+2Btag@example.net' },
    { ORCPT: 'X400;/c=us/' },
    { ORCPT: 'utf-8;böb@example.net' },
    { ORCPT: 'utf-8;b\\x{F6}b@example.net' },
    { ORCPT: `rfc822;${'a'.repeat(493)}` },
  ])('with RCPT: %j', (parameters) => {
    expect(recipient(parameters)).toBeUndefined();
  });
});

describe('refused with 501', () => {
  test.each<EsmtpParameters>([
    { BODY: '8BIT' },
    { BODY: true },
    { SMTPUTF8: 'yes' },
    { REQUIRETLS: 'yes' },
    { SIZE: '123456789012345678901' },
    { RET: 'BOTH' },
    { ENVID: 'a'.repeat(101) },
    { ENVID: 'a+b' },
    { ENVID: 'a+2b' },
    { ENVID: 'a+0A' },
    { ENVID: 'ä' },
    { AUTH: 'a+' },
    { AUTH: `${'a'.repeat(501)}` },
  ])('with MAIL: %j', (parameters) => {
    expect(mail(parameters)).toMatchObject({ code: 'parameter-syntax' });
  });

  test.each<EsmtpParameters>([
    { NOTIFY: 'NEVER,FAILURE' },
    { NOTIFY: 'FAILURE,' },
    { NOTIFY: true },
    { ORCPT: 'bob@example.net' },
    { ORCPT: 'rfc822;' },
    { ORCPT: ';bob@example.net' },
    { ORCPT: 'rfc822;böb@example.net' },
    { ORCPT: 'rfc822;b+ob@example.net' },
    { ORCPT: 'utf-8;b+ob@example.net' },
    { ORCPT: `rfc822;${'a'.repeat(494)}` },
    { ORCPT: `utf-8;${'ä'.repeat(250)}` },
  ])('with RCPT: %j', (parameters) => {
    expect(recipient(parameters)).toMatchObject({ code: 'parameter-syntax' });
  });
});

/** A name that every object has. */
const OF_OBJECTS: EsmtpParameters = Object.fromEntries([['constructor', true as const]]);

describe('refused with 555', () => {
  test.each<EsmtpParameters>([{ NOTIFY: 'NEVER' }, { FUTURE: '1' }, { ...OF_OBJECTS }])(
    'with MAIL: %j',
    (given) => {
      expect(mail(given)).toMatchObject({ code: 'parameter-unknown' });
    },
  );
  test.each<EsmtpParameters>([{ SIZE: '1' }, { BODY: '7BIT' }, { REQUIRETLS: true }])(
    'with RCPT: %j',
    (given) => {
      expect(recipient(given)).toMatchObject({ code: 'parameter-unknown' });
    },
  );
});

test('REQUIRETLS is not taken in clear text', () => {
  expect(mail({ REQUIRETLS: true }, { secure: false })).toMatchObject({ code: 'require-tls-unavailable' });
});

/** What becomes of each parameter at an upstream without its extension: the code, or the text that goes on. */
const LACKING: [parameters: EsmtpParameters, keyword: string, reply: string][] = [
  [{ BODY: '8BITMIME' }, '8BITMIME', '554 5.6.3'],
  [{ BODY: 'BINARYMIME' }, 'BINARYMIME', '554 5.6.3'],
  [{ BODY: 'BINARYMIME' }, 'CHUNKING', '554 5.6.3'],
  [{ SMTPUTF8: true }, 'SMTPUTF8', '550 5.6.7'],
  [{ SMTPUTF8: true }, '8BITMIME', '550 5.6.7'],
  [{ REQUIRETLS: true }, 'REQUIRETLS', '550 5.7.30'],
  [{ RET: 'FULL' }, 'DSN', '555 5.5.4'],
  [{ ENVID: 'x' }, 'DSN', '555 5.5.4'],
  [{ NOTIFY: 'NEVER' }, 'DSN', '555 5.5.4'],
  [{ ORCPT: 'rfc822;x' }, 'DSN', '555 5.5.4'],
  [{ BODY: '7bit' }, '8BITMIME', ''],
  [{ SIZE: '1' }, 'SIZE', ''],
  [{ AUTH: 'x' }, 'AUTH', ''],
];

describe('at an upstream', () => {
  test.each(LACKING)('%j without %s: %s', (parameters, keyword, reply) => {
    const outcome = parametersFor(
      parameters,
      capabilities(EVERYTHING.filter((each) => !each.startsWith(keyword))),
    );
    if (typeof outcome === 'string') return expect(outcome).toBe(reply);
    const [code, detail] = REPLIES[outcome.code];
    expect(`${code} ${Math.floor(code / 100)}.${detail}`).toBe(reply);
  });

  test.each(LACKING)('%j where it offers everything goes on', (parameters) => {
    const [[name, value]] = Object.entries(parameters) as [[string, string | true]];
    const text = name === 'AUTH' ? 'AUTH=<>' : value === true ? name : `${name}=${value}`;
    expect(parametersFor(parameters, capabilities(EVERYTHING))).toBe(` ${text}`);
  });

  test('REQUIRETLS that was offered in clear text is not there', () => {
    expect(parametersFor({ REQUIRETLS: true }, capabilities(EVERYTHING, false))).toMatchObject({
      code: 'require-tls-unavailable',
    });
  });
});

test('the documentation has the same table', () => {
  const page = readFileSync(new URL('../../../docs/flow.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  for (const [parameters, , reply] of LACKING) {
    const [[name, value]] = Object.entries(parameters) as [[string, string | true]];
    const written = name === 'BODY' ? `BODY=${String(value).toUpperCase()}` : name;
    const row = rows.find((line) => new RegExp(`\`${written}=?\``).test(line.split('|')[1] ?? ''));
    expect(row?.split('|')[3], written).toContain(reply === '' ? 'left out' : reply);
  }
});
