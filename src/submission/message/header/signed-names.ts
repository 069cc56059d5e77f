// Owns the question which header fields a signature of the message covers (RFC 6376 §3.5, RFC 8617 §4.1.2).

import type { HeaderField } from '../../../policy/header.ts';

const SIGNATURES = new Set(['dkim-signature', 'arc-message-signature']);
const NONE: ReadonlySet<string> = new Set();
const SIGNED_FIELDS = /(?:^|;)[ \t\r\n]*h[ \t\r\n]*=([^;]*)/gi;
const SPACE = /[ \t\r\n]+/g;

/**
 * The names, in lower case, that any signature lists in its `h=`. A name may stand there more often than there are fields of
 * it: then the signature says that there are no more (RFC 6376 §5.4), and adding one breaks it as changing one does.
 */
export function signedNames(fields: readonly HeaderField[]): ReadonlySet<string> {
  const signatures = fields.filter((field) => SIGNATURES.has(field.name.toLowerCase()));
  if (signatures.length === 0) return NONE;
  const names = new Set<string>();
  for (const { value } of signatures) {
    for (const [, list = ''] of value.matchAll(SIGNED_FIELDS)) {
      for (const name of list.split(':')) names.add(name.replace(SPACE, '').toLowerCase());
    }
  }
  return names;
}
