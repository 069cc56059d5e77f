// How an issuer is asked: where its endpoint is, how Postern proves itself, how Google wants it.

import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/setting.ts';
import {
  type AskingSituation,
  askingSituation,
  endpointOf,
  FIRST,
} from '../../../support/asking-situation.ts';
import { parseJwt } from '../../../support/parsed-jwt.ts';

let situation: AskingSituation;
afterEach(() => situation.close());

async function given(
  introspection: NonNullable<Parameters<typeof askingSituation>[0]>[0]['introspection'] = {},
) {
  situation = await askingSituation([{ issuer: FIRST, introspection }]);
  return situation;
}
const verdict = (token: string) => situation.verifier.verify(token);

describe('the endpoint', () => {
  const metadata = (members: object) => Response.json({ issuer: FIRST, ...members });
  const elsewhere = 'https://tokens.example.org/introspect';

  it('is found by discovery, once for however many wait', async () => {
    const { answer, requests, yes } = await given({ endpoint: undefined as never });
    answer(() => metadata({ introspection_endpoint: elsewhere }));
    answer(() => Response.json(yes()), 'https://tokens.example.org');
    for (const good of await Promise.all(['one', 'two', 'three'].map(verdict)))
      expect(good).toMatchObject({ issuer: FIRST });
    expect(requests.map(({ url }) => url)).toEqual([
      `${FIRST}/.well-known/oauth-authorization-server`,
      elsewhere,
      elsewhere,
      elsewhere,
    ]);
  });

  it.each<[string, object, string]>([
    ['that is not named', {}, 'no introspection_endpoint'],
    [
      'of another issuer',
      { issuer: 'https://other.example', introspection_endpoint: elsewhere },
      'issuer is',
    ],
    ['over http', { introspection_endpoint: 'http://tokens.example.org/' }, 'is not https'],
  ])('%s is none', async (_what, members, reason) => {
    situation = await askingSituation([
      {
        issuer: FIRST,
        settings: { allowInsecureHttp: false },
        introspection: { endpoint: undefined as never },
      },
    ]);
    situation.answer(() => metadata(members));
    expect(await verdict('one')).toMatchObject({
      code: 'issuer-unavailable',
      reason: expect.stringContaining(reason),
    });
  });

  it('is looked for again when it does not answer: it may have moved', async () => {
    const { answer, requests, yes } = await given({ endpoint: undefined as never });
    answer(() => metadata({ introspection_endpoint: elsewhere }));
    answer(() => new Response(null, { status: 404 }), 'https://tokens.example.org');
    expect(await verdict('one')).toMatchObject({ code: 'issuer-unavailable' });
    answer(() => metadata({ introspection_endpoint: 'https://new.example.org/' }));
    answer(() => Response.json(yes()), 'https://new.example.org');
    expect(await verdict('one')).toMatchObject({ issuer: FIRST });
    expect(requests.at(-1)?.url).toBe('https://new.example.org/');
  });
});

describe('the proof of who asks', () => {
  it('client_secret_post: both parts in the form, nothing in the header', async () => {
    const { requests } = await given({
      clientSecretIn: 'body',
      clientId: 'a:b',
      clientSecret: new Secret('p&w='),
    });
    await verdict('opaque');
    const form = new URLSearchParams(await requests[0]?.text());
    expect(Object.fromEntries(form)).toEqual({
      token: 'opaque',
      token_type_hint: 'access_token',
      client_id: 'a:b',
      client_secret: 'p&w=',
    });
    expect(requests[0]?.headers.get('authorization')).toBeNull();
  });

  it.each([
    ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['EdDSA', generateKeyPairSync('ed25519').privateKey],
  ])(
    'private_key_jwt with %s: an assertion for this issuer, good for five minutes, each with a jti of its own',
    async (alg, key) => {
      const pem = String(key.export({ type: 'pkcs8', format: 'pem' }));
      const { requests } = await given({
        clientSecret: undefined as never,
        clientKey: new Secret(pem),
        keyId: 'k1',
      });
      await verdict('one');
      await verdict('two');
      const forms = await Promise.all(
        requests.map(async (request) => Object.fromEntries(new URLSearchParams(await request.text()))),
      );
      const [first, second] = forms.map(({ client_assertion: text = '' }) => ({ text, ...parseJwt(text) }));
      expect(forms[0]).toMatchObject({
        client_id: 'postern',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      expect(first?.header).toEqual({ alg, typ: 'JWT', kid: 'k1' });
      const { iat, exp, nbf, jti, ...claims } = first?.claims ?? {};
      expect(claims).toEqual({ iss: 'postern', sub: 'postern', aud: FIRST });
      expect([Number(exp) - Number(iat), Number(nbf) - Number(iat)]).toEqual([300, 0]);
      expect(jti).not.toBe(second?.claims?.['jti']);
      const [head, body, signature = ''] = first?.text.split('.') ?? [];
      const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
      const publicKey = { key: createPublicKey(key), dsaEncoding: 'ieee-p1363' as const };
      expect(
        verify(hash, Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url')),
      ).toBe(true);
    },
  );

  it('that breaks is nobody’s token’s fault, and tells nothing of the key', async () => {
    await given({ clientSecret: undefined as never, clientKey: new Secret('no key at all') });
    const refusal = await verdict('opaque');
    expect(refusal).toMatchObject({ code: 'issuer-unavailable' });
    expect(JSON.stringify(refusal)).not.toContain('no key');
  });
});

describe('Google', () => {
  const info = (claims: object = {}) =>
    Response.json({
      azp: 'mail-program.apps.googleusercontent.com',
      aud: 'mail-program.apps.googleusercontent.com',
      sub: '110169484474386276334',
      scope: 'https://www.googleapis.com/auth/userinfo.email openid',
      exp: String(situation.clock.now() / 1000 + 3000),
      expires_in: '3000',
      email: 'alice@example.org',
      email_verified: 'true',
      access_type: 'offline',
      ...claims,
    });

  async function google() {
    situation = await askingSituation([
      {
        issuer: FIRST,
        settings: {
          audiences: ['mail-program.apps.googleusercontent.com'],
          scopes: ['https://www.googleapis.com/auth/userinfo.email'],
          tokenPrefixes: ['ya29.'],
        },
        introspection: {
          protocol: 'google-tokeninfo',
          clientId: undefined as never,
          clientSecret: undefined as never,
        },
      },
    ]);
    return situation;
  }

  it('is asked with the token in the header, as its own library does: no URL and no form holds it', async () => {
    const { answer, requests } = await google();
    answer(() => info());
    expect(await verdict('ya29.secret')).toMatchObject({
      subject: '110169484474386276334',
      addresses: ['alice@example.org'],
      clientId: 'mail-program.apps.googleusercontent.com',
      expiresAt: situation.clock.now() / 1000 + 3000,
    });
    const [request] = requests;
    expect([request?.method, request?.url]).toEqual(['POST', endpointOf(FIRST)]);
    expect(request?.headers.get('authorization')).toBe('Bearer ya29.secret');
    expect(await request?.text()).toBe('');
  });

  it('says with 400 that a token is none; anything else says nothing', async () => {
    const { answer } = await google();
    const error = { error: 'invalid_token', error_description: 'Invalid Value' };
    answer(() => Response.json(error, { status: 400 }));
    expect(await verdict('ya29.dead')).toMatchObject({ code: 'token-revoked' });
    for (const status of [401, 403, 404, 429, 500, 503]) {
      answer(() => Response.json(error, { status }));
      expect(await verdict(`ya29.${status}`)).toMatchObject({ code: 'issuer-unavailable' });
    }
  });

  it.each<[string, object, string]>([
    ['another app', { aud: 'other', azp: 'other' }, 'token-audience'],
    ['an address nobody verified', { email_verified: 'false' }, 'token-identity'],
    ['an end in words', { exp: 'soon' }, 'issuer-unavailable'],
    ['nobody’s app', { aud: undefined }, 'token-revoked'],
  ])('a token of %s is refused', async (_what, claims, code) => {
    const { answer } = await google();
    answer(() => info(claims));
    expect(await verdict('ya29.x')).toMatchObject({ code });
  });
});
