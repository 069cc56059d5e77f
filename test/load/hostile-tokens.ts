// Bad tokens of every kind, each a new one, made of a good one.

import { randomBytes } from 'node:crypto';

export const BAD_TOKENS = {
  /** Costs a signature check: the key is known, the claims are in order. */
  'bad signature': (good: string) => change(good, { claims: { jti: unique() } }),
  'unknown key': (good: string) => change(good, { header: { kid: unique() } }),
  expired: (good: string) => change(good, { claims: { exp: 1_000_000_000, jti: unique() } }),
  'foreign issuer': (good: string) => change(good, { claims: { iss: `https://${unique()}.example` } }),
  garbage: () => randomBytes(600).toString('base64url'),
} satisfies Record<string, (good: string) => string>;

/** One kind after the other, without end. */
export function* badTokens(good: string): Generator<string, never> {
  const kinds = Object.values(BAD_TOKENS);
  for (let number = 0; ; number += 1) yield (kinds[number % kinds.length] as (good: string) => string)(good);
}

function change(good: string, changes: { header?: object; claims?: object }): string {
  const [header = '', claims = '', signature = ''] = good.split('.');
  const changed = (part: string, change: object = {}): string =>
    Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(part, 'base64url').toString()), ...change }),
    ).toString('base64url');
  return [changed(header, changes.header), changed(claims, changes.claims), signature].join('.');
}

const unique = (): string => randomBytes(9).toString('hex');
