// Tokens of real products, shaped as their documentation shows them: what the presets make of them, from the file to the Principal.

import { afterEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { createTokenVerifier, type TokenVerifier } from '../../../../src/token/verifier.ts';
import { openRevocations } from '../../../../src/token/withdrawal/revocations.ts';
import type { Product } from '../../../support/products/product.ts';
import { PRODUCTS } from '../../../support/products/products.ts';
import {
  memoryRevocationStore,
  mintToken,
  TEST_TIME,
  type TestKey,
  type TokenClaims,
  testKey,
} from '../../../support/tokens.ts';
import { load, SOUND, settingsOf } from '../../config/configuration.ts';

let verifier: TokenVerifier;
afterEach(() => verifier.close());

const keys = new Map<string, TestKey>();
const keyFor = (alg: Product['alg']): TestKey => {
  const key = keys.get(alg) ?? testKey(alg);
  keys.set(alg, key);
  return key;
};

/** The configuration, and a fetch function that is the issuer: its metadata, its keys, its word on the token. */
async function open(product: Product, changes: TokenClaims = {}): Promise<void> {
  const text = SOUND.replace(
    'token:\n',
    `token:\n  trustedIssuers:\n    - preset: ${product.preset}\n      ${product.yaml}\n`,
  );
  const { settings } = settingsOf(load(text, { environment: { TEST_SECRET: 'hunter2' } }));
  verifier = createTokenVerifier({
    settings: settings.token,
    own: undefined,
    revocations: await openRevocations({ store: memoryRevocationStore(), now: () => TEST_TIME }),
    now: () => TEST_TIME,
    fetch: async (url) => {
      const { pathname } = new URL(String(url));
      if (/tokeninfo$|\/introspect/.test(pathname)) return Response.json({ ...product.claims, ...changes });
      if (/jwks$|keys$/.test(pathname)) return Response.json({ keys: [keyFor(product.alg).publicJwk] });
      const { issuer } = product;
      const introspection = `${issuer.replace(/\/$/, '')}/introspect`;
      return Response.json({
        issuer,
        jwks_uri: 'https://keys.example.org/keys',
        introspection_endpoint: introspection,
      });
    },
  });
}

function tokenOf(product: Product, changes: TokenClaims = {}, header: TokenClaims = {}): string {
  if (product.opaque !== undefined) return product.opaque;
  const claims = { iss: product.issuer, ...product.claims, ...changes };
  return mintToken(keyFor(product.alg), claims, { ...product.header, ...header });
}

describe.each(Object.entries(PRODUCTS))('%s', (_name, product) => {
  it(`as ${product.source} shows it`, async () => {
    await open(product);
    const verdict = await verifier.verify(tokenOf(product));
    expect(isRefusal(verdict) ? verdict : undefined).toBeUndefined();
    expect(verdict).toMatchObject({ issuer: product.issuer, ...product.principal });
  });

  it.each(Object.entries(product.also ?? {}))('%s', async (_what, changes) => {
    await open(product, changes);
    const verdict = await verifier.verify(tokenOf(product, isAsked(product) ? {} : changes));
    expect(isRefusal(verdict) ? verdict : undefined).toBeUndefined();
    expect(verdict).toMatchObject({ addresses: product.principal['addresses'] });
  });

  it.each(Object.entries(product.refused))('%s is refused', async (_what, refused) => {
    const { claims = {}, header, code, reason = '' } = refused;
    await open(product, claims);
    const token = refused.token ?? tokenOf(product, isAsked(product) ? {} : claims, header);
    const verdict = await verifier.verify(token);
    expect(isRefusal(verdict) ? verdict.code : verdict.addresses).toBe(code);
    expect(verdict).toMatchObject({ reason: expect.stringContaining(reason) });
  });
});

/** What a signed token names itself decides who is asked; the answer is what is judged then. */
function isAsked({ yaml, opaque }: Product): boolean {
  return /introspection/.test(yaml) || opaque !== undefined;
}

it('there is a token of each product that has a page', () => {
  const presets = new Set(Object.values(PRODUCTS).map(({ preset }) => preset));
  expect([...presets].sort()).toEqual([
    'auth0',
    'authentik',
    'entra',
    'github-actions',
    'gitlab',
    'google',
    'keycloak',
    'kubernetes',
    'okta',
    'zitadel',
  ]);
});
