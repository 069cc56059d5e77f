// MAIL FROM … AUTH= (RFC 4954 §5): whom it names, and where it does not.

import { expect, test } from 'vitest';
import { submitterOf } from '../../../../src/relay/announce/announce.ts';
import { readCapabilities } from '../../../../src/relay/connection/capabilities.ts';
import { parametersFor } from '../../../../src/relay/transaction/parameters.ts';
import { originOf, person, SCANNER } from './situation.ts';

const identity = { xclient: 'off', xforward: 'off', mailFromAuth: true } as const;
const offering = (...keywords: string[]) =>
  readCapabilities(['250-x', ...keywords.map((each) => `250-${each}`)].join('\n'), { secure: true });
const WITH_AUTH = offering('AUTH PLAIN', 'SIZE 1000');

test.each([
  ['a person', originOf(person('alice@example.org', 'other@example.org')), 'alice@example.org'],
  ['a server that has not signed in', originOf(SCANNER), undefined],
  ['nobody', { ...originOf(), principal: undefined }, undefined],
  ['a user without an address', originOf(person()), undefined],
  ['an address that AUTH= cannot hold', originOf(person('jörg@example.org')), undefined],
  ['an address with a line in it', originOf(person('a\r\n@example.org')), undefined],
])('of %s', (_, origin, address) => {
  expect(submitterOf(origin, { identity })).toBe(address);
});

test('is nobody where the operator has not asked for it', () => {
  expect(submitterOf(originOf(), { identity: { ...identity, mailFromAuth: false } })).toBeUndefined();
});

test.each([
  [{}, 'e=mc2@example.com', ' AUTH=e+3Dmc2@example.com'],
  [{ SIZE: '5', AUTH: 'mallory@example.org' }, 'alice@example.org', ' SIZE=5 AUTH=alice@example.org'],
  [{ AUTH: '<>' }, 'alice@example.org', ' AUTH=alice@example.org'],
  [{ AUTH: 'mallory@example.org' }, undefined, ' AUTH=<>'],
  [{ SIZE: '5' }, undefined, ' SIZE=5'],
  [{ SIZE: '5' }, 'a x@b', ' SIZE=5 AUTH=a+20x@b'],
])('%j with %s goes on as%s', (parameters, submitter, text) => {
  expect(parametersFor(parameters, WITH_AUTH, { submitter })).toBe(text);
});

test('is not said to an upstream without AUTH', () => {
  expect(parametersFor({}, offering('SIZE'), { submitter: 'alice@example.org' })).toBe('');
  expect(parametersFor({ AUTH: 'x' }, offering('SIZE'), { submitter: 'alice@example.org' })).toBe('');
});
