import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { faultOfPattern, isAllowedBy } from '../../../../src/authorization/open-clients/redirect-pattern.ts';
import {
  type ReadRedirect,
  readRedirectUri,
} from '../../../../src/authorization/open-clients/redirect-uri.ts';

// RFC 8252 §7.1 to §7.3.
test.each([
  ['http://127.0.0.1', 'loopback', 'http://127.0.0.1/'],
  ['http://127.0.0.1/', 'loopback', 'http://127.0.0.1/'],
  ['http://127.0.0.1:8912/oauth?x=1', 'loopback', 'http://127.0.0.1/oauth?x=1'],
  ['http://[::1]:51234/callback', 'loopback', 'http://[::1]/callback'],
  ['http://localhost/callback', 'loopback', 'http://localhost/callback'],
  ['org.example.mail:/callback', 'private-use', 'org.example.mail:/callback'],
  ['org.example.mail://callback', 'private-use', 'org.example.mail://callback'],
  [
    'com.googleusercontent.apps.1-2:/oauth2redirect',
    'private-use',
    'com.googleusercontent.apps.1-2:/oauth2redirect',
  ],
  ['https://app.example.org/callback', 'https', 'https://app.example.org/callback'],
  ['https://app.example.org:8443/callback?x', 'https', 'https://app.example.org:8443/callback?x'],
])('%s is %s', (uri, kind, compared) => {
  expect(readRedirectUri(uri)).toMatchObject({ kind, compared });
});

test.each([
  ['javascript:alert(1)', /characters?|scheme/],
  ['javascript.x:alert(1)', /scheme/],
  ['data:text/html,hello', /scheme/],
  ['vbscript:x', /scheme/],
  ['file:///etc/passwd', /scheme/],
  ['about:blank', /scheme/],
  ['mail:/callback', /scheme/],
  ['urn:ietf:wg:oauth:2.0:oob', /scheme/],
  ['blob:https://evil.example/1', /scheme/],
  ['.example:/x', /absolute/],
  ['org..example:/x', /scheme/],
  ['http://evil.example/callback', /http, which/],
  ['http://127.0.0.2/callback', /http, which/],
  ['http://0.0.0.0/callback', /http, which/],
  ['http://127.1/callback', /http, which/],
  ['http://2130706433/callback', /http, which/],
  ['http://0x7f.0.0.1/callback', /http, which/],
  ['http://localhost.evil.example/', /http, which/],
  ['http://localhost./', /http, which/],
  ['http://LOCALHOST/', /http, which/],
  ['http://[::ffff:127.0.0.1]/', /http, which/],
  ['http://[0:0:0:0:0:0:0:1]/', /http, which/],
  ['http://127.0.0.1:80/', /plain form/],
  ['http://127.0.0.1:99999/', /absolute/],
  ['http://127.0.0.1@evil.example/', /user name/],
  ['http://user@127.0.0.1/', /user name/],
  ['https://user:word@app.example.org/', /user name/],
  ['https://@app.example.org/', /user name/],
  ['org.example.mail://user@host/', /user name/],
  ['http://127.0.0.1/callback#x', /fragment/],
  ['https://app.example.org/#', /fragment/],
  ['https://app.example.org/a/../b', /plain form/],
  ['https://app.example.org/a/%2e%2e/b', /plain form/],
  ['org.example.mail:/a/../b', /plain form/],
  ['https://APP.example.org/', /plain form/],
  ['https://app.example.org\\@evil.example/', /character/],
  ['http://127.0.0.1/\r\nX: y', /character/],
  ['http://127.0.0.1/ x', /character/],
  ['http://127.0.0.1/"><script>', /character/],
  ['https://еxample.org/', /character/],
  ['/callback', /absolute/],
  ['//127.0.0.1/', /absolute/],
  ['', /character/],
  [`https://app.example.org/${'x'.repeat(300)}`, /longer/],
  [7, /text/],
  [null, /text/],
])('%s is none, and it is said why', (uri, why) => {
  const read = readRedirectUri(uri);
  expect('fault' in read && read.fault).toMatch(why);
});

test('whatever is written, what is taken for loopback is, and what is taken for private has a dot', () => {
  const part = fc.oneof(
    fc.constantFrom(
      'http://',
      'https://',
      'http:',
      '127.0.0.1',
      'localhost',
      '[::1]',
      ':80',
      '@',
      '/',
      '\\',
      '..',
      '%2e',
      '#',
      '?',
      'org.example:/',
      'javascript:',
      'evil.example',
      '\t',
      ' ',
    ),
    fc.string({ maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const uri = parts.join('');
      const read = readRedirectUri(uri);
      if ('fault' in read) return;
      const { protocol, hostname } = new URL(uri);
      if (read.kind === 'loopback') expect(['127.0.0.1', '[::1]', 'localhost']).toContain(hostname);
      if (read.kind === 'private-use') expect(protocol).toMatch(/\../);
      if (read.kind === 'https') expect(protocol).toBe('https:');
    }),
    { numRuns: 5000 },
  );
});

describe('patterns', () => {
  const allows = (patterns: string[], uri: string, origin?: string) =>
    isAllowedBy(patterns, readRedirectUri(uri) as ReadRedirect, origin);

  test('words stand for kinds', () => {
    expect(allows(['loopback'], 'http://127.0.0.1:7/x')).toBe(true);
    expect(allows(['loopback'], 'org.example.mail:/x')).toBe(false);
    expect(allows(['private-use'], 'org.example.mail:/x')).toBe(true);
    expect(allows(['loopback', 'private-use'], 'https://app.example.org/x')).toBe(false);
    expect(allows([], 'http://127.0.0.1/')).toBe(false);
  });

  test('same-origin is the document’s own, and nothing where there is no document', () => {
    const uri = 'https://app.example.org/x';
    expect(allows(['same-origin'], uri, 'https://app.example.org')).toBe(true);
    expect(allows(['same-origin'], uri, 'https://app.example.org:8443')).toBe(false);
    expect(allows(['same-origin'], uri)).toBe(false);
    expect(allows(['same-origin'], 'http://127.0.0.1/', 'https://app.example.org')).toBe(false);
  });

  test.each([
    ['https://app.example.org/callback', 'https://app.example.org/callback', true],
    ['https://app.example.org/callback', 'https://app.example.org/callback2', false],
    ['https://app.example.org', 'https://app.example.org/', true],
    ['https://app.example.org/*', 'https://app.example.org/any/thing?x', true],
    ['https://app.example.org/*', 'https://app.example.org.evil.example/', false],
    ['https://app.example.org/*', 'https://app.example.org:8443/', false],
    ['https://app.example.org/*', 'https://evil.example/https://app.example.org/', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51234/callback', true],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51234/other', false],
    ['http://127.0.0.1/*', 'http://localhost:51234/other', false],
    ['org.example.mail:/*', 'org.example.mail:/callback', true],
    ['org.example.mail:/*', 'org.example.mail2:/callback', false],
  ])('%s and %s: %s', (pattern, uri, expected) => {
    expect(faultOfPattern(pattern, false)).toBeUndefined();
    expect(allows([pattern], uri)).toBe(expected);
  });

  test.each([
    ['everything', /neither a word/],
    ['*', /neither a word/],
    ['https://*.example.org/', /at its end only/],
    ['https://*', /absolute|plain form|scheme|before the/],
    ['https://app.example.org*', /a \/ before the \*/],
    ['http://127.0.0.1*', /a \/ before the \*/],
    ['http://evil.example/*', /http, which/],
    ['javascript:*', /scheme/],
    ['same-origin', /neither a word/],
  ])('%s is no pattern for registrations', (pattern, why) => {
    expect(faultOfPattern(pattern, false)).toMatch(why);
  });

  test('same-origin is one for documents', () => {
    expect(faultOfPattern('same-origin', true)).toBeUndefined();
  });
});
