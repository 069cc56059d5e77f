// Owns the probe with a real token: signs in, names sender and recipient, and goes before a message begins.

import { OAUTH_MECHANISMS } from './capabilities.ts';
import type { Dialogue } from './dialogue.ts';
import { type Finding, ok, problem, warning } from './findings.ts';
import { type Reply, spell } from './reply.ts';
import { bearerResponse, endOfExchange, readChallenge } from './sasl-messages.ts';
import { readTlsFacts } from './tls-facts.ts';
import { isTrustworthy } from './tls-judgement.ts';
import { HIDDEN } from './transcript.ts';
import { arrive, type Visit } from './visit.ts';

export interface SignInOptions {
  readonly token: string;
  /** Whom the token speaks for: sender and recipient of the probe. */
  readonly user: string | undefined;
}

export async function probeSignIn(visit: Visit, options: SignInOptions): Promise<Finding[]> {
  const { dialogue, capabilities } = await arrive(visit, 'sign-in with the token');
  try {
    const untold = whyNotTold(visit, dialogue);
    if (untold !== undefined) return [untold];
    const mechanism = OAUTH_MECHANISMS.find((name) => capabilities.mechanisms.includes(name));
    if (mechanism === undefined)
      return [problem('signed-in', 'no mechanism is offered that takes a token', 'Offer OAUTHBEARER.')];
    if (mechanism === 'XOAUTH2' && options.user === undefined)
      return [
        warning('signed-in', 'not signed in: XOAUTH2 needs a user name', 'Name it with --user ADDRESS.'),
      ];
    const { reply, status } = await signIn(dialogue, mechanism, options);
    if (reply.code !== 235) return [refused(reply, status)];
    const signedIn = ok('signed-in', `signed in with ${mechanism}`);
    return [signedIn, ...(options.user === undefined ? [] : [await tryEnvelope(dialogue, options.user)])];
  } finally {
    await dialogue.quit();
  }
}

/** A bearer token works for whoever reads it: it goes to nobody but the server that was meant. */
function whyNotTold(visit: Visit, dialogue: Dialogue): Finding | undefined {
  const { tls: socket } = dialogue;
  if (socket && isTrustworthy(readTlsFacts({ socket, host: visit.host, now: Date.now() }))) return undefined;
  return problem(
    'signed-in',
    'the token was not sent: without TLS and a trusted certificate for this host somebody else could read it',
    'See the findings on TLS and the certificate. For an authority of your own, --ca FILE.',
  );
}

/** RFC 4954 §4: a line of more than 512 octets may hold no initial response. */
const MAX_COMMAND = 510;

async function signIn(
  dialogue: Dialogue,
  mechanism: 'OAUTHBEARER' | 'XOAUTH2',
  options: SignInOptions,
): Promise<{ reply: Reply; status: string | undefined }> {
  const response = bearerResponse({ mechanism, ...options });
  const command = `AUTH ${mechanism}`;
  let reply: Reply;
  if (command.length + 1 + response.length <= MAX_COMMAND) {
    reply = await dialogue.command(`${command} ${response}`, `${command} ${HIDDEN}`);
  } else {
    reply = await dialogue.command(command);
    if (reply.code === 334) reply = await dialogue.command(response, HIDDEN);
  }
  if (reply.code !== 334) return { reply, status: undefined };
  const status = readChallenge(reply.lines[0] ?? '')?.status;
  return { reply: await dialogue.command(endOfExchange(mechanism), HIDDEN), status };
}

function refused(reply: Reply, status: string | undefined): Finding {
  const why = status === undefined ? '' : `, status ${status}`;
  return problem(
    'signed-in',
    `the token is refused: ${spell(reply)}${why}`,
    reply.code === 454
      ? 'The server cannot verify tokens at the moment; see whether it reaches the issuer.'
      : 'It may have expired, or stand for another server or user; `postern token` gets a new one.',
  );
}

/** To oneself: the address exists, and nobody else hears of it. Nothing is sent. */
async function tryEnvelope(dialogue: Dialogue, user: string): Promise<Finding> {
  const sender = await dialogue.command(`MAIL FROM:<${user}>`);
  if (sender.code >= 300) return envelopeRefused('sender', user, sender);
  const recipient = await dialogue.command(`RCPT TO:<${user}>`);
  await dialogue.command('RSET');
  if (recipient.code >= 300) return envelopeRefused('recipient', user, recipient);
  return ok('signed-in', `${user} is accepted as sender and as recipient`);
}

function envelopeRefused(role: 'sender' | 'recipient', user: string, reply: Reply): Finding {
  return problem(
    'signed-in',
    `${user} is refused as ${role}: ${spell(reply)}`,
    role === 'sender'
      ? 'See whether the token speaks for that address, and whether the mail server behind is there.'
      : 'See whether the mail server behind takes mail for that address.',
  );
}
