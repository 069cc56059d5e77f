// Owns the identifiers of programs that registered themselves: signed, and holding all that was registered, so that a
// registration costs no storage, be there a million of them.
//
// `pc1.` and, in base64url, a MAC of 96 bits and the compressed content. Registering the same again gives the same one: what
// a person allowed a program is remembered though the program forgot its identifier. It stands in every token of the program's,
// and some mail clients take tokens of less than 512 characters only, so each byte counts.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Everything there is to know about a program that registered itself; checked, so that no text of it holds a line end. */
export interface RegisteredClient {
  readonly name: string | undefined;
  readonly redirectUris: readonly string[];
  readonly grants: readonly RegisteredGrant[];
}

export type RegisteredGrant = 'code' | 'device';

export interface Identifiers {
  /** Undefined where it would be longer than {@link MAX_IDENTIFIER_LENGTH}. */
  issue(client: RegisteredClient): string | undefined;
  /** Undefined for whatever these keys did not sign, letter by letter. */
  read(identifier: string): RegisteredClient | undefined;
}

/** The most that the verifier of tokens takes (token/checks/claims.ts). Programs with one to three redirects need 40 to 75. */
export const MAX_IDENTIFIER_LENGTH = 255;

const PREFIX = 'pc1.';
// RFC 2104 §5 asks for 80 bits and more. Each guess is a request, and there is nothing to collide with.
const MAC_BYTES = 12;
const MAX_CONTENT_BYTES = 4096;
const GRANTS: readonly RegisteredGrant[] = ['code', 'device'];
// What most of them hold, the most frequent last; part of the format, so a change needs another prefix.
const DICTIONARY = Buffer.from(
  [
    ' Mail\norg.example.mail:/oauth2redirect',
    'net.example.mail:/',
    'com.example.mail:/callback',
    'http://localhost',
    'http://[::1]',
    'http://localhost/callback',
    'http://[::1]/callback',
    'http://127.0.0.1/callback',
    'http://127.0.0.1/',
  ].join('\n'),
);

/** Whether a text has the form of one; says nothing of its being genuine. */
export function looksRegistered(clientId: string): boolean {
  return clientId.startsWith(PREFIX);
}

/** The first key signs, each is good for reading: an older one stays behind it as long as its identifiers shall be good. */
export function createIdentifiers(keys: readonly string[]): Identifiers {
  const [current = ''] = keys;
  return {
    issue({ name, redirectUris, grants }) {
      const flags = GRANTS.reduce((sum, grant, bit) => sum + (grants.includes(grant) ? 1 << bit : 0), 0);
      const content = deflateRawSync([`${flags}${name ?? ''}`, ...redirectUris].join('\n'), {
        dictionary: DICTIONARY,
        level: 9,
      });
      const identifier = PREFIX + Buffer.concat([macOf(content, current), content]).toString('base64url');
      return identifier.length > MAX_IDENTIFIER_LENGTH ? undefined : identifier;
    },
    read(identifier) {
      if (!looksRegistered(identifier) || identifier.length > MAX_IDENTIFIER_LENGTH) return undefined;
      const text = identifier.slice(PREFIX.length);
      const bytes = Buffer.from(text, 'base64url');
      // Another spelling of the same bytes would be another program to whoever compares texts.
      if (bytes.toString('base64url') !== text || bytes.length <= MAC_BYTES) return undefined;
      const [mac, content] = [bytes.subarray(0, MAC_BYTES), bytes.subarray(MAC_BYTES)];
      if (!keys.some((key) => timingSafeEqual(macOf(content, key), mac))) return undefined;
      return contentOf(content);
    },
  };
}

// Of our own making: it was signed.
function contentOf(content: Buffer): RegisteredClient {
  const limits = { dictionary: DICTIONARY, maxOutputLength: MAX_CONTENT_BYTES };
  const [first = '', ...redirectUris] = inflateRawSync(content, limits).toString().split('\n');
  const flags = Number(first[0]);
  return {
    name: first.length === 1 ? undefined : first.slice(1),
    redirectUris,
    grants: GRANTS.filter((_grant, bit) => (flags & (1 << bit)) !== 0),
  };
}

// The label keeps the key's other uses apart.
function macOf(content: Buffer, key: string): Buffer {
  return createHmac('sha256', Buffer.from(key, 'base64url'))
    .update(`postern client ${PREFIX}`)
    .update(content)
    .digest()
    .subarray(0, MAC_BYTES);
}
