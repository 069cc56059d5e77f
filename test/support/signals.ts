// Owns senders of logout tokens and security events for tests: their keys, what they sign, and a network that serves the keys.

import { mintToken, type TestKey, type TokenClaims, testKey } from './tokens.ts';

export const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout';
export const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/';
export const RISC = 'https://schemas.openid.net/secevent/risc/event-type/';
export const SSF = 'https://schemas.openid.net/secevent/ssf/event-type/';

export interface Sender {
  readonly issuer: string;
  readonly key: TestKey;
  /** Claims and header as given, nothing added but `alg` and `kid`; the header's `typ` is `logout+jwt` unless said. */
  logoutToken(claims: TokenClaims, header?: TokenClaims): string;
  /** The same with `secevent+jwt`. */
  event(claims: TokenClaims, header?: TokenClaims): string;
}

export function sender(issuer: string): Sender {
  const key = testKey('ES256', `key of ${issuer}`);
  return {
    issuer,
    key,
    logoutToken: (claims, header = {}) => mintToken(key, claims, { typ: 'logout+jwt', ...header }),
    event: (claims, header = {}) => mintToken(key, claims, { typ: 'secevent+jwt', ...header }),
  };
}

export interface Network {
  readonly fetch: typeof globalThis.fetch;
  /** Addresses asked so far. */
  readonly asked: string[];
  isDown: boolean;
}

/** Serves metadata and keys of the senders, whatever form of metadata is asked for. */
export function networkOf(...senders: readonly Sender[]): Network {
  const network: Network = {
    asked: [],
    isDown: false,
    fetch: async (input) => {
      const url = String(input);
      network.asked.push(url);
      if (network.isDown) throw new TypeError('fetch failed');
      const found = senders.find(({ issuer }) => url.startsWith(new URL(issuer).origin));
      if (found === undefined) return new Response(null, { status: 404 });
      if (url === keysOf(found)) return Response.json({ keys: [found.key.publicJwk] });
      if (!url.includes('/.well-known/')) return new Response(null, { status: 404 });
      return Response.json({ issuer: found.issuer, jwks_uri: keysOf(found) });
    },
  };
  return network;
}

function keysOf({ issuer }: Sender): string {
  return `${new URL(issuer).origin}/keys`;
}
