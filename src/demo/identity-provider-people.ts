// The people of the demo's identity provider. Their password is public: see the README.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Account, AccountClaims } from 'oidc-provider';

const PASSWORD = 'demo';

const PEOPLE: Readonly<Record<string, AccountClaims>> = {
  alice: person('alice', 'Alice Example', ['staff', 'mail'], true),
  bob: person('bob', 'Bob Example', ['staff'], true),
  // An address nobody has proven: Postern must not let her send.
  carol: person('carol', 'Carol Example', [], false),
};

/** The person of that login or address, where the password is right; the same time is spent where it is not. */
export function checkPassword(login: string, password: string): string | undefined {
  const name = login
    .trim()
    .toLowerCase()
    .replace(/@example\.org$/, '');
  const known = Object.hasOwn(PEOPLE, name);
  return timingSafeEqual(digest(password), digest(PASSWORD)) && known ? name : undefined;
}

export function findPerson(subject: string): Account | undefined {
  const claims = Object.hasOwn(PEOPLE, subject) ? PEOPLE[subject] : undefined;
  return claims && { accountId: subject, claims: () => Promise.resolve({ ...claims }) };
}

function person(sub: string, name: string, groups: string[], verified: boolean): AccountClaims {
  return { sub, name, email: `${sub}@example.org`, email_verified: verified, groups };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
