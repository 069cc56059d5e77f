// The logic of `postern token`: prints an access token for a mail program, or ends the sign-in it came from.

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isRefusal } from '../refusal.ts';
import { createNativeClient } from '../relying-party/native-client.ts';
import { Secret } from '../setting.ts';
import { defaultCredentialFile, readCredentials, writeCredentials } from './credential-file.ts';
import { withLock } from './credential-lock.ts';
import { CommandFailure, usageFailure } from './failure.ts';
import {
  checkIssuer,
  chooseSignIn,
  failureOf,
  find,
  nativeClient,
  obtainPersonToken,
  type TokenMeans,
  without,
} from './person-token.ts';
import { EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export { DEFAULT_CLIENT_ID, DEFAULT_SCOPE, type TokenMeans } from './person-token.ts';

export const DEFAULT_APP_SCOPE = 'smtp.submit';

/** Limit for one request of an app, milliseconds. */
const REQUEST_TIMEOUT = 15_000;

/** As commander reads them; nothing has a default there, so that what is kept can fill the gaps. */
export interface TokenOptions {
  /** Undefined: that of the kept sign-in. Required the first time, and for an app. */
  readonly issuer?: string | undefined;
  /** Undefined: that of the kept sign-in, else `postern-cli`. Required for an app. */
  readonly clientId?: string | undefined;
  /** Undefined: that of the kept sign-in, else {@link DEFAULT_SCOPE}; for an app {@link DEFAULT_APP_SCOPE}. */
  readonly scope?: string | undefined;
  /** Where sign-ins are kept; undefined: {@link defaultCredentialFile}. */
  readonly file?: string | undefined;
  /** File with an app's secret; `POSTERN_CLIENT_SECRET` in the environment does the same. */
  readonly clientSecretFile?: string | undefined;
  /** Sign in through the browser where needed, even where standard error is no terminal. */
  readonly browser?: boolean | undefined;
  /** Sign in where needed by a code that a person enters in a browser elsewhere, also where standard error is no terminal. */
  readonly device?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly signOut?: boolean | undefined;
}

interface Given {
  readonly options: TokenOptions;
  readonly surroundings: Surroundings;
  readonly means?: TokenMeans;
}

/**
 * Writes the access token and a line end to `surroundings.output`, and nothing else there; people read the rest on
 * `surroundings.errors`. Resolves with the exit code; throws CommandFailure for what goes wrong.
 */
export async function runToken(given: Given): Promise<number> {
  const secret = await readAppSecret(given);
  if (secret !== undefined) return tokenForApp(given, secret);
  if (given.options.signOut === true) return signOut(given);
  const { options, surroundings, means = {} } = given;
  const { issuer, clientId, scope, browser = false, device = false } = options;
  if (browser && device) throw usageFailure('--browser and --device are two ways to sign in', 'Choose one.');
  const mayAsk = browser || device || surroundings.errors.isTTY === true;
  const way = device ? 'device' : 'browser';
  const request = { issuer, clientId, scope, file: fileOf(given), mayAsk, way } as const;
  print(given, await obtainPersonToken({ request, surroundings, means }));
  return EXIT.done;
}

/** For `postern send`: the person's token as {@link runToken} would print it, and the person's address. */
export async function signIn(given: {
  readonly issuer: string;
  readonly surroundings: Surroundings;
  readonly means?: TokenMeans;
}): Promise<{ token: Secret; address: string | undefined }> {
  const { issuer, surroundings, means = {} } = given;
  const credential = await obtainPersonToken({
    request: {
      issuer,
      clientId: undefined,
      scope: undefined,
      file: fileOf({ options: {}, surroundings }),
      mayAsk: surroundings.errors.isTTY === true,
      way: 'browser',
    },
    surroundings,
    means,
  });
  return { token: new Secret(credential.accessToken), address: credential.address };
}

async function tokenForApp(given: Given, clientSecret: Secret): Promise<number> {
  const { options, means = {} } = given;
  const { issuer, clientId, scope = DEFAULT_APP_SCOPE } = options;
  if (options.signOut === true) throw usageFailure('an app has no sign-in to end', APP_HINT);
  if (options.device === true) throw usageFailure('an app has no person to enter a code', APP_HINT);
  if (clientId === undefined) throw usageFailure('an app’s secret needs its --client-id', APP_HINT);
  if (issuer === undefined) throw usageFailure('an app’s secret needs the --issuer it is for', APP_HINT);
  checkIssuer(issuer);
  const timeout = means.requestTimeout ?? REQUEST_TIMEOUT;
  const client = createNativeClient({ issuer, clientId, clientSecret, timeout, now: means.now ?? Date.now });
  const tokens = await client.clientCredentials({ scope });
  if (isRefusal(tokens)) throw failureOf(tokens, issuer);
  print(given, { ...tokens, issuer });
  return EXIT.done;
}

const APP_HINT = 'For a person, leave out --client-secret-file and unset POSTERN_CLIENT_SECRET.';

async function signOut(given: Given): Promise<number> {
  const { surroundings, means = {} } = given;
  const file = fileOf(given);
  if ((await readCredentials(file)).length === 0) say(surroundings.errors, 'Not signed in.');
  else await withLock(file, () => revokeAndForget(given, file), means.lockTimes);
  return EXIT.done;
}

/** In this order: what the server did not hear of is not forgotten here. */
async function revokeAndForget({ options, surroundings, means = {} }: Given, file: string): Promise<void> {
  const kept = await readCredentials(file);
  const { issuer, clientId } = options;
  const wanted = chooseSignIn(kept, { issuer, clientId, scope: undefined });
  const entry = find(kept, wanted);
  if (entry === undefined) return say(surroundings.errors, `Not signed in at ${wanted.issuer}.`);
  if (entry.refreshToken !== undefined) {
    const outcome = await nativeClient(wanted, means).revoke(entry.refreshToken);
    if (isRefusal(outcome)) throw failureOf(outcome, wanted.issuer);
    if (outcome === 'not-offered') {
      say(surroundings.errors, 'The server offers no revocation: there the sign-in ends by itself.');
    }
  }
  await writeCredentials(file, without(kept, wanted));
  say(surroundings.errors, `Signed out of ${wanted.issuer}.`);
}

function fileOf({ options, surroundings }: Pick<Given, 'options' | 'surroundings'>): string {
  return resolve(surroundings.directory, options.file ?? defaultCredentialFile(surroundings.environment));
}

/** From a file or the environment: on the command line every user of the machine could read it. */
async function readAppSecret({ options, surroundings }: Given): Promise<Secret | undefined> {
  if (options.clientSecretFile === undefined) {
    const text = surroundings.environment['POSTERN_CLIENT_SECRET'];
    return text ? new Secret(text) : undefined;
  }
  const file = resolve(surroundings.directory, options.clientSecretFile);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailure(`cannot read the client secret in ${file}: ${error.code}`);
  });
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '' || secret.length > 4096)
    throw new CommandFailure(`${file} does not hold a client secret`);
  return new Secret(secret);
}

function print(
  { options, surroundings }: Given,
  token: {
    readonly accessToken: string;
    readonly expiresAt: number | undefined;
    issuer: string;
    scope: string;
  },
): void {
  const { accessToken, expiresAt, issuer, scope } = token;
  if (options.json !== true) return say(surroundings.output, accessToken);
  sayJson(surroundings, { access_token: accessToken, expires_at: expiresAt ?? null, issuer, scope });
}
