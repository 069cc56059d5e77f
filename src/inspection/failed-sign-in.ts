// Owns what a server does about a sign-in that fails: the answer to a bad token, and whether it offers other mechanisms afterwards.

import type { Capabilities } from './capabilities.ts';
import type { Dialogue } from './dialogue.ts';
import { DialogueFault } from './fault.ts';
import { type Finding, ok, problem, warning } from './findings.ts';
import { type Reply, spell } from './reply.ts';
import { endOfExchange, judgeChallenge, madeUpResponse } from './sasl-messages.ts';
import { HIDDEN } from './transcript.ts';
import { arrive, sayEhlo, tryCommand, type Visit } from './visit.ts';

export interface FailedSignIn {
  readonly mechanism: string;
  /** The text of the 334, where there was one. */
  readonly challenge: string | undefined;
  /** The last reply; undefined where the server hung up. */
  readonly reply: Reply | undefined;
}

export interface OfferOverTime {
  readonly before: readonly string[];
  /** After a failed AUTH, and after a MAIL that nobody signed in for; as far as the connection lasted. */
  readonly after: readonly string[];
}

export async function probeFailedSignIn(
  visit: Visit,
): Promise<{ attempt: FailedSignIn; offer: OfferOverTime }> {
  const { dialogue, capabilities } = await arrive(visit, 'a bad token');
  try {
    const [first = 'OAUTHBEARER'] = preferTokens(capabilities.mechanisms);
    const attempt = await failToSignIn(dialogue, first);
    return { attempt, offer: await watchOffer(dialogue, capabilities) };
  } finally {
    await dialogue.quit();
  }
}

/** One AUTH with a made-up credential, played to its end. */
export async function failToSignIn(dialogue: Dialogue, mechanism: string): Promise<FailedSignIn> {
  const response = madeUpResponse(mechanism);
  const command = `AUTH ${mechanism}`;
  const first = await (response === undefined
    ? tryCommand(dialogue, command)
    : tryCommand(dialogue, `${command} ${response}`, `${command} ${HIDDEN}`));
  if (first?.code !== 334) return { mechanism, challenge: undefined, reply: first };
  // The server goes on with it. RFC 4954 §4: `*` gives up, where there is nothing more to say.
  const end = isToken(mechanism) ? endOfExchange(mechanism) : '*';
  const last = await tryCommand(dialogue, end, end === '*' ? end : HIDDEN);
  return { mechanism, challenge: first.lines[0] ?? '', reply: last };
}

/** What EHLO offers once a sign-in has failed, and once a sender was refused. */
export async function watchOffer(dialogue: Dialogue, before: Capabilities): Promise<OfferOverTime> {
  const after: string[] = [];
  try {
    after.push(...(await sayEhlo(dialogue)).mechanisms);
    await dialogue.command('MAIL FROM:<>');
    await dialogue.command('RSET');
    after.push(...(await sayEhlo(dialogue)).mechanisms);
  } catch (error) {
    // It may have had enough of us; what it has offered by then is offered.
    if (!(error instanceof DialogueFault) || !['closed', 'refused'].includes(error.kind)) throw error;
  }
  return { before: before.mechanisms, after: [...new Set(after)] };
}

export function judgeOffer({ before, after }: OfferOverTime, where: string): Finding {
  const added = after.filter((name) => !before.includes(name));
  if (added.length === 0) {
    return ok('mechanisms-after-failure', `${where}, a failure changes nothing about what is offered`);
  }
  return problem(
    'mechanisms-after-failure',
    `${where}, ${added.join(', ')} is offered only after a failure: a client that asks first never sees it, an attacker does`,
    'Offer it in every EHLO reply, or never.',
  );
}

/** @param isOffered whether EHLO showed the mechanism; nothing is owed to who tries another */
export function judgeFailedSignIn(attempt: FailedSignIn, isOffered: boolean): Finding[] {
  const { mechanism, challenge, reply } = attempt;
  if (reply?.code === 235) {
    return [
      problem(
        'bad-token',
        `a made-up credential is accepted with ${mechanism}: anybody can sign in as anybody`,
        'Take the server off the network and look at how it verifies credentials.',
      ),
    ];
  }
  if (!isOffered || !isToken(mechanism)) return [];
  if (reply === undefined) {
    return [
      warning(
        'bad-token',
        'the connection ends at the first bad token, so a client cannot come with a fresh one',
        'RFC 4954 §9: not before the third failure.',
      ),
    ];
  }
  if (reply.code === 454) {
    return [
      warning(
        'bad-token',
        `tokens cannot be verified at the moment: ${spell(reply)}`,
        'See whether the server reaches the issuer of its tokens.',
      ),
    ];
  }
  if (challenge === undefined) {
    return [
      warning(
        'bad-token',
        `a bad token is refused at once (${spell(reply)}), without the challenge of RFC 7628 §3.2.2`,
        'Clients fetch a fresh token only at that challenge; let the server send it.',
      ),
    ];
  }
  if (reply.code !== 535) {
    return [
      warning(
        'bad-token',
        `a bad token is refused in the end with ${spell(reply)}`,
        'RFC 4954 §6 has 535 for bad credentials; some clients go by it alone.',
      ),
    ];
  }
  return judgeChallenge(challenge);
}

function isToken(mechanism: string): boolean {
  return mechanism === 'OAUTHBEARER' || mechanism === 'XOAUTH2';
}

function preferTokens(mechanisms: readonly string[]): string[] {
  return [...mechanisms.filter(isToken).sort(), ...mechanisms.filter((name) => !isToken(name))];
}
