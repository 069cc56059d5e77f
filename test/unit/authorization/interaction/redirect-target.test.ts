import { expect, test } from 'vitest';
import { redirectTarget } from '../../../../src/authorization/interaction/redirect-target.ts';

test.each([
  ['http://127.0.0.1:51234/callback', 'loopback', '127.0.0.1:51234', 'loopback', 'http://127.0.0.1:51234'],
  ['http://localhost:80/', 'loopback', 'localhost', 'loopback', 'http://localhost'],
  // CSP §2.3.1 has no host source for an IPv6 address.
  ['http://[::1]:51234/callback', 'loopback', '[::1]:51234', 'loopback', 'http:'],
  [
    'https://webmail.example.org/callback?x=1',
    'web',
    'webmail.example.org',
    'https://webmail.example.org',
    'https://webmail.example.org',
  ],
  [
    'org.example.mail:/callback',
    'private-scheme',
    'org.example.mail:',
    'org.example.mail:',
    'org.example.mail:',
  ],
])('%s is %s', (uri, kind, name, key, formAction) => {
  expect(redirectTarget(uri)).toEqual({ kind, name, key, formAction });
});

test('a port is part of neither the consent nor of what is remembered, a host is', () => {
  const key = (uri: string) => redirectTarget(uri).key;
  expect(key('http://127.0.0.1:1/a')).toBe(key('http://localhost:2/b'));
  expect(key('https://a.example.org/')).not.toBe(key('https://b.example.org/'));
});
