// What a token says of itself, for the operator who looks for the reason of a refusal. Nothing of it is verified.

import { isRefusal } from '../refusal.ts';
import { decodeToken } from './checks/decode.ts';

/** Each a printable line of at most 200 characters; absent where the token does not say it, or cannot be read. */
export interface TokenDescription {
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  /** `kid` */
  readonly keyId?: string | undefined;
  /** `alg` */
  readonly algorithm?: string | undefined;
}

// The identifiers of some providers are long URLs, and it is their ends that differ.
const MAX_LENGTH = 200;
const MAX_AUDIENCES = 3;
// A JWT inside a claim, and a run of letters that could be a signature, are nobody's to see.
const SECRETIVE = /eyJ[\w-]{8,}|[\w-]{80,}/;

/** Empty for an opaque token, and for one that is broken. */
export function describeToken(token: string): TokenDescription {
  const decoded = decodeToken(token);
  if (isRefusal(decoded)) return {};
  const { header, claims } = decoded;
  const audience = [claims['aud']].flat().slice(0, MAX_AUDIENCES).flatMap(plain).join(', ');
  const [issuer] = plain(claims['iss']);
  const [keyId] = plain(header['kid']);
  const [algorithm] = plain(header['alg']);
  return {
    ...(issuer !== undefined && { issuer }),
    ...(audience !== '' && { audience }),
    ...(keyId !== undefined && { keyId }),
    ...(algorithm !== undefined && { algorithm }),
  };
}

function plain(value: unknown): string[] {
  if (typeof value !== 'string') return [];
  const text = value.slice(0, MAX_LENGTH).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '');
  return text === '' || SECRETIVE.test(text) ? [] : [text];
}
