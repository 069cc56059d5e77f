// What is allowed but should be known: each danger is named with its path, and a sound production set-up has none.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { load, settingsOf, type TestFile } from './configuration.ts';

const PEM = new URL('../../refused-config/pem/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, PEM), 'utf8');
const SOUND = readFileSync(new URL('../sound.yaml', PEM), 'utf8');
const FILES: Record<string, TestFile> = {
  '/etc/postern/pem/certificate.pem': { content: read('certificate.pem') },
  '/etc/postern/pem/key.pem': { content: read('key.pem') },
  '/etc/postern/secret': { content: 'hunter2' },
};

function dangersOf(
  change: (text: string) => string,
  more: Parameters<typeof load>[1] = {},
): readonly string[] {
  return settingsOf(load(change(SOUND), { files: FILES, ...more })).dangers;
}

const PROXY = '  reverseProxy: { from: ';

const trusted = (more: string): string =>
  `token:\n  trustedIssuers:\n    - issuer: https://id.example.org\n      audiences: [mail]\n      ${more}\n`;

const PERSONAL = 'login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0';

const HEAD = 'token:\n  trustedIssuers:\n'.length;
const asked = (name: string, prefixes?: string): string =>
  `token:\n  trustedIssuers:\n    - issuer: https://${name}.example.org\n      audiences: [mail]\n      domains: [${name}.example]\n      verification: introspection\n      introspection: { clientId: postern, clientSecret: { file: secret } }\n${prefixes === undefined ? '' : `      tokenPrefixes: ${prefixes}\n`}`;

describe('dangers', () => {
  it('are none in a sound configuration', () => {
    expect(dangersOf((text) => text)).toEqual([]);
  });

  it.each<[string, string, (text: string) => string]>([
    [
      'mail that goes out in the clear',
      'upstream.tls: mail goes to smtp.example.org unencrypted',
      (text) => text.replace('upstream:', 'upstream:\n  tls: none'),
    ],
    [
      'a name the certificate does not bear',
      'submission.tls.certificate: the certificate is not for post.example.org',
      (text) => text.replace('hostname: mail.', 'hostname: post.'),
    ],
    [
      'cipher suites without forward secrecy',
      'submission.tls.ciphers: lets in AES128-SHA, without forward secrecy or authenticated encryption',
      (text) => text.replace('key: pem/key.pem', "key: pem/key.pem\n    ciphers: 'ECDHE+AESGCM:AES128-SHA'"),
    ],
    [
      'keys that can be broken',
      'submission.tls.ciphers: @SECLEVEL below 2',
      (text) => text.replace('key: pem/key.pem', "key: pem/key.pem\n    ciphers: 'ECDHE+AESGCM:@SECLEVEL=1'"),
    ],
    [
      'a certificate that nobody will see',
      'submission.tls.certificates[0].certificate: every name of the certificate stands in one before it',
      (text) =>
        text.replace(
          'key: pem/key.pem',
          'key: pem/key.pem\n    certificates:\n      - certificate: pem/certificate.pem\n        key: pem/key.pem',
        ),
    ],
    [
      'addresses nobody verified',
      'authorization.identityProvider.identity.requireVerified: is off',
      (text) =>
        text.replace('clientId: postern', 'clientId: postern\n    identity:\n      requireVerified: false'),
    ],
    [
      'addresses a trusted issuer did not verify',
      'token.trustedIssuers[0].identity.requireVerified: is off',
      (text) => text.replace('token:\n', trusted('identity: { requireVerified: false }')),
    ],
    [
      'tokens for any purpose',
      'token.trustedIssuers[0].scopes: is empty',
      (text) => text.replace('token:\n', trusted('scopes: []')),
    ],
    [
      'a name that people choose themselves',
      'token.trustedIssuers[0].identity.addresses: takes preferred_username, a name for show',
      (text) => text.replace('token:\n', trusted('identity: { addresses: [mail, preferred_username] }')),
    ],
    [
      'a name that people choose themselves, at sign-in',
      'authorization.identityProvider.identity.addresses: takes unique_name, a name for show',
      (text) =>
        text.replace('clientId: postern', 'clientId: postern\n    identity: { addresses: [unique_name] }'),
    ],
    [
      'an issuer where everybody may have an account',
      'token.trustedIssuers[0].domains: is missing: everybody in the world',
      (text) =>
        text.replace(
          'token:\n',
          'token:\n  trustedIssuers:\n    - { preset: google, audiences: [mail], introspection: {} }\n',
        ),
    ],
    [
      'a sign-in where everybody may have an account',
      'authorization.identityProvider.domains: is missing: everybody in the world',
      (text) => text.replace('issuer: https://id.example.org', 'issuer: https://accounts.google.com'),
    ],
    [
      'the tenant of personal accounts',
      'token.trustedIssuers[0].domains: is missing: everybody in the world',
      (text) =>
        text.replace('token:\n', trusted('').replace('id.example.org', PERSONAL).replace(/ +\n$/, '')),
    ],
    [
      'an issuer that may speak for another’s people',
      'token.trustedIssuers[0].domains: is missing: this issuer is believed about every address, also of the people who sign in at https://id.example.org',
      (text) => text.replace('token:\n', trusted('').replace('id.example.org', 'partner.example.net')),
    ],
    [
      'opaque tokens that are shown to more than one issuer',
      'token.trustedIssuers[1].tokenPrefixes: "ab" fits there too: opaque tokens are shown to token.trustedIssuers[0] first',
      (text) => text.replace('token:\n', `${asked('one', '[abc, x]')}${asked('two', '[y, ab]').slice(HEAD)}`),
    ],
    [
      'opaque tokens that another issuer is asked about anyway',
      'token.trustedIssuers[1].tokenPrefixes: "abc" fits there too: opaque tokens are shown to token.trustedIssuers[0] first',
      (text) => text.replace('token:\n', `${asked('one')}${asked('two', '[abc]').slice(HEAD)}`),
    ],
    [
      'opaque tokens of an issuer without a sign',
      'token.trustedIssuers[1].tokenPrefixes: is missing: opaque tokens are shown to token.trustedIssuers[0] first',
      (text) => text.replace('token:\n', `${asked('one', '[abc]')}${asked('two').slice(HEAD)}`),
    ],
    [
      'http with the identity provider',
      'authorization.identityProvider.allowInsecureHttp: http without TLS',
      (text) =>
        text
          .replace('https://id.example.org', 'http://localhost:8081')
          .replace('clientId: postern', 'clientId: postern\n    allowInsecureHttp: true'),
    ],
    [
      'a network that may name any address and client certificate',
      'authorization.reverseProxy.from[0]: every machine of 10.0.0.0/8 may say',
      (text) => text.replace('listen: 127.0.0.1:8080', `listen: 127.0.0.1:8080\n${PROXY}[10.0.0.0/8] }`),
    ],
    [
      'long-lived tokens',
      'authorization.accessTokenLifetime: ',
      (text) => text.replace('listen: 127.0.0.1:8080', 'listen: 127.0.0.1:8080\n  accessTokenLifetime: 4h'),
    ],
    [
      'the demo',
      'demo: starts an identity provider whose passwords are published',
      (text) => `${text}demo:\n  identityProvider: 127.0.0.1:8081\n  inbox: 127.0.0.1:1025\n  folder: data\n`,
    ],
  ])('name %s', (_name, expected, change) => {
    const dangers = dangersOf(change);
    expect(dangers).toHaveLength(1);
    expect(dangers[0]).toContain(expected);
  });

  it('are none where the domains of such an issuer are named', () => {
    const google = '- { preset: google, audiences: [mail], domains: [example.org], introspection: {} }';
    expect(
      dangersOf((text) => text.replace('token:\n', `token:\n  trustedIssuers:\n    ${google}\n`)),
    ).toEqual([]);
  });

  it('name a client certificate that has expired', () => {
    const client = '{ clientId: app, certificates: [pem/certificate.pem], sendAs: [app@example.org] }';
    const change = (text: string) =>
      text.replace(
        'listen: 127.0.0.1:8080',
        `listen: 127.0.0.1:8080\n${PROXY}['::1'], clientCertificateHeader: Client-Cert }\n  clients: [${client}]`,
      );
    expect(dangersOf(change, { now: Date.parse('2120-01-02T00:00:00Z') }).join('\n')).toContain(
      'authorization.clients[0].certificates[0]: the certificate expired on 2120-01-01; the client is refused with it',
    );
    expect(dangersOf(change)).toEqual([]);
  });

  it.each([
    ['expired', '2120-01-02', 'an authority expired on 2120-01-01; whom it vouches for is refused'],
    ['about to expire', '2119-12-25', 'an authority expires on 2120-01-01'],
    ['not yet valid', '2019-12-31', 'an authority is not valid before 2020-01-01'],
  ])('name an authority of apps that is %s', (_name, day, expected) => {
    const client =
      '{ clientId: app, certificateSubject: { dns: app.example.org }, sendAs: [app@example.org] }';
    const change = (text: string) =>
      text.replace(
        'listen: 127.0.0.1:8080',
        `listen: 127.0.0.1:8080\n${PROXY}['::1'], clientCertificateHeader: Client-Cert }\n  clientAuthorities: pem/authority.pem\n  clients: [${client}]`,
      );
    const files = { ...FILES, '/etc/postern/pem/authority.pem': { content: read('authority.pem') } };
    expect(dangersOf(change, { files, now: Date.parse(`${day}T00:00:00Z`) })).toContain(
      `authorization.clientAuthorities: ${expected}`,
    );
    expect(dangersOf(change, { files })).toEqual([]);
  });

  it.each([
    ['expired', Date.parse('2120-01-02T00:00:00Z'), 'expired on 2120-01-01'],
    ['about to expire', Date.parse('2119-12-25T00:00:00Z'), 'expires on 2120-01-01'],
    ['not yet valid', Date.parse('2019-12-31T00:00:00Z'), 'not valid before 2020-01-01'],
  ])('name a certificate that is %s', (_name, now, expected) => {
    expect(dangersOf((text) => text, { now }).join()).toContain(expected);
  });

  it('name a private key that everyone may read', () => {
    const key = '/etc/postern/pem/key.pem';
    const files = { ...FILES, [key]: { content: read('key.pem'), mode: 0o644 } };
    expect(dangersOf((text) => text, { files }).join()).toContain(`may read the private key ${key}`);
    const group = { ...FILES, [key]: { content: read('key.pem'), mode: 0o640 } };
    expect(dangersOf((text) => text, { files: group })).toEqual([]);
  });

  it('name a secret file that everyone may read', () => {
    const change = (text: string): string =>
      text.replace('clientId: postern', 'clientId: postern\n    clientSecret: { file: secret }');
    const files = (mode: number) => ({
      files: { ...FILES, '/etc/postern/secret': { content: 'secret', mode } },
    });
    expect(dangersOf(change, files(0o644)).join()).toContain(
      'everyone on this machine may read /etc/postern/secret',
    );
    expect(dangersOf(change, files(0o640))).toEqual([]);
  });
});
