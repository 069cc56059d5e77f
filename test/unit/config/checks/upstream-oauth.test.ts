// What each grant of `upstream.oauth` needs and must not have; every fault says where, and what to do.

import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CheckInput } from '../../../../src/config/checks/check.ts';
import { checkUpstreamOAuth } from '../../../../src/config/checks/upstream-oauth.ts';
import { spellPlace } from '../../../../src/config/fault.ts';
import type { UpstreamOAuthSettings } from '../../../../src/relying-party/upstream/settings.ts';
import { Secret } from '../../../../src/setting.ts';
import { type Issued, makeAuthority } from '../../../support/certificate-maker.ts';

const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = KEYS.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const WEAK = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
const weakPem = WEAK.export({ type: 'pkcs8', format: 'pem' }) as string;
const GOOGLE = {
  type: 'service_account',
  client_email: 'p@example.iam.gserviceaccount.com',
  private_key: PEM,
};
const account = (more: object = {}) => new Secret(JSON.stringify({ ...GOOGLE, ...more }));
let issued: Issued;

beforeAll(async () => {
  issued = await (await makeAuthority()).issue({ names: [], commonName: 'postern', kind: 'rsa' });
});

type Given = Partial<UpstreamOAuthSettings>;
interface TestFile {
  readonly content: string;
  readonly mode?: number;
}

function judge(given: Given, files: Readonly<Record<string, TestFile>> = {}) {
  const found: { faults: string[]; dangers: string[] } = { faults: [], dangers: [] };
  const input: Pick<CheckInput, 'findings' | 'readFile'> = {
    findings: {
      fault: (place, message) => found.faults.push(`${spellPlace(place)}: ${message}`),
      danger: (place, message) => found.dangers.push(`${spellPlace(place)}: ${message}`),
    },
    readFile: (path) => ({
      content: Buffer.from(files[path]?.content ?? ''),
      mode: files[path]?.mode ?? 0o600,
    }),
  };
  const oauth = { mailbox: 'sender', scopes: [], timeout: 10_000, ...given } as UpstreamOAuthSettings;
  checkUpstreamOAuth(input as CheckInput, ['upstreams', 0, 'oauth'], oauth);
  return found;
}

const secret = new Secret('the-secret-of-the-client');
const tokenEndpoint = 'https://id.example.org/token';
const app = { clientId: 'postern', clientSecret: secret, tokenEndpoint } as const;
const refreshFile = { '/token': { content: 'the-refresh-token\n' } };

describe('a sound section', () => {
  const SOUND: [string, Given][] = [
    ['client-credentials with a secret', { grant: 'client-credentials', ...app }],
    [
      'client-credentials at an issuer',
      { grant: 'client-credentials', clientId: 'p', clientSecret: secret, issuer: 'https://id.example.org' },
    ],
    [
      'client-credentials at a loopback endpoint',
      { grant: 'client-credentials', ...app, tokenEndpoint: 'http://127.0.0.1:8081/token' },
    ],
    [
      'client-credentials of a tenant',
      {
        grant: 'client-credentials',
        clientId: 'p',
        clientSecret: secret,
        tenant: 'example.org',
        scopes: ['https://outlook.office365.com/.default'],
      },
    ],
    [
      'client-credentials with a key',
      { grant: 'client-credentials', clientId: 'p', tokenEndpoint, clientKey: new Secret(PEM), keyId: 'k' },
    ],
    [
      'jwt-bearer at Google',
      {
        grant: 'jwt-bearer',
        serviceAccount: account(),
        scopes: ['https://mail.google.com/'],
        tokenEndpoint: 'https://oauth2.googleapis.com/token',
      },
    ],
    [
      'jwt-bearer elsewhere',
      { grant: 'jwt-bearer', clientId: 'p', clientKey: new Secret(PEM), tokenEndpoint },
    ],
    ['refresh-token', { grant: 'refresh-token', ...app, refreshTokenFile: '/token' }],
    [
      'refresh-token of a public client',
      { grant: 'refresh-token', clientId: 'p', tenant: 'common', refreshTokenFile: '/token' },
    ],
    ['token-exchange', { grant: 'token-exchange', ...app, audience: 'https://smtp.example.org' }],
    [
      'on-behalf-of',
      { grant: 'on-behalf-of', clientId: 'p', clientSecret: secret, tenant: 'example.org', scopes: ['s'] },
    ],
    ['pass-through', { grant: 'pass-through' }],
    ['pass-through in a preset that names more', { grant: 'pass-through', tokenEndpoint, scopes: ['s'] }],
    ['a mailbox for all', { grant: 'client-credentials', ...app, mailbox: 'scanner@example.org' }],
  ];

  it.each(SOUND)('%s', (_, given) => {
    expect(judge(given, refreshFile)).toEqual({ faults: [], dangers: [] });
  });

  it('with a certificate of the key', () => {
    const given: Given = {
      grant: 'client-credentials',
      clientId: 'p',
      tokenEndpoint,
      clientKey: new Secret(issued.key),
      clientCertificate: '/c',
    };
    expect(judge(given, { '/c': { content: issued.certificate } }).faults).toEqual([]);
  });
});

describe('a fault', () => {
  const FAULTS: [string, Given, string][] = [
    [
      'no endpoint',
      { grant: 'client-credentials', clientId: 'p', clientSecret: secret },
      'tokenEndpoint: is missing; give it, or `issuer`, or for Microsoft 365 `tenant`',
    ],
    [
      'two endpoints',
      { grant: 'client-credentials', ...app, issuer: 'https://id.example.org' },
      'tokenEndpoint: says the same as `issuer` beside it; keep one of the two',
    ],
    [
      'an endpoint in plain http',
      { grant: 'client-credentials', ...app, tokenEndpoint: 'http://id.example.org/token' },
      'tokenEndpoint: must be https; http is accepted only for localhost, because secrets and tokens pass there',
    ],
    [
      'an endpoint that is no URL',
      { grant: 'client-credentials', ...app, tokenEndpoint: 'id.example.org' },
      'tokenEndpoint: expected a URL that begins with https://',
    ],
    [
      'an endpoint with a password',
      { grant: 'client-credentials', ...app, tokenEndpoint: 'https://a:b@id.example.org/' },
      'tokenEndpoint: holds a user name or password; they belong into clientId and clientSecret',
    ],
    [
      'an issuer with a query',
      {
        grant: 'client-credentials',
        clientId: 'p',
        clientSecret: secret,
        issuer: 'https://id.example.org/?a',
      },
      'issuer: an issuer has no query (?) and no fragment (#)',
    ],
    [
      'a tenant that is many',
      { grant: 'client-credentials', clientId: 'p', clientSecret: secret, tenant: 'common', scopes: ['s'] },
      'tenant: "common" stands for many tenants; an app signs in at one, so name that',
    ],
    [
      'a tenant without scopes',
      { grant: 'client-credentials', clientId: 'p', clientSecret: secret, tenant: 'example.org' },
      'scopes: is empty; Microsoft wants one: https://outlook.office365.com/.default',
    ],
    [
      'no client',
      { grant: 'client-credentials', clientSecret: secret, tokenEndpoint },
      'clientId: is missing; give what the token endpoint knows Postern by',
    ],
    [
      'no secret',
      { grant: 'token-exchange', clientId: 'p', tokenEndpoint },
      'clientSecret: is missing; grant: token-exchange needs it, or `clientKey`',
    ],
    [
      'a secret and a key',
      { grant: 'client-credentials', ...app, clientKey: new Secret(PEM) },
      'clientKey: stands beside clientSecret; one of the two proves enough',
    ],
    [
      'a secret that goes nowhere',
      {
        grant: 'refresh-token',
        clientId: 'p',
        tokenEndpoint,
        refreshTokenFile: '/token',
        clientSecretIn: 'body',
      },
      'clientSecretIn: says where clientSecret goes, and there is none',
    ],
    [
      'jwt-bearer without a key',
      { grant: 'jwt-bearer', clientId: 'p', tokenEndpoint },
      'clientKey: is missing; grant: jwt-bearer needs a key to sign with, or for Google `serviceAccount`',
    ],
    [
      'a service account and a client',
      { grant: 'jwt-bearer', serviceAccount: account(), clientId: 'p', scopes: ['s'] },
      'clientId: is not used: serviceAccount says who Postern is, and where; remove one of the two',
    ],
    [
      'a service account without scopes',
      { grant: 'jwt-bearer', serviceAccount: account() },
      'scopes: is empty; Google wants one: https://mail.google.com/',
    ],
    [
      'a service account that is no JSON',
      { grant: 'jwt-bearer', serviceAccount: new Secret(PEM), scopes: ['s'] },
      'serviceAccount: is not the JSON key file of a service account; download a key of type JSON',
    ],
    [
      'a key file of another kind',
      { grant: 'jwt-bearer', serviceAccount: account({ type: 'authorized_user' }), scopes: ['s'] },
      'serviceAccount: is a JSON file, but not the key of a service account (its `type` is not service_account)',
    ],
    [
      'a key file that is cut',
      { grant: 'jwt-bearer', serviceAccount: account({ private_key: PEM.slice(0, 300) }), scopes: ['s'] },
      'serviceAccount: private_key holds a private key that cannot be read; is it cut off?',
    ],
    [
      'a key that is none',
      { grant: 'client-credentials', clientId: 'p', tokenEndpoint, clientKey: new Secret('nothing') },
      'clientKey: holds no private key in PEM form (it begins with -----BEGIN PRIVATE KEY-----)',
    ],
    [
      'a weak key',
      { grant: 'client-credentials', clientId: 'p', tokenEndpoint, clientKey: new Secret(weakPem) },
      'clientKey: must be RSA of 2048 bits or more, P-256, P-384 or Ed25519',
    ],
    [
      'a certificate without its key',
      { grant: 'client-credentials', ...app, clientCertificate: '/c' },
      'clientCertificate: belongs to a clientKey, and there is none',
    ],
    [
      'a certificate that is none',
      {
        grant: 'client-credentials',
        clientId: 'p',
        tokenEndpoint,
        clientKey: new Secret(PEM),
        clientCertificate: '/none',
      },
      'clientCertificate: holds no certificate in PEM form (it begins with -----BEGIN CERTIFICATE-----)',
    ],
    [
      'no refresh token file',
      { grant: 'refresh-token', ...app },
      'refreshTokenFile: is missing; grant: refresh-token needs the file that holds the token',
    ],
    [
      'an empty refresh token file',
      { grant: 'refresh-token', ...app, refreshTokenFile: '/none' },
      'refreshTokenFile: /none must hold a refresh token on a line of its own, and nothing else',
    ],
    [
      'a refresh token of another grant',
      { grant: 'client-credentials', ...app, refreshTokenFile: '/token' },
      'refreshTokenFile: is not used with grant: client-credentials; remove it, or set grant: refresh-token',
    ],
    [
      'a service account of another grant',
      { grant: 'refresh-token', ...app, refreshTokenFile: '/token', serviceAccount: account() },
      'serviceAccount: is not used with grant: refresh-token; remove it, or set grant: jwt-bearer',
    ],
    [
      'a client that passes tokens through',
      { grant: 'pass-through', clientId: 'p' },
      'clientId: is not used with grant: pass-through; remove it',
    ],
    [
      'a mailbox that is none',
      { grant: 'client-credentials', ...app, mailbox: 'someone' },
      'mailbox: "someone" is neither "sender" nor "user" nor an address',
    ],
    ['no time at all', { grant: 'client-credentials', ...app, timeout: 0 }, 'timeout: must be from'],
  ];

  it.each(FAULTS)('%s', (_, given, told) => {
    const { faults } = judge(given, refreshFile);
    expect(faults).toEqual([expect.stringContaining(`upstreams[0].oauth.${told}`)]);
    expect(faults.join('\n')).not.toContain(secret.reveal());
    expect(faults.join('\n')).not.toContain(PEM.slice(40, 80));
  });

  it('is a certificate of another key', () => {
    const given: Given = {
      grant: 'client-credentials',
      clientId: 'p',
      tokenEndpoint,
      clientKey: new Secret(PEM),
      clientCertificate: '/c',
    };
    expect(judge(given, { '/c': { content: issued.certificate } }).faults).toEqual([
      'upstreams[0].oauth.clientCertificate: does not belong to clientKey; the certificate of that key must come first in the file',
    ]);
  });
});

it('warns of a refresh token that everyone may read', () => {
  const given: Given = { grant: 'refresh-token', ...app, refreshTokenFile: '/token' };
  expect(judge(given, { '/token': { content: 'token\n', mode: 0o644 } }).dangers).toEqual([
    'upstreams[0].oauth.refreshTokenFile: everyone on this machine may read /token; chmod o-r it',
  ]);
});
