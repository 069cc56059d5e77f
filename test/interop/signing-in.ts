// Owns the signing in at a strict mail server: by a client directly, and what a gate is told to do so by itself.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { ACCOUNT, gateCertificates } from './gate-account.ts';
import { NOBODY } from './routed-gate.ts';
import { expectCode } from './session.ts';
import type { SignIn } from './strict-servers.ts';
import { greetDirectly } from './two-ways.ts';

/** With what: the right password or certificate; a wrong password, or a certificate of somebody else's making; none at all. */
export type Credential = 'right' | 'wrong' | 'none';

export const WRONG_PASSWORD = 'a password of nobody’s';

/** The client whose mail goes to the mail server in this way. */
export const clientOf = (signIn: SignIn, credential: Credential): string =>
  credential === 'none' ? NOBODY : `${signIn} ${credential}`;

/** ... and what the gate is told about each; what that names lies in `folder`. */
export async function waysOf(
  signIns: readonly SignIn[],
  folder: string,
): Promise<Readonly<Record<string, object>>> {
  const ways: Record<string, object> = {};
  for (const signIn of signIns) {
    for (const credential of ['right', 'wrong'] as const)
      ways[clientOf(signIn, credential)] = await upstreamSettings(signIn, { credential, folder });
  }
  return ways;
}

async function upstreamSettings(
  signIn: SignIn,
  { credential, folder }: { credential: 'right' | 'wrong'; folder: string },
): Promise<object> {
  const file = (name: string) => join(folder, `${credential}-${name}`);
  if (signIn === 'PLAIN' || signIn === 'LOGIN') {
    const password = credential === 'right' ? ACCOUNT.password : WRONG_PASSWORD;
    const place = { file: writeSecret(file('password'), password) };
    return { login: { user: ACCOUNT.user, password: place, mechanism: signIn } };
  }
  const { certificate, key } = await certificateFor(credential);
  const files = {
    certificate: writeSecret(file('gate.pem'), certificate),
    key: writeSecret(file('gate-key.pem'), key),
  };
  return { clientCertificate: { ...files, login: signIn === 'EXTERNAL' } };
}

function writeSecret(file: string, text: string): string {
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** A client of the mail server itself that has signed in, and what it is offered. */
export async function connectSignedIn(
  port: number,
  signIn: SignIn,
  credential: Credential,
): Promise<{ client: SmtpClient; offered: ReadonlySet<string> }> {
  const { ca } = await testCertificate();
  const byCertificate = signIn === 'EXTERNAL' || signIn === 'certificate alone';
  const greeted = await greetDirectly({
    port,
    ca,
    ...(byCertificate && credential !== 'none' && { clientCertificate: await certificateFor(credential) }),
  });
  const { client } = greeted;
  if (credential === 'none' || signIn === 'certificate alone') return greeted;
  if (signIn === 'LOGIN') {
    expectCode(await client.command('AUTH LOGIN'), 334);
    expectCode(await client.command(base64(ACCOUNT.user)), 334);
    expectCode(await client.command(base64(ACCOUNT.password)), 235);
    return greeted;
  }
  const response = signIn === 'PLAIN' ? base64(`\0${ACCOUNT.user}\0${ACCOUNT.password}`) : '=';
  expectCode(await client.command(`AUTH ${signIn} ${response}`), 235);
  return greeted;
}

async function certificateFor(credential: Credential): Promise<{ certificate: string; key: string }> {
  const { own, forged } = await gateCertificates();
  return credential === 'right' ? own : forged;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
