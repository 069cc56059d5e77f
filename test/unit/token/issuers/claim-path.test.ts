// Claims by the names that operators write: plain, inside others, with dots of their own.

import { describe, expect, it } from 'vitest';
import { claimAt, namesAt, textsAt } from '../../../../src/token/issuers/claim-path.ts';

const CLAIMS = {
  email: 'alice@example.org',
  realm_access: { roles: ['mail', 'staff'] },
  resource_access: { 'mail.example.org': { roles: ['sender'] }, account: { roles: ['view'] } },
  'https://example.org/groups': ['staff'],
  'kubernetes.io': { namespace: 'mail', pod: { name: 'sender-0' } },
  'a.b': { c: 1 },
  a: { 'b.c': 2, b: { d: 3 } },
  'urn:zitadel:iam:org:project:roles': { mail: { '1620': 'example.org' } },
  flags: { admin: true, staff: { since: 2020 } },
  list: [{ roles: ['x'] }],
  protected: 'true',
  verified: true,
  number: 7,
  nothing: null,
};

describe('claimAt', () => {
  it.each<[string, unknown]>([
    ['email', 'alice@example.org'],
    ['realm_access.roles', ['mail', 'staff']],
    ['resource_access.mail.example.org.roles', ['sender']],
    ['resource_access.account.roles', ['view']],
    ['https://example.org/groups', ['staff']],
    ['kubernetes.io.namespace', 'mail'],
    ['kubernetes.io.pod.name', 'sender-0'],
    ['a.b.c', 2],
    ['a.b.d', 3],
    ['a.b', { c: 1 }],
    ['missing', undefined],
    ['realm_access.missing', undefined],
    ['email.domain', undefined],
    ['list.0.roles', undefined],
    ['nothing.at.all', undefined],
    ['', undefined],
    ['.', undefined],
    // Nothing that only its kind of object has.
    ['constructor', undefined],
    ['realm_access.constructor.name', undefined],
    ['__proto__', undefined],
    ['email.length', undefined],
  ])('%s', (path, value) => expect(claimAt(CLAIMS, path)).toEqual(value));

  it('takes a claim of the whole name before one inside another', () => {
    expect(claimAt({ 'a.b': 'whole', a: { b: 'inner' } }, 'a.b')).toBe('whole');
  });
});

it.each<[string, string[], string[]]>([
  ['email', ['alice@example.org'], ['alice@example.org']],
  ['realm_access.roles', ['mail', 'staff'], ['mail', 'staff']],
  ['urn:zitadel:iam:org:project:roles', [], ['mail']],
  // What is no object says nothing of a name: it may as well be false.
  ['flags', [], ['staff']],
  ['protected', ['true'], ['true']],
  ['verified', [], ['true']],
  ['number', [], ['7']],
  ['list', [], []],
  ['nothing', [], []],
  ['missing', [], []],
])('%s holds the texts %j and the names %j', (path, texts, names) => {
  expect(textsAt(CLAIMS, path)).toEqual(texts);
  expect(namesAt(CLAIMS, path)).toEqual(names);
});
