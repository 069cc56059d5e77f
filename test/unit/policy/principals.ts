// Principals for the tests of policy/ and sasl/, and the verdict on a header as a test writes it.

import { parseHeader } from '../../../src/policy/header.ts';
import { checkHeader } from '../../../src/policy/policy.ts';
import type { Principal } from '../../../src/principal.ts';
import { isRefusal, type RefusalCode } from '../../../src/refusal.ts';

/** A person who owns alice@example.org and sales@example.org, unless told otherwise. */
export function alice(changes: Partial<Principal> = {}): Principal {
  const members = {
    issuer: 'https://mail.example.org',
    subject: 'p-7Qx2',
    clientId: 'postern-cli',
    addresses: ['alice@example.org', 'sales@example.org'],
    domains: [],
    groups: [],
    scopes: ['smtp.submit'],
    tokenId: undefined,
    grantId: undefined,
    expiresAt: 4_000_000_000,
    ...changes,
  } satisfies Partial<Principal>;
  // The brand is token/'s to give; here the rest is enough.
  return members as Principal;
}

/** What policy says of a header, written with \r\n where lines end; the last line's end may be left out. */
export function judge(header: string | Buffer, principal = alice()): RefusalCode | 'accepted' {
  const block = typeof header === 'string' ? Buffer.from(header, 'utf8') : header;
  const fields = parseHeader(block);
  if (isRefusal(fields)) return fields.code;
  return checkHeader(principal, fields)?.code ?? 'accepted';
}
