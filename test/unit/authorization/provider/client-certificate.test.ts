// Client certificates at the OAuth server (RFC 8705): who is believed, what is refused, and what tokens then say.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/setting.ts';
import {
  APP,
  authorizationUrl,
  claimsOf,
  newProof,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
} from '../../../support/authorization-server.ts';
import { type Issued, makeAuthority } from '../../../support/certificate-maker.ts';
import {
  asBytes,
  asEscapedPem,
  asPemInOneLine,
  behindProxy,
  type Sent,
  sendForm,
  thumbprint,
} from '../../../support/client-certificates.ts';

const DAY = 86_400_000;
const BOUND = { id: 'bound-app', secret: 'bound-app-secret-0123456789' };
let folder: string;
let door: TestDoor;
const made: Record<'registered' | 'next' | 'other' | 'expired' | 'early', Issued> = {} as never;

beforeAll(async () => {
  const authority = await makeAuthority('Apps');
  const issue = (changes = {}) =>
    authority.issue({ names: [], commonName: 'app', usage: 'client', ...changes });
  made.registered = await issue();
  made.next = await issue({ kind: 'rsa' });
  // Of the same issuer, with the same name: only the registered certificates count.
  made.other = await issue();
  made.expired = await issue({ notBefore: Date.now() - 2 * DAY, notAfter: Date.now() - DAY });
  made.early = await issue({ notBefore: Date.now() + DAY, notAfter: Date.now() + 2 * DAY });
  folder = await mkdtemp(join(tmpdir(), 'postern-mtls-'));
  const file = async (name: 'registered' | 'next' | 'expired' | 'early') => {
    await writeFile(join(folder, `${name}.pem`), made[name].certificate);
    return join(folder, `${name}.pem`);
  };
  const certificates = await Promise.all((['registered', 'next', 'expired', 'early'] as const).map(file));
  door = await openTestDoor(
    behindProxy({
      clients: [
        APP,
        {
          clientId: 'cert-app',
          certificates,
          certificateBoundTokens: true,
          redirectUris: [],
          sendAs: ['cert@example.org'],
        },
        { clientId: 'unbound-app', certificates, redirectUris: [], sendAs: ['unbound@example.org'] },
        {
          clientId: BOUND.id,
          clientSecret: new Secret(BOUND.secret),
          certificateBoundTokens: true,
          redirectUris: [],
          sendAs: ['bound@example.org'],
        },
        {
          clientId: 'bound-mail',
          certificateBoundTokens: true,
          redirectUris: ['http://127.0.0.1/callback'],
          sendAs: [],
        },
      ],
    }),
  );
  await door.server.listen();
});
afterAll(async () => {
  await door.close();
  await rm(folder, { recursive: true });
});

const send = (sent: Sent = {}) => sendForm(door, { client: 'cert-app', ...sent });

const cnf = ({ certificate }: Issued) => ({ 'x5t#S256': thumbprint(certificate) });
const lastReason = () => door.eventsNamed('clientRefused').at(-1)?.['reason'];

describe('a client with registered certificates', () => {
  it.each([
    ['RFC 9440', asBytes],
    ['nginx', asEscapedPem],
    ['Apache', asPemInOneLine],
  ])('gets a token with its certificate in the form of %s', async (_name, form) => {
    for (const shown of [made.registered, made.next]) {
      const { status, json } = await send({ header: form(shown.certificate) });
      expect(status, JSON.stringify(json)).toBe(200);
      const token = String(json['access_token']);
      expect(claimsOf(token)).toMatchObject({ sub: 'cert-app', cnf: cnf(shown) });
      expect(token.length).toBeLessThan(512);
    }
  });

  it('gets a bearer token where its tokens are not to be bound', async () => {
    const { json } = await send({ client: 'unbound-app', header: asBytes(made.registered.certificate) });
    expect(claimsOf(String(json['access_token']))).not.toHaveProperty('cnf');
  });

  it.each<[string, () => Sent, RegExp]>([
    [
      'another certificate',
      () => ({ header: asBytes(made.other.certificate) }),
      /unregistered client certificate/,
    ],
    ['an expired one', () => ({ header: asBytes(made.expired.certificate) }), /expired on \d{4}-/],
    ['one of tomorrow', () => ({ header: asBytes(made.early.certificate) }), /not valid before \d{4}-/],
    ['none', () => ({}), /certificate was not provided/],
    ['an empty header', () => ({ header: '' }), /certificate was not provided/],
    ['another header', () => ({ header: 'garbage' }), /no certificate that can be read/],
    [
      'half a certificate',
      () => ({ header: asBytes(made.registered.certificate).replace(/.{40}:$/, ':') }),
      /no certificate/,
    ],
    [
      'a list of two',
      () => ({ header: `${asBytes(made.registered.certificate)}, ${asBytes(made.other.certificate)}` }),
      /no certificate/,
    ],
    [
      'two in one',
      () => ({ header: asEscapedPem(made.registered.certificate + made.other.certificate) }),
      /no certificate/,
    ],
    ['broken escapes', () => ({ header: '%E0%A4%A' }), /no certificate/],
    ['far too much', () => ({ header: `:${'A'.repeat(12_500)}:` }), /no certificate/],
    [
      'two headers',
      () => ({ header: [asBytes(made.registered.certificate), asBytes(made.registered.certificate)] }),
      /stands there 2 times; the proxy must overwrite/,
    ],
    [
      'the header from elsewhere',
      () => ({ header: asBytes(made.registered.certificate), from: '127.0.0.2' }),
      /came from 127\.0\.0\.2, which is not in reverseProxy/,
    ],
    [
      'a secret',
      () => ({ client: { id: 'cert-app', secret: 'guessed' }, header: asBytes(made.registered.certificate) }),
      /does not match the registered/,
    ],
  ])('is refused with %s', async (_name, sent, reason) => {
    expect(await send(sent())).toEqual({
      status: 401,
      json: { error: 'invalid_client', error_description: 'client authentication failed' },
    });
    expect(lastReason()).toMatch(reason);
  });

  it('is refused with a certificate behind which something else stands', async () => {
    const der = Buffer.from(asBytes(made.registered.certificate).slice(1, -1), 'base64');
    const header = `:${Buffer.concat([der, Buffer.from('more')]).toString('base64')}:`;
    expect(await send({ header })).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    expect(lastReason()).toMatch(/no certificate that can be read/);
  });
});

describe('a client that proves itself otherwise', () => {
  it('has its tokens bound to whatever certificate it shows', async () => {
    const { status, json } = await send({ client: BOUND, header: asBytes(made.other.certificate) });
    expect(status, JSON.stringify(json)).toBe(200);
    expect(claimsOf(String(json['access_token']))['cnf']).toEqual(cnf(made.other));
  });

  it('gets no token that is to be bound and cannot be', async () => {
    expect((await send({ client: BOUND })).json['error']).toBe('invalid_grant');
    expect((await send({ client: BOUND, header: 'garbage' })).json['error']).toBe('invalid_client');
  });

  it('is not disturbed by a header that it needs not', async () => {
    const client = { id: 'billing-app', secret: 'billing-app-secret-0123456789' };
    const { status, json } = await send({ client, header: 'garbage' });
    expect(status).toBe(200);
    expect(claimsOf(String(json['access_token']))).not.toHaveProperty('cnf');
  });

  it('keeps a person’s refresh token bound, too (RFC 8705 §4)', async () => {
    const proof = newProof();
    const url = authorizationUrl(door, proof, {
      client_id: 'bound-mail',
      redirect_uri: 'http://127.0.0.1:51234/callback',
    });
    const answer = await signInAndAllow(door.newBrowser(), url);
    const header = asBytes(made.registered.certificate);
    const form = {
      grant_type: 'authorization_code',
      code: answer.searchParams.get('code') ?? '',
      redirect_uri: 'http://127.0.0.1:51234/callback',
      code_verifier: proof.verifier,
    };
    const first = await send({ client: 'bound-mail', header, form });
    expect(claimsOf(String(first.json['access_token']))['cnf']).toEqual(cnf(made.registered));
    const refresh = { grant_type: 'refresh_token', refresh_token: String(first.json['refresh_token']) };
    for (const stolen of [undefined, asBytes(made.other.certificate)]) {
      const { status } = await send({
        client: 'bound-mail',
        form: refresh,
        ...(stolen && { header: stolen }),
      });
      expect(status).toBe(400);
    }
    const again = await send({ client: 'bound-mail', header, form: refresh });
    expect(claimsOf(String(again.json['access_token']))['cnf']).toEqual(cnf(made.registered));
  });
});

describe('a token that is bound', () => {
  it('is told by introspection, and ended by revocation, without being in the right hands', async () => {
    const header = asBytes(made.registered.certificate);
    const token = String((await send({ header })).json['access_token']);
    const client = { id: 'billing-app', secret: 'billing-app-secret-0123456789' };
    const ask = () => send({ client, path: '/token/introspection', form: { token } });
    expect((await ask()).json).toMatchObject({ active: true, cnf: cnf(made.registered) });
    expect((await send({ header, path: '/token/revocation', form: { token } })).status).toBe(200);
    expect((await ask()).json).toEqual({ active: false });
    expect(await door.verifier.verify(token, thumbprint(made.registered.certificate))).toMatchObject({
      code: 'token-revoked',
    });
  });
});

describe('the metadata', () => {
  const read = async (of: TestDoor) => {
    const url = new URL('/.well-known/oauth-authorization-server', of.issuer);
    return JSON.parse((await of.transport({ method: 'GET', url, headers: {} })).text) as Record<
      string,
      unknown
    >;
  };

  it('tells of it', async () => {
    const document = await read(door);
    expect(document['tls_client_certificate_bound_access_tokens']).toBe(true);
    for (const endpoint of ['token', 'revocation', 'introspection']) {
      expect(document[`${endpoint}_endpoint_auth_methods_supported`]).toContain(
        'self_signed_tls_client_auth',
      );
    }
    expect(document).not.toHaveProperty('mtls_endpoint_aliases');
  });

  it('is silent without the header, and the header is then nothing', async () => {
    const plain = await openTestDoor();
    const document = await read(plain);
    expect(document).not.toHaveProperty('tls_client_certificate_bound_access_tokens');
    expect(document['token_endpoint_auth_methods_supported']).not.toContain('self_signed_tls_client_auth');
    await plain.close();
  });
});
