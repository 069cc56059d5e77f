// RFC 9068 "JWT Profile for OAuth 2.0 Access Tokens": the list of §4 that a resource server must go through, in its order.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testKey } from '../support/tokens.ts';
import {
  OWN_ISSUER,
  TRUSTED_ISSUER,
  type VerifierSituation,
  verifierSituation,
} from '../support/verifier-situation.ts';

let situation: VerifierSituation;
beforeEach(async () => {
  situation = await verifierSituation();
});
afterEach(() => situation.close());

const NOW = () => situation.clock.now() / 1000;

describe.each(['mintOwn', 'mintTrusted'] as const)('§4, %s', (mint) => {
  const refusal = async (claims: object, header: object = {}) =>
    (await situation.refuse(situation[mint]({ ...claims }, { ...header }))).code;

  it('takes a token that fulfils the list', async () => {
    const principal = await situation.accept(situation[mint]());
    expect(principal.issuer).toBe(mint === 'mintOwn' ? OWN_ISSUER : TRUSTED_ISSUER);
  });

  it.each(['at+jwt', 'application/at+jwt'])(
    '"MUST verify that the typ header value is at+jwt or application/at+jwt": %s',
    async (typ) => {
      await situation.accept(situation[mint]({}, { typ }));
    },
  );

  it('"and reject tokens carrying any other value"', async () => {
    expect(await refusal({}, { typ: 'JWT' })).toBe('token-type');
    expect(await refusal({}, { typ: undefined })).toBe('token-type');
  });

  it('"the issuer identifier MUST exactly match the value of the iss claim"', async () => {
    expect(await refusal({ iss: 'https://elsewhere.example' })).toBe('token-issuer');
    expect(await refusal({ iss: `${mint === 'mintOwn' ? OWN_ISSUER : TRUSTED_ISSUER}/` })).toBe(
      'token-issuer',
    );
  });

  it('"MUST validate that the aud claim contains a resource indicator value corresponding to an identifier the resource server expects for itself"', async () => {
    expect(await refusal({ aud: ['https://other.example'] })).toBe('token-audience');
    await situation.accept(situation[mint]({ aud: ['https://other.example', 'https://mail.example.org'] }));
  });

  it('"MUST reject any JWT in which the value of alg is none"', async () => {
    expect(await refusal({}, { alg: 'none' })).toBe('token-algorithm');
  });

  it('"MUST use the keys provided by the authorization server"', async () => {
    expect(await refusal({}, { kid: 'another', jwk: testKey('ES256', 'another').publicJwk })).toBe(
      'token-key',
    );
  });

  it('"The current time MUST be before the time represented by the exp claim", give or take the leeway', async () => {
    expect(await refusal({ exp: NOW() - 60 })).toBe('token-expired');
    await situation.accept(situation[mint]({ exp: NOW() - 59 }));
  });

  it('§5 "clients must not be able to influence the value of sub": a client id is no account', async () => {
    situation.accounts.set('mail-program', { ...situation.accounts.get('alice-id') } as never);
    if (mint === 'mintOwn') expect(await refusal({ sub: 'mail-program' })).toBe('token-identity');
    else await situation.accept(situation.mintTrusted({ sub: 'mail-program' }));
  });
});

describe('§2.2 claims that are required', () => {
  it.each(['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'])('%s', async (name) => {
    const { code } = await situation.refuse(situation.mintOwn({ [name]: undefined }));
    expect(code).toMatch(/^token-(malformed|issuer|audience)$/);
  });
});

describe('RFC 9449 §7.1, RFC 8705 §3.1 sender-constrained tokens are no bearer tokens', () => {
  it.each(['jkt', 'x5t#S256', 'jwk', 'kid'])('cnf.%s', async (member) => {
    expect((await situation.refuse(situation.mintOwn({ cnf: { [member]: 'thumb' } }))).code).toBe(
      'token-bound',
    );
    expect((await situation.refuse(situation.mintTrusted({ cnf: { [member]: 'thumb' } }))).code).toBe(
      'token-bound',
    );
  });
});
