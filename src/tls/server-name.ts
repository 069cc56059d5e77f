// Owns the choice of a certificate by the name that a client asks for (SNI, RFC 6066 §3).

import { domainToASCII } from 'node:url';
import type { Pair } from './pair.ts';

/**
 * RFC 9525 §6.3: a wildcard stands for one whole label, and a name in full is preferred to one.
 * @param serverName as it came, or in Unicode, as smtp-server gives it
 */
export function chooseByName(pairs: readonly Pair[], serverName: string): Pair | undefined {
  const sent = serverName.replace(/\.$/, '');
  const name = /[^\x20-\x7e]/.test(sent) ? domainToASCII(sent) : sent;
  // A leading dot is OpenSSL's way to ask for any name below.
  if (name === '' || name.startsWith('.')) return undefined;
  const found = pairs.flatMap((pair) => {
    const matched = pair.leaf.checkHost(name, { subject: 'never', partialWildcards: false });
    return matched === undefined ? [] : [{ pair, isWildcard: matched.startsWith('*') }];
  });
  return (found.find(({ isWildcard }) => !isWildcard) ?? found[0])?.pair;
}
