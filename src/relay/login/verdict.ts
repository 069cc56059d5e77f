// Owns what the outcome of a sign-in means: done, refused, refused for now, too many at once; in words that hold no secret.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import { type Reply, replyText } from '../connection/reply.ts';
import type { Exchanged } from './exchange.ts';
import type { SignIn } from './mechanism.ts';
import { scrub } from './scrub.ts';

/** Undefined where Postern is signed in. */
export function verdict(
  { outcome, challenge, endless }: Exchanged,
  signIn: SignIn,
  dialogue: UpstreamDialogue,
): Refusal | undefined {
  const { farewell } = dialogue;
  const how = `${signIn.mechanism} as ${signIn.user.replace(/[\x00-\x1f\x7f]/g, '?')}`;
  const quote = (reply: Reply): string => quoted(replyText(reply), signIn) + told(challenge, signIn);
  if (isRefusal(outcome)) {
    // RFC 4954 has no 421; servers say it when they have had enough, of this one or of all of us together.
    if (farewell) return refuse('upstream-busy', `upstream broke ${how} off: ${quote(farewell)}`);
    return refuse(outcome.code, `${how}: ${quoted(outcome.reason, signIn)}`);
  }
  if (endless)
    return refuse(
      'upstream-protocol',
      `upstream asked for more than ${how} has to say${told(challenge, signIn)}`,
    );
  if (outcome.code === 235) return undefined;
  const said = `upstream refused ${how}: ${quote(outcome)}`;
  if (isAboutNumbers(outcome)) return refuse('upstream-busy', said);
  if (outcome.code === 432 || outcome.code >= 500) return refuse('upstream-login', said);
  if (outcome.code >= 400) return refuse('upstream-unavailable', said);
  return refuse('upstream-protocol', `upstream answered ${how} out of turn: ${quote(outcome)}`);
}

/** Whether another token may help: the upstream has said no, and not because of the mechanism or for now. */
export function isAboutToken({ outcome, challenge, endless }: Exchanged): boolean {
  if (isRefusal(outcome) || endless || outcome.code < 500) return false;
  return outcome.code === 535 || (challenge !== undefined && challenge !== '');
}

/** Microsoft's "432 4.3.2 Concurrent connections limit exceeded"; RFC 4954 §6 has a 432 4.7.12 for old passwords. */
function isAboutNumbers({ code, lines }: Reply): boolean {
  return code === 432 && !/^\d\.7\.\d/.test(lines[0] ?? '');
}

const quoted = (text: string, { messages, secrets }: SignIn): string => scrub(text, forms(messages, secrets));

/** A secret, and how it looks as a part of what was sent. */
function forms(messages: SignIn['messages'], secrets: SignIn['secrets']): string[] {
  const plain = secrets.map((secret) => secret.reveal());
  return [...messages, ...plain, ...plain.map((text) => Buffer.from(text, 'utf8').toString('base64'))];
}

/** RFC 7628 §3.2.2: the challenge is JSON that tells more than the reply; so it is with Google. */
function told(challenge: string | undefined, signIn: SignIn): string {
  const text = Buffer.from((challenge ?? '').slice(0, 2048), 'base64').toString('latin1');
  if (!/^\{[\x20-\x7e\s]+\}\s*$/.test(text)) return '';
  return ` (${quoted(text.replace(/\s+/g, ' ').trim().slice(0, 300), signIn)})`;
}
