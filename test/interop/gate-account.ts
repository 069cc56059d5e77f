// Owns who the gate is to mail servers that take mail from nobody else: its account there, and its client certificate.

import { type Issued, makeAuthority } from '../support/certificate-maker.ts';

export const ACCOUNT = { user: 'postern-gate', password: 'a password only for tests' };
/** Of {@link ACCOUNT}, as the common name of its certificate has it. */
const NAME = ACCOUNT.user;

export interface GateCertificates {
  /** PEM text: whom the mail servers believe. */
  readonly authority: string;
  readonly authorityName: string;
  readonly own: Issued;
  /** For the same name, of an authority that the mail servers do not know. */
  readonly forged: Issued;
}

let made: Promise<GateCertificates> | undefined;

export function gateCertificates(): Promise<GateCertificates> {
  made ??= makeCertificates();
  return made;
}

async function makeCertificates(): Promise<GateCertificates> {
  const authorityName = 'Gates';
  const wanted = { names: [], commonName: NAME, usage: 'client' } as const;
  const authority = await makeAuthority(authorityName);
  // Of another key and of the same name.
  const other = await makeAuthority(authorityName);
  return {
    authority: authority.certificate,
    authorityName,
    own: await authority.issue(wanted),
    forged: await other.issue(wanted),
  };
}
