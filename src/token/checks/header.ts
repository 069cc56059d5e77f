// The checks of a token's header (RFC 7515 §4.1), before any key is looked for.

import { type Refusal, refuse } from '../../refusal.ts';
import { type IssuerRules, mediaType } from '../issuers/rules.ts';
import type { WantedKey } from '../keys/key-source.ts';
import { shown } from '../shown.ts';

type Header = Readonly<Record<string, unknown>>;

const MAX_KID_LENGTH = 256;

/**
 * What the header asks for, or why it is refused. `jku`, `jwk`, `x5u`, `x5c` are never read (RFC 8725 §3.10): the keys are the
 * ones of the issuer, wherever the token says they are.
 */
export function checkHeader(
  header: Header,
  rules: Pick<IssuerRules, 'algorithms' | 'types'>,
): WantedKey | Refusal {
  return (
    checkAlgorithm(header, rules.algorithms) ??
    checkCritical(header) ??
    checkType(header, rules.types) ??
    wantedKey(header)
  );
}

// RFC 8725 §3.1, §3.2: the verifier names the algorithms. `none` and HS* can't stand in the list (see settings.ts).
function checkAlgorithm({ alg }: Header, allowed: ReadonlySet<string>): Refusal | undefined {
  if (typeof alg === 'string' && allowed.has(alg)) return undefined;
  return refuse('token-algorithm', `expected alg ${[...allowed].join(' or ')}, found ${shown(alg)}`);
}

// RFC 7515 §4.1.11: an extension marked critical must be understood, and none is; an empty or ill-formed list is refused as well.
function checkCritical(header: Header): Refusal | undefined {
  if (!Object.hasOwn(header, 'crit')) return undefined;
  return refuse('token-critical', `expected no crit, found ${shown(header['crit'])}`);
}

// RFC 9068 §4, RFC 8725 §3.11: keeps an ID token or another JWT of the issuer from being used as an access token.
function checkType({ typ }: Header, allowed: ReadonlySet<string>): Refusal | undefined {
  // `absent` is the operator's word for none at all, and no type of that name.
  const found = typ === undefined ? 'absent' : typeof typ === 'string' ? mediaType(typ) : undefined;
  if (found !== undefined && allowed.has(found) && (found === 'absent') === (typ === undefined))
    return undefined;
  return refuse('token-type', `expected typ ${[...allowed].join(' or ')}, found ${shown(typ)}`);
}

function wantedKey({ alg, kid }: Header): WantedKey | Refusal {
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID_LENGTH)) {
    return refuse(
      'token-malformed',
      `expected kid to be a text of at most ${MAX_KID_LENGTH}, found ${shown(kid)}`,
    );
  }
  return { alg: String(alg), kid };
}
