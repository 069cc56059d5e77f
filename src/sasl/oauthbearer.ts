// Owns the client response of OAUTHBEARER (RFC 7628 §3.1).

import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { readToken, readUserName } from './bearer.ts';
import { parseGs2Header } from './gs2.ts';
import type { BearerMessage } from './mechanism.ts';
import { decodeText, parsePairs } from './pairs.ts';

const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;
const PORT = /^[1-9][0-9]{0,4}$/;

/** Reads `gs2-header kvsep *kvpair kvsep`. Refuses `sasl-malformed` and `token-malformed`. */
export function parseOauthBearer(message: Buffer): BearerMessage | Refusal {
  const text = decodeText(message);
  if (isRefusal(text)) return text;
  // RFC 7628 §3.2.3: a lone ^A ends an exchange that failed; it cannot start one.
  if (text === '\x01') return refuse('sasl-malformed', 'a lone ^A before any credentials');

  const header = parseGs2Header(text);
  if (isRefusal(header)) return header;
  const userName = readUserName(header.authorizationIdentity);
  if (isRefusal(userName)) return userName;

  if (!header.rest.startsWith('\x01')) return refuse('sasl-malformed', 'no ^A follows the GS2 header');
  const pairs = parsePairs(header.rest.slice(1), ['auth', 'host', 'port']);
  if (isRefusal(pairs)) return pairs;

  // RFC 7628 §3.2 would have them compared with what the server knows of itself. That protects the signed requests of OAUTH10A,
  // where they stand under the signature; beside a bearer token they prove nothing: a thief, or a server in the middle, writes
  // here what is wanted. What keeps a token from being good elsewhere is its audience, and the certificate of the TLS
  // connection. But an honest client writes the name and port it was told to connect to, which behind a load balancer, a port
  // forward, stunnel or a second name of the server is none that Postern knows. So only their form is looked at.
  const host = pairs.get('host');
  if (host !== undefined && !HOST.test(host)) return refuse('sasl-malformed', 'host= is not a host name');
  const port = readPort(pairs.get('port'));
  if (isRefusal(port)) return port;
  const token = readToken(pairs.get('auth'));
  if (isRefusal(token)) return token;
  return { userName, token, host, port };
}

function readPort(value: string | undefined): number | undefined | Refusal {
  if (value === undefined) return undefined;
  const port = Number(value);
  return PORT.test(value) && port <= 65535 ? port : refuse('sasl-malformed', 'port= is not a port number');
}
