// A JSON Web Key Set (RFC 7517 §5) as public keys ready for use; keys that fit no signature of ours are left out.

import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { shown } from '../shown.ts';
import type { WantedKey } from './key-source.ts';

/** More keys than this in a set are not looked at, and not more than that tried where a token names none. */
const MAX_KEYS = 100;
const MAX_CANDIDATES = 4;
const MIN_RSA_BITS = 2048;

const CURVE_OF: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

export interface PublicKey {
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly kty: string;
  readonly crv: string | undefined;
  readonly key: KeyObject;
}

export interface KeySet {
  /** The keys that may have made a signature, or in one phrase why there is none. */
  find(wanted: WantedKey): readonly KeyObject[] | string;
  /** Number of usable keys. */
  readonly size: number;
  /** Some usable key has no `kid`. */
  readonly hasUnnamed: boolean;
  readonly keys: readonly PublicKey[];
}

/** Reads the parsed JSON of a key set; a phrase where it is none or holds no key for signatures. */
export function readKeySet(value: unknown): KeySet | string {
  const members = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(members)) return 'not a JSON Web Key Set: no list "keys"';
  const keys: PublicKey[] = [];
  const leftOut: { kid: unknown; why: string }[] = [];
  for (const member of members.slice(0, MAX_KEYS)) {
    const key = readKey(member);
    if (typeof key === 'string')
      leftOut.push({ kid: isObject(member) ? member['kid'] : undefined, why: key });
    else keys.push(key);
  }
  if (keys.length === 0)
    return `a key set without a usable signature key (${leftOut[0]?.why ?? 'it is empty'})`;
  return {
    size: keys.length,
    hasUnnamed: keys.some(({ kid }) => kid === undefined),
    keys,
    find: (wanted) => findKeys(keys, leftOut, wanted),
  };
}

/** What a newly fetched set tells of its issuer. `reusesNames`: one of its keys has the name and type that another had. */
export function changesBetween(
  before: KeySet | undefined,
  after: KeySet,
): { readonly isNew: boolean; readonly reusesNames: boolean } {
  const known = before?.keys ?? [];
  const added = after.keys.filter((one) => !known.some((other) => isSame(one, other)));
  // RFC 7517 §4.5: keys of different types may share a name.
  const reusesNames = added.some(
    ({ kid, kty }) => kid !== undefined && known.some((other) => other.kid === kid && other.kty === kty),
  );
  return { isNew: added.length > 0, reusesNames };
}

function isSame(one: PublicKey, other: PublicKey): boolean {
  return one.kid === other.kid && one.key.equals(other.key);
}

function findKeys(
  keys: readonly PublicKey[],
  leftOut: readonly { kid: unknown; why: string }[],
  { kid, alg }: WantedKey,
): readonly KeyObject[] | string {
  const named = kid === undefined ? keys : keys.filter((key) => key.kid === kid);
  const candidates = named.filter((key) => fits(key, alg));
  if (candidates.length > MAX_CANDIDATES) {
    return `the token names no kid, and ${candidates.length} keys of the issuer fit ${shown(alg)}`;
  }
  if (candidates.length > 0) return candidates.map(({ key }) => key);
  if (named.length > 0) return `the issuer's key ${shown(kid)} does not fit algorithm ${shown(alg)}`;
  const unusable = leftOut.find((key) => key.kid === kid);
  if (unusable) return `the issuer's key ${shown(kid)} is not usable: ${unusable.why}`;
  return `the issuer has no key ${shown(kid)}`;
}

// RFC 8725 §3.1: a key serves the algorithm it was made for. This is what stops a public key from being taken as an HMAC secret.
function fits({ kty, crv, alg: keyAlg }: PublicKey, alg: string): boolean {
  if (keyAlg !== undefined && edwards(keyAlg) !== edwards(alg)) return false;
  if (alg.startsWith('RS') || alg.startsWith('PS')) return kty === 'RSA';
  if (edwards(alg) === 'Ed25519') return kty === 'OKP' && crv === 'Ed25519';
  return kty === 'EC' && crv !== undefined && CURVE_OF[alg] === crv;
}

// RFC 9864 §2.2: the older name EdDSA with this curve and the newer Ed25519 are one algorithm.
function edwards(alg: string): string {
  return alg === 'EdDSA' ? 'Ed25519' : alg;
}

function readKey(member: unknown): PublicKey | string {
  if (!isObject(member)) return 'not an object';
  const { kty, use, key_ops: operations, kid, alg, crv } = member;
  if (kty !== 'RSA' && kty !== 'EC' && kty !== 'OKP') return `key type ${shown(kty)}`;
  if (use !== undefined && use !== 'sig') return `use ${shown(use)}`;
  if (Array.isArray(operations) && !operations.includes('verify')) return `key_ops ${shown(operations)}`;
  // Whoever publishes a private key lets everybody sign with it.
  if (member['d'] !== undefined) return 'a private key';
  const key = importKey(member);
  if (!key) return 'malformed key';
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (kty === 'RSA' && (bits === undefined || bits < MIN_RSA_BITS)) return `RSA key of ${bits} bits`;
  return { kid: textOf(kid), alg: textOf(alg), kty, crv: textOf(crv), key };
}

function importKey(jwk: Record<string, unknown>): KeyObject | undefined {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
