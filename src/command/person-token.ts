// How a person's access token is had: from the kept sign-in, by refreshing it, or through the browser.

import { isRefusal, type Refusal } from '../refusal.ts';
import { openBrowser as openDesktopBrowser } from '../relying-party/browser.ts';
import { isDenied } from '../relying-party/failure.ts';
import { createNativeClient, type NativeClient, type Tokens } from '../relying-party/native-client.ts';
import { type Credential, makeFolder, readCredentials, writeCredentials } from './credential-file.ts';
import { type LockTimes, withLock } from './credential-lock.ts';
import { CommandFailure, usageFailure } from './failure.ts';
import { type Surroundings, say } from './surroundings.ts';

export const DEFAULT_CLIENT_ID = 'postern-cli';
/** `email` is asked for so that `postern send` knows the sender. */
export const DEFAULT_SCOPE = 'smtp.submit offline_access openid email';

/** What is undefined is taken from the kept sign-in, else the default. */
export interface PersonRequest {
  readonly issuer: string | undefined;
  readonly clientId: string | undefined;
  readonly scope: string | undefined;
  /** Absolute path. */
  readonly file: string;
  /** A person is there to sign in. */
  readonly mayAsk: boolean;
  /** Where they sign in: in a browser of this machine, or of any other, in which they enter a code. */
  readonly way: 'browser' | 'device';
}

/** What a test replaces. */
export interface TokenMeans {
  readonly openBrowser?: (url: URL) => Promise<boolean>;
  /** Milliseconds. */
  readonly now?: () => number;
  /** Limit for one request, milliseconds. */
  readonly requestTimeout?: number;
  /** How long a person may take in the browser, milliseconds. */
  readonly signInTimeout?: number;
  readonly lockTimes?: LockTimes;
}

/** Seconds; a kept token is used while it is good for longer than this. */
const LEAST_LIFE = 60;
const REQUEST_TIMEOUT = 15_000;
const SIGN_IN_TIMEOUT = 300_000;

interface Situation {
  readonly request: PersonRequest;
  readonly surroundings: Surroundings;
  readonly means: TokenMeans;
}

/** Throws a CommandFailure that says what to do. Nothing kept is lost by a failure. */
export async function obtainPersonToken(situation: Situation): Promise<Credential> {
  const { request, means } = situation;
  // Without the lock: the file is only ever replaced as a whole.
  const kept = await readCredentials(request.file);
  const wanted = chooseSignIn(kept, request);
  const good = findGood(kept, wanted, means);
  if (good !== undefined) return good;
  if (find(kept, wanted)?.refreshToken === undefined && !request.mayAsk) throw notSignedIn(request);
  await makeFolder(request.file);
  const client = nativeClient(wanted, means);
  const renewed = await withLock(request.file, () => renew(situation, wanted, client), means.lockTimes);
  if (renewed !== undefined) return renewed;
  // Without the lock: a sign-in takes a person's time and uses no refresh token.
  const tokens = await signIn(situation, wanted, client);
  return withLock(request.file, () => keep(situation, wanted, tokens), means.lockTimes);
}

/** A sign-in is known by where it is and which program it is for. */
export interface Wanted {
  readonly issuer: string;
  readonly clientId: string;
  readonly scope: string;
}

/** Which sign-in is meant; a failure for usage where that is not clear. */
export function chooseSignIn(
  kept: readonly Credential[],
  request: Pick<PersonRequest, 'issuer' | 'clientId' | 'scope'>,
): Wanted {
  const { issuer, clientId, scope } = request;
  if (issuer !== undefined) checkIssuer(issuer);
  const fitting = kept.filter(
    (entry) =>
      (issuer === undefined || isSameIssuer(entry.issuer, issuer)) &&
      (clientId === undefined || entry.clientId === clientId),
  );
  const [only] = fitting;
  if (fitting.length > 1) {
    const names = fitting.map((entry) => `${entry.clientId} at ${entry.issuer}`).join(', ');
    throw usageFailure(`you are signed in as ${names}`, 'Say which one with --issuer and --client-id.');
  }
  if (only !== undefined) {
    return { issuer: only.issuer, clientId: only.clientId, scope: scope ?? only.askedScope };
  }
  if (issuer !== undefined) {
    return { issuer, clientId: clientId ?? DEFAULT_CLIENT_ID, scope: scope ?? DEFAULT_SCOPE };
  }
  throw usageFailure(
    'where to sign in is not known yet',
    'Name the OAuth server with --issuer, such as https://mail.example.org; the demo’s is http://localhost:8080.',
  );
}

export function checkIssuer(issuer: string): void {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && !url.username && !url.search && !url.hash)
    return;
  throw usageFailure('--issuer is not a web address', 'It looks like https://mail.example.org.');
}

export function find(kept: readonly Credential[], wanted: Wanted): Credential | undefined {
  return kept.find((entry) => isSameSignIn(entry, wanted));
}

/** The list without that sign-in. */
export function without(kept: readonly Credential[], wanted: Wanted): Credential[] {
  return kept.filter((entry) => !isSameSignIn(entry, wanted));
}

export function nativeClient(wanted: Wanted, means: TokenMeans): NativeClient {
  const timeout = means.requestTimeout ?? REQUEST_TIMEOUT;
  return createNativeClient({ ...wanted, timeout, now: means.now ?? Date.now });
}

/** What to tell people of a refusal by an issuer. */
export function failureOf(refusal: Refusal, issuer: string): CommandFailure {
  if (refusal.code !== 'issuer-unavailable') return new CommandFailure(refusal.reason);
  return new CommandFailure(`${issuer} cannot be used now: ${refusal.reason}`, {
    advice: 'Nothing was changed. Is the address right? Otherwise try again later.',
  });
}

/** Under the lock: another run may have renewed the token meanwhile. Undefined where a person has to sign in. */
async function renew(
  situation: Situation,
  wanted: Wanted,
  client: NativeClient,
): Promise<Credential | undefined> {
  const { request, surroundings, means } = situation;
  const kept = await readCredentials(request.file);
  const good = findGood(kept, wanted, means);
  if (good !== undefined) return good;
  const entry = find(kept, wanted);
  if (entry?.refreshToken !== undefined && isSameScope(entry.askedScope, wanted.scope)) {
    const tokens = await client.refresh({ refreshToken: entry.refreshToken, scope: entry.scope });
    if (!isRefusal(tokens)) return keep(situation, wanted, tokens);
    if (tokens.code !== 'token-revoked') throw failureOf(tokens, wanted.issuer);
    say(
      surroundings.errors,
      `The sign-in at ${wanted.issuer} has ended: it expired, was revoked, or was used elsewhere.`,
    );
  }
  if (!request.mayAsk) throw notSignedIn(request);
  return undefined;
}

async function signIn(situation: Situation, wanted: Wanted, client: NativeClient): Promise<Tokens> {
  const { surroundings, request } = situation;
  const { errors } = surroundings;
  const ask = request.way === 'device' ? askDevice : askBrowser;
  const tokens = await ask(situation, wanted, client);
  if (isDenied(tokens)) throw new CommandFailure('you did not allow it; nothing was changed');
  if (isRefusal(tokens)) throw failureOf(tokens, wanted.issuer);
  const who = tokens.address === undefined ? '' : ` as ${tokens.address}`;
  say(errors, `Signed in${who}. The sign-in is kept in ${request.file}.`);
  if (tokens.refreshToken === undefined) {
    say(errors, 'The server gave no refresh token: you will be asked again when the access token expires.');
  }
  return tokens;
}

function askBrowser({ surroundings, means }: Situation, { scope }: Wanted, client: NativeClient) {
  const { errors } = surroundings;
  const patience = means.signInTimeout ?? SIGN_IN_TIMEOUT;
  return client.signIn({
    scope,
    patience,
    open(url) {
      say(errors, `To sign in, open this address in a browser on this machine:\n\n  ${url.href}\n`);
      say(errors, `Waiting for the browser, ${Math.ceil(patience / 60_000)} min at most. Ctrl-C gives up.`);
      (means.openBrowser ?? openDesktopBrowser)(url).catch(() => undefined);
    },
  });
}

function askDevice({ surroundings }: Situation, { scope }: Wanted, client: NativeClient) {
  const { errors } = surroundings;
  return client.signInByDevice({
    scope,
    show({ verificationUri, verificationUriComplete, userCode, expiresIn }) {
      say(errors, `To sign in, open this address in a browser on any device:\n\n  ${verificationUri}\n`);
      say(errors, `and enter the code:\n\n  ${userCode}\n`);
      if (verificationUriComplete !== undefined) {
        say(errors, `Or open this address, and compare the code:\n\n  ${verificationUriComplete}\n`);
      }
      say(errors, `Waiting for the answer, ${Math.ceil(expiresIn / 60)} min at most. Ctrl-C gives up.`);
    },
    troubled: (reason, wait) => say(errors, `${reason}; asking again in ${wait} s.`),
  });
}

/** Under the lock. */
async function keep(
  { request, surroundings }: Situation,
  wanted: Wanted,
  tokens: Tokens,
): Promise<Credential> {
  const kept = await readCredentials(request.file);
  const old = find(kept, wanted);
  const credential: Credential = {
    issuer: wanted.issuer,
    clientId: wanted.clientId,
    askedScope: wanted.scope,
    scope: tokens.scope,
    // RFC 6749 §6: a server that sends no new refresh token means the old one to stay.
    refreshToken: tokens.refreshToken ?? old?.refreshToken,
    accessToken: tokens.accessToken,
    expiresAt: tokens.expiresAt,
    address: tokens.address ?? old?.address,
  };
  try {
    await writeCredentials(request.file, [...without(kept, wanted), credential]);
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    // The token at hand works; it is the next run that has to sign in.
    say(surroundings.errors, `postern: ${error.message}. You will have to sign in again.`);
  }
  return credential;
}

function findGood(kept: readonly Credential[], wanted: Wanted, means: TokenMeans): Credential | undefined {
  const entry = find(kept, wanted);
  if (entry?.expiresAt === undefined || !isSameScope(entry.askedScope, wanted.scope)) return undefined;
  return entry.expiresAt - (means.now ?? Date.now)() / 1000 > LEAST_LIFE ? entry : undefined;
}

function notSignedIn(request: PersonRequest): CommandFailure {
  const issuer = request.issuer === undefined ? '' : ` --issuer ${request.issuer}`;
  return new CommandFailure('not signed in, or not any more', {
    advice: `Run "postern token${issuer}" in a terminal to sign in through the browser, with --device where there is none.`,
  });
}

function isSameSignIn(
  one: { issuer: string; clientId: string },
  other: { issuer: string; clientId: string },
): boolean {
  return one.clientId === other.clientId && isSameIssuer(one.issuer, other.issuer);
}

function isSameIssuer(one: string, other: string): boolean {
  return new URL(one).href === new URL(other).href;
}

/** The order of scopes means nothing (RFC 6749 §3.3). */
function isSameScope(one: string, other: string): boolean {
  const sorted = (scope: string) => scope.split(' ').filter(Boolean).sort().join(' ');
  return sorted(one) === sorted(other);
}
