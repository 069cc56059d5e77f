// Owns the client response of XOAUTH2, as Google and Microsoft document it: user=…^Aauth=Bearer …^A^A.

import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { readToken, readUserName } from './bearer.ts';
import type { BearerMessage } from './mechanism.ts';
import { decodeText, parsePairs } from './pairs.ts';

/** Refuses `sasl-malformed` and `token-malformed`. The user may be empty, as some apps send it, but must be there. */
export function parseXoauth2(message: Buffer): BearerMessage | Refusal {
  const text = decodeText(message);
  if (isRefusal(text)) return text;
  const pairs = parsePairs(text, ['user', 'auth']);
  if (isRefusal(pairs)) return pairs;

  const user = pairs.get('user');
  if (user === undefined) return refuse('sasl-malformed', 'the response has no user=');
  const userName = readUserName(user);
  if (isRefusal(userName)) return userName;
  const token = readToken(pairs.get('auth'));
  if (isRefusal(token)) return token;
  return { userName, token, host: undefined, port: undefined };
}
