// What is told of a product's token: how it is shaped, what the preset makes of it, which of its neighbours are refused.

import { TEST_TIME, type TestAlgorithm, type TokenClaims } from '../tokens.ts';

export interface Product {
  /** What stands in the file, beside `preset`. */
  readonly yaml: string;
  readonly preset: string;
  readonly issuer: string;
  /** Where its documentation shows such a token. */
  readonly source: string;
  readonly alg: TestAlgorithm;
  /** `typ` of the header; undefined for none. Absent for tokens that are no JWT. */
  readonly header?: TokenClaims;
  /** Of the token, or of the answer about it. */
  readonly claims: TokenClaims;
  /** What an opaque token looks like; the issuer is asked about it. */
  readonly opaque?: string;
  readonly principal: TokenClaims;
  /** Other good tokens of the same issuer, by what is different; `undefined` takes a claim away. */
  readonly also?: Readonly<Record<string, TokenClaims>>;
  /** Tokens that must not be taken for a user's access token for mail, by what is wrong with them. */
  readonly refused: Readonly<Record<string, Refused>>;
}

export interface Refused {
  readonly claims?: TokenClaims;
  readonly header?: TokenClaims;
  /** What opaque tokens are shown in its place. */
  readonly token?: string;
  readonly code: string;
  /** A part of what the operator reads. */
  readonly reason?: string;
}

export const NOW = TEST_TIME / 1000;
export const LIFE = { iat: NOW, exp: NOW + 300 };
export const MAIL = 'https://mail.example.org';
export const ASKS = 'introspection: { clientId: postern, clientSecret: { env: TEST_SECRET } }';
