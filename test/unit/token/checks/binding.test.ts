// Bound tokens: which bindings can be proved over SMTP, and what is said of the others; by signature and by introspection alike.

import { afterEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { checkPossession, readBinding } from '../../../../src/token/checks/binding.ts';
import { introspectionSettings } from '../../../support/tokens.ts';
import {
  TRUSTED_ISSUER,
  type VerifierSituation,
  verifierSituation,
} from '../../../support/verifier-situation.ts';

// The example of RFC 8705 §3.1.
const THUMBPRINT = 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2';
const OTHER = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0';
let situation: VerifierSituation | undefined;
afterEach(() => situation?.close());

describe('a binding', () => {
  it.each<[unknown, string | undefined]>([
    [undefined, undefined],
    [{ 'x5t#S256': THUMBPRINT }, THUMBPRINT],
  ])('%j can be proved', (cnf, certificate) => expect(readBinding(cnf)).toBe(certificate));

  it.each<[string, unknown, string]>([
    ['DPoP', { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' }, 'bound to a DPoP key (cnf.jkt)'],
    ['DPoP beside a certificate', { jkt: 'x', 'x5t#S256': THUMBPRINT }, 'DPoP key'],
    ['another key beside a certificate', { jwk: {}, 'x5t#S256': THUMBPRINT }, 'cnf with "jwk", "x5t#S256"'],
    ['no kind at all', {}, 'cnf with an empty list'],
    ['null', null, 'cnf with'],
    ['a text', 'x5t#S256', 'cnf with'],
    ['SHA-1', { 'x5t#S256': 'AxVTk5BkjVvEbCbXpCwtLMSHnXo' }, 'SHA-256 in base64url'],
    ['hexadecimal', { 'x5t#S256': 'a'.repeat(64) }, 'SHA-256 in base64url'],
    ['padded', { 'x5t#S256': `${THUMBPRINT}=` }, 'SHA-256 in base64url'],
    ['a list', { 'x5t#S256': [THUMBPRINT] }, 'SHA-256 in base64url'],
  ])('of %s is refused', (_what, cnf, reason) => {
    expect(readBinding(cnf)).toMatchObject({ code: 'token-bound', reason: expect.stringContaining(reason) });
  });

  it('is proved by its own certificate only', () => {
    expect(checkPossession(undefined, undefined)).toBeUndefined();
    expect(checkPossession(undefined, OTHER)).toBeUndefined();
    expect(checkPossession(THUMBPRINT, THUMBPRINT)).toBeUndefined();
    for (const presented of [OTHER, undefined, '', THUMBPRINT.toLowerCase()])
      expect(checkPossession(THUMBPRINT, presented)).toMatchObject({ code: 'token-bound' });
  });
});

describe.each(['signature', 'introspection'] as const)('a token proved by %s', (verification) => {
  const cnf = { 'x5t#S256': THUMBPRINT };

  async function given(claims: Record<string, unknown>) {
    const endpoint = `${TRUSTED_ISSUER}/introspect`;
    situation = await verifierSituation({
      trusted: { verification, introspection: introspectionSettings({ endpoint }) },
      answers: { [endpoint]: () => Response.json({ active: true, ...situation?.trustedClaims(claims) }) },
    });
    return { token: situation.mintTrusted(claims), verify: situation.verifier.verify };
  }

  it('wants the certificate each time, remembered or not', async () => {
    const { token, verify } = await given({ cnf });
    for (const _time of [1, 2]) {
      expect(await verify(token, THUMBPRINT)).toMatchObject({ addresses: ['alice@example.org'] });
      expect(await verify(token, OTHER)).toMatchObject({ code: 'token-bound' });
      expect(await verify(token)).toMatchObject({ code: 'token-bound' });
    }
  });

  it('is refused when bound to a DPoP key, whatever certificate there is', async () => {
    const { token, verify } = await given({ cnf: { jkt: THUMBPRINT } });
    expect(await verify(token, THUMBPRINT)).toMatchObject({
      code: 'token-bound',
      reason: expect.stringContaining('cannot be proved over SMTP'),
    });
  });

  it('proves no more than possession: who holds the certificate needs a good token all the same', async () => {
    const { token, verify } = await given({ cnf, aud: 'https://calendar.example.org' });
    const verdict = await verify(token, THUMBPRINT);
    expect(isRefusal(verdict) && verdict.code).toBe('token-audience');
  });
});

it('an answer that calls the token DPoP without saying to which key is taken at its word', async () => {
  const endpoint = `${TRUSTED_ISSUER}/introspect`;
  situation = await verifierSituation({
    trusted: { verification: 'introspection', introspection: introspectionSettings({ endpoint }) },
    answers: {
      [endpoint]: () => Response.json({ active: true, token_type: 'DPoP', ...situation?.trustedClaims() }),
    },
  });
  expect(await situation.refuse('opaque')).toMatchObject({
    code: 'token-bound',
    reason: expect.stringContaining('token_type'),
  });
});
