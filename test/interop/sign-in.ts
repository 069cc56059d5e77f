// Owns the signing in of a person at `postern token`, by a browser that does without a window: it follows redirects and fills forms.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBrowser, type Transport } from '../support/authorization-browser.ts';
import { programEnvironment, runProgram } from './program.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Where people sign in: Postern's issuer and the demo's identity provider. */
export interface Site {
  readonly issuer: string;
  readonly identityProvider: string;
}

/** A sign-in as `postern token` keeps it. */
export interface KeptSignIn {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** Where `postern token` keeps the sign-in of whoever has this home folder. */
export const credentialFile = (home: string): string => join(home, '.config/postern/credentials.json');

/**
 * Runs `postern token` in the home folder for the first time. Alice signs in at the demo's identity provider and allows it.
 * @returns whether she was asked for her consent
 */
export async function signIn(given: Site & { home: string }): Promise<{ asked: boolean }> {
  const { issuer, home } = given;
  const child = spawn(process.execPath, [MAIN, 'token', '--issuer', issuer, '--browser'], {
    cwd: home,
    env: programEnvironment(home),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = once(child, 'close');
  try {
    const url = await until(() => /^ +(http\S+)$/m.exec(said)?.[1], '`postern token` to name an address');
    const result = await visit(new URL(url), given);
    const [code] = await ended;
    if (code !== 0) throw new Error(`postern token ended with ${code}: ${said}`);
    return result;
  } finally {
    child.kill('SIGKILL');
  }
}

async function visit(url: URL, { issuer, identityProvider }: Site): Promise<{ asked: boolean }> {
  const redirectUri = new URL(url.searchParams.get('redirect_uri') ?? '');
  const browser = createBrowser({
    transport: overHttp,
    origins: [issuer, identityProvider, redirectUri.origin],
  });
  const signInPage = await browser.go(url);
  const afterSignIn = /name="password"/.test(signInPage.text)
    ? await browser.submit(signInPage.url, { login: 'alice', password: 'demo' })
    : signInPage;
  const asked = afterSignIn.url.origin !== redirectUri.origin;
  const last = asked ? await browser.press(afterSignIn, 'answer', 'allow') : afterSignIn;
  if (last.url.origin !== redirectUri.origin) {
    throw new Error(`the sign-in ended at ${last.url.origin} with ${last.status}`);
  }
  return { asked };
}

const overHttp: Transport = async ({ method, url, headers, body }) => {
  const response = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};

export function keptSignIn(home: string): KeptSignIn {
  const { signIns } = JSON.parse(readFileSync(credentialFile(home), 'utf8')) as { signIns: KeptSignIn[] };
  const [only] = signIns;
  if (!only) throw new Error('no sign-in is kept');
  return only;
}

/** What `postern token` prints to a mail program: nobody is there to sign in. */
export async function printToken(home: string, ...parameters: string[]): Promise<string> {
  const run = await runProgram(process.execPath, [MAIN, 'token', ...parameters], { folder: home });
  if (run.code !== 0) throw new Error(`postern token ended with ${run.code}: ${run.errors}`);
  return run.output.trim();
}
