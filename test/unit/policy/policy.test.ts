// Who may send as whom.

import { describe, expect, test } from 'vitest';
import { checkHeader, checkMailFrom, checkUserName } from '../../../src/policy/policy.ts';
import { alice, judge } from './principals.ts';

const app = alice({ subject: 'demo-app', clientId: 'demo-app', addresses: ['app@example.org'] });

describe('checkUserName', () => {
  test.each([
    ['none', undefined],
    ['the first address', 'alice@example.org'],
    ['another address of hers', 'sales@example.org'],
    ['an address in another case', 'Alice@Example.ORG'],
    ['the subject', 'p-7Qx2'],
  ])('agrees: %s', (_what, userName) => {
    expect(checkUserName(alice(), userName)).toBeUndefined();
  });

  test.each([
    ['somebody else', 'bob@example.org'],
    ['the local part', 'alice'],
    ['a plus address', 'alice+x@example.org'],
    ['the subject in another case', 'P-7qX2'],
    ['the program that fetched the token', 'postern-cli'],
    ['an empty name', ''],
    ['an address with a look-alike letter', 'al\u0131ce@example.org'],
  ])('disagrees: %s', (_what, userName) => {
    expect(checkUserName(alice(), userName)).toMatchObject({ code: 'user-mismatch' });
  });

  test('an app signs in under its client identifier or its address', () => {
    expect(checkUserName(app, 'demo-app')).toBeUndefined();
    expect(checkUserName(app, 'app@example.org')).toBeUndefined();
    expect(checkUserName(app, 'other-app')).toMatchObject({ code: 'user-mismatch' });
  });

  test('never repeats the name: people type passwords there', () => {
    expect(JSON.stringify(checkUserName(alice(), 'hunter2'))).not.toContain('hunter2');
  });
});

describe('checkMailFrom', () => {
  test.each(['alice@example.org', 'SALES@example.org', 'alice@EXAMPLE.org', ''])('allows %j', (mailFrom) => {
    expect(checkMailFrom(alice(), mailFrom)).toBeUndefined();
  });

  test.each([
    'bob@example.org',
    'alice+x@example.org',
    'alice@sub.example.org',
    'alice@example.org.',
    'alice',
    ' ',
    '@example.org:alice@example.org',
    // The Kelvin sign is a k to String.prototype.toLowerCase.
    '\u212aate@example.org',
  ])('refuses %j', (mailFrom) => {
    expect(
      checkMailFrom(alice({ addresses: ['alice@example.org', 'kate@example.org'] }), mailFrom),
    ).toMatchObject({
      code: 'sender-not-owned',
    });
  });

  test('tells the operator which address, on one printable line', () => {
    const refusal = checkMailFrom(alice(), `bob\r\n\u202e@${'x'.repeat(400)}`);
    expect(refusal?.reason).toMatch(/^[\x20-\x7e]{1,400}$/);
    expect(refusal?.reason).toContain('bob');
  });
});

describe('checkHeader', () => {
  test.each([
    ['her address', 'From: Alice <alice@example.org>'],
    ['both of her addresses', 'From: alice@example.org, sales@example.org'],
    ['her other address as Sender', 'From: alice@example.org\r\nSender: sales@example.org'],
    ['a resending under her name', 'From: alice@example.org\r\nResent-From: sales@example.org'],
    ['a reply address of somebody else', 'From: alice@example.org\r\nReply-To: bob@example.com'],
    ['quotes that change nothing', 'From: "alice"@example.org'],
    // A display name may say anything: that is content, as the subject is.
    ['a name that is an address', 'From: "bob@example.com" <alice@example.org>'],
  ])('accepts %s', (_what, header) => {
    expect(judge(header)).toBe('accepted');
  });

  test.each([
    ['somebody else', 'From: bob@example.org', 'header-from-not-owned'],
    ['a plus address', 'From: alice+x@example.org', 'header-from-not-owned'],
    ['one of two that is not hers', 'From: alice@example.org, bob@example.org', 'header-from-not-owned'],
    [
      'the first of two that is not hers',
      'From: bob@example.org, alice@example.org',
      'header-from-not-owned',
    ],
    [
      'a Sender that is not hers',
      'From: alice@example.org\r\nSender: bob@example.org',
      'header-sender-not-owned',
    ],
    [
      'a Resent-From that is not hers',
      'From: alice@example.org\r\nResent-From: bob@example.org',
      'header-sender-not-owned',
    ],
    [
      'a Resent-Sender that is not hers, before one that is',
      'From: alice@example.org\r\nResent-Sender: bob@example.org\r\nResent-Sender: alice@example.org',
      'header-sender-not-owned',
    ],
    [
      "somebody else's message resent",
      'From: bob@example.org\r\nResent-From: alice@example.org',
      'header-from-not-owned',
    ],
    ['no From', 'Subject: x', 'header-from-missing'],
    ['an empty header', '', 'header-from-missing'],
  ])('refuses %s', (_what, header, code) => {
    expect(judge(header)).toBe(code);
  });

  test('an app sends as its own addresses only', () => {
    expect(judge('From: App <app@example.org>', app)).toBe('accepted');
    expect(judge('From: alice@example.org', app)).toBe('header-from-not-owned');
  });

  test('compares international domains in either form', () => {
    const inge = alice({ addresses: ['inge@bücher.example'] });
    expect(judge('From: inge@xn--bcher-kva.example', inge)).toBe('accepted');
    expect(judge('From: Inge <inge@BÜCHER.example>', inge)).toBe('accepted');
    expect(judge('From: inge@bucher.example', inge)).toBe('header-from-not-owned');
  });

  test('tells the operator which address in which field', () => {
    const fields = [
      { name: 'From', value: ' alice@example.org' },
      { name: 'Sender', value: ' bob@example.org' },
    ];
    expect(checkHeader(alice(), fields)?.reason).toMatch(/sender.*bob@example\.org.*alice@example\.org/);
  });
});

describe('a server that may send as a whole domain', () => {
  const server = alice({
    subject: 'scanners',
    addresses: ['fax@print.example.org'],
    domains: ['example.org', 'bücher.example'],
  });

  test.each([
    'anybody@example.org',
    'Any.Body+x@EXAMPLE.org',
    '"any..body"@example.org',
    'fax@print.example.org',
    'a@xn--bcher-kva.example',
    '',
  ])('allows %j', (mailFrom) => {
    expect(checkMailFrom(server, mailFrom)).toBeUndefined();
  });

  test.each([
    'other@print.example.org',
    'a@mail.example.org',
    'a@badexample.org',
    'a@example.org.evil.example',
    '"a@example.org"@evil.example',
    'a%example.org@evil.example',
    'evil.example!a',
    'a@evil.example@example.org',
    '@evil.example:a@example.org',
    'a@ex\u0430mple.org',
    '*@evil.example',
    '@example.org',
    'example.org',
  ])('refuses %j', (mailFrom) => {
    expect(checkMailFrom(server, mailFrom)).toMatchObject({ code: 'sender-not-owned' });
  });

  test.each([
    ['anybody of it', 'From: Any Body <anybody@example.org>', 'accepted'],
    ['two of it', 'From: a@example.org, b@example.org\r\nSender: c@example.org', 'accepted'],
    ['a sub-domain', 'From: a@mail.example.org', 'header-from-not-owned'],
    ['one of it and a foreign one', 'From: a@example.org, b@evil.example', 'header-from-not-owned'],
    ['a foreign Sender', 'From: a@example.org\r\nSender: b@evil.example', 'header-sender-not-owned'],
    ['a foreign resender', 'From: a@example.org\r\nResent-From: b@evil.example', 'header-sender-not-owned'],
  ])('From: %s', (_what, header, verdict) => {
    expect(judge(header, server)).toBe(verdict);
  });

  test('nobody else has a domain by owning an address of it', () => {
    expect(checkMailFrom(alice(), 'bob@example.org')).toMatchObject({ code: 'sender-not-owned' });
    expect(checkMailFrom(alice({ addresses: ['*@example.org'] }), 'bob@example.org')).toMatchObject({
      code: 'sender-not-owned',
    });
  });
});
