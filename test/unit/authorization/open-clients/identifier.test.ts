import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  createIdentifiers,
  looksRegistered,
  type RegisteredClient,
} from '../../../../src/authorization/open-clients/identifier.ts';

const key = (letter: string) => letter.repeat(43);
const identifiers = createIdentifiers([key('A')]);

const CLIENTS: RegisteredClient[] = [
  { name: 'Thunderbird', redirectUris: ['http://127.0.0.1'], grants: ['code'] },
  {
    name: 'Ünïcode Mail 邮件',
    redirectUris: ['http://127.0.0.1/callback', 'http://[::1]/callback', 'org.example.mail:/callback'],
    grants: ['code', 'device'],
  },
  { name: undefined, redirectUris: [], grants: ['device'] },
];

test.each(CLIENTS)('$name comes back as it was registered, from a short identifier', (client) => {
  const identifier = identifiers.issue(client) ?? '';
  expect(identifiers.read(identifier)).toEqual(client);
  expect(identifier).toMatch(/^pc1\.[\w-]+$/);
  expect(identifier.length).toBeLessThan(130);
  expect(looksRegistered(identifier)).toBe(true);
});

test('the same registration has the same identifier, another one another', () => {
  const [one, other] = CLIENTS as [RegisteredClient, RegisteredClient];
  expect(identifiers.issue(one)).toBe(identifiers.issue({ ...one }));
  expect(identifiers.issue(one)).not.toBe(identifiers.issue(other));
  expect(identifiers.issue({ ...one, grants: ['device'] })).not.toBe(identifiers.issue(one));
});

test('what was issued under an older key stays good behind a new one, and no longer', () => {
  const [client] = CLIENTS as [RegisteredClient];
  const old = identifiers.issue(client) ?? '';
  expect(createIdentifiers([key('B'), key('A')]).read(old)).toEqual(client);
  expect(createIdentifiers([key('B')]).read(old)).toBeUndefined();
  expect(createIdentifiers([key('B'), key('A')]).issue(client)).toBe(
    createIdentifiers([key('B')]).issue(client),
  );
});

test('one that would be too long is not issued', () => {
  const noise = () => Array.from({ length: 6 }, () => crypto.randomUUID()).join('');
  const redirectUris = Array.from({ length: 8 }, () => `org.example.mail:/${noise()}`);
  expect(identifiers.issue({ name: 'x', redirectUris, grants: ['code'] })).toBeUndefined();
  // Eight of the usual kind fit.
  const usual = Array.from({ length: 8 }, (_, index) => `org.example.mail.flavour${index}:/oauth2redirect`);
  const issued = identifiers.issue({ name: 'Example Mail', redirectUris: usual, grants: ['code'] }) ?? '';
  expect(identifiers.read(issued)?.redirectUris).toEqual(usual);
});

test('any change of any character is noticed, and so is a piece missing or added', () => {
  const identifier = identifiers.issue(CLIENTS[1] as RegisteredClient) ?? '';
  for (let place = 0; place < identifier.length; place += 1) {
    for (const letter of 'Ab_0') {
      if (identifier[place] === letter) continue;
      const changed = identifier.slice(0, place) + letter + identifier.slice(place + 1);
      expect(identifiers.read(changed), changed).toBeUndefined();
    }
    expect(identifiers.read(identifier.slice(0, place))).toBeUndefined();
  }
  for (const added of ['A', '=', '\n', ' ', '.', '%00']) {
    expect(identifiers.read(identifier + added)).toBeUndefined();
    expect(identifiers.read(added + identifier)).toBeUndefined();
  }
});

test.each([
  '',
  'pc1.',
  'pc1.AAAA',
  'pc2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  'PC1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  `pc1.${'A'.repeat(20_000)}`,
])('%.40s is none', (text) => {
  expect(identifiers.read(text)).toBeUndefined();
});

test('no text that was not issued is taken, and none throws', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 80 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => `pc1.${Buffer.from(bytes).toString('base64url')}`),
  );
  fc.assert(
    fc.property(text, (identifier) => {
      expect(identifiers.read(identifier)).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});

test('whatever is registered comes back, or is not issued', () => {
  const line = (limits: fc.StringConstraints) => fc.string(limits).filter((text) => !text.includes('\n'));
  const client = fc.record({
    name: fc.option(line({ unit: 'grapheme', minLength: 1, maxLength: 60 }), { nil: undefined }),
    redirectUris: fc.array(line({ maxLength: 255 }), { maxLength: 8 }),
    grants: fc.constantFrom<RegisteredClient['grants']>(['code'], ['device'], ['code', 'device']),
  });
  fc.assert(
    fc.property(client, (registered) => {
      const identifier = identifiers.issue(registered);
      if (identifier !== undefined) expect(identifiers.read(identifier)).toEqual(registered);
    }),
    { numRuns: 2000 },
  );
});
