// Owns the sign-in on a connection that is up: by password, by client certificate, or with an access token, renewed once.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import type { Account } from '../pool/account.ts';
import type { UpstreamSettings } from '../settings.ts';
import { exchange, type Say } from './exchange.ts';
import { chooseCertificate, choosePassword, chooseToken, offeredMechanisms, withToken } from './mechanism.ts';
import type { TokenSource } from './token-source.ts';
import type { TokenMechanism } from './token-words.ts';
import { isAboutToken, verdict } from './verdict.ts';

interface Given {
  readonly settings: UpstreamSettings;
  readonly account: Account;
  /** Undefined where the settings want no token. */
  readonly tokens: TokenSource | undefined;
}

/**
 * Signs in as the settings say; does nothing where they say nothing. Takes no longer than what connecting has left of
 * `connectTimeout`, not counting the time in which a token is fetched. Whoever gets a refusal closes the connection.
 *
 * @returns undefined once signed in. `upstream-login`: the upstream said no, or no way in is in common. `upstream-busy`: too many at
 * once (421, Microsoft's 432). `upstream-unavailable`: not now (4xx). `upstream-timeout`, `upstream-lost`, `upstream-protocol`; and
 * what the token source refuses. No reason holds a secret, also where the upstream echoes one. Never rejects.
 */
export async function signIn(dialogue: UpstreamDialogue, given: Given): Promise<Refusal | undefined> {
  const { login, oauth, clientCertificate } = given.settings;
  const byCertificate = clientCertificate?.login === true;
  if (!login && !oauth && !byCertificate) return undefined;
  // Settings that would send a secret in clear text are turned down at the start; what DNS and an attacker make of the others ends here.
  if (!dialogue.secure && (byCertificate || !dialogue.local)) return unprotected(given.settings);
  const offered = offeredMechanisms(dialogue.capabilities.keywords);
  const say = withinTime(dialogue, given.settings.connectTimeout);
  if (oauth) return await byToken(dialogue, say, { ...given, offered, wanted: oauth.mechanism });
  const way = login ? choosePassword(offered, login) : chooseCertificate(offered);
  return 'refused' in way ? way : verdict(await exchange(say, way), way, dialogue);
}

async function byToken(
  dialogue: UpstreamDialogue,
  say: Say,
  given: Given & { offered: readonly string[]; wanted: TokenMechanism | undefined },
): Promise<Refusal | undefined> {
  const { tokens } = given;
  const { mailbox = '', userToken } = given.account;
  const mechanism = chooseToken(given.offered, { wanted: given.wanted, mailbox });
  if (isRefusal(mechanism)) return mechanism;
  if (!tokens) return refuse('upstream-login', 'there is no source of access tokens for this upstream');

  const token = await tokens.token({ mailbox, userToken });
  if (isRefusal(token)) return token;
  const first = withToken(mechanism, { mailbox, token });
  if ('refused' in first) return first;
  const exchanged = await exchange(say, first);
  const no = verdict(exchanged, first, dialogue);
  if (!no || !isAboutToken(exchanged)) return no;

  const renewed = await tokens.token({ mailbox, userToken, refused: token });
  if (isRefusal(renewed)) return refuse(renewed.code, `${no.reason}; no other token: ${renewed.reason}`);
  if (renewed.reveal() === token.reveal()) return no;
  const second = withToken(mechanism, { mailbox, token: renewed });
  if ('refused' in second) return second;
  const again = verdict(await exchange(say, second), second, dialogue);
  // Some hang up on a refused token. The renewed one serves the next connection.
  if (again && dialogue.lost)
    return refuse(again.code, `${no.reason}; then, with a renewed token, ${again.reason}`);
  return again;
}

/** Each reply is waited for with what is left of the time for connecting and signing in together. */
function withinTime(dialogue: UpstreamDialogue, connectTimeout: number): Say {
  let left = connectTimeout - dialogue.elapsed;
  return async (line) => {
    const start = performance.now();
    const outcome = await dialogue.command(line, Math.max(1, left));
    left -= performance.now() - start;
    if (!isRefusal(outcome) || outcome.code !== 'upstream-timeout') return outcome;
    return refuse(
      'upstream-timeout',
      `upstream did not come to an end of the sign-in within ${connectTimeout} ms`,
    );
  };
}

function unprotected({ tls, clientCertificate }: UpstreamSettings): Refusal {
  const what = clientCertificate?.login ? 'shows no certificate' : 'would carry a secret in clear text';
  const why =
    tls === 'opportunistic'
      ? 'no STARTTLS came about, and `tls: opportunistic` goes on without'
      : `\`tls: ${tls}\``;
  return refuse('upstream-login', `the connection ${what} (${why}); set \`tls\` to starttls or implicit`);
}
