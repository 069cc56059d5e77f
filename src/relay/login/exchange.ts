// Owns the exchange of one AUTH command (RFC 4954 §4): challenges are answered in their order, and never one too many.

import { isRefusal, type Refusal } from '../../refusal.ts';
import type { Reply } from '../connection/reply.ts';
import type { SignIn } from './mechanism.ts';
import { fitsInCommand } from './token-words.ts';

/** Sends one line, without CRLF, and gives the reply. */
export type Say = (line: string) => Promise<Reply | Refusal>;

export interface Exchanged {
  /** The final reply; or, where there is none, why. */
  readonly outcome: Reply | Refusal;
  /** The challenge that came when all was said, as it was sent: how token mechanisms tell why they refuse. */
  readonly challenge?: string;
  /** True where the upstream would not come to an end, and Postern has cancelled. */
  readonly endless?: true;
}

export async function exchange(say: Say, signIn: SignIn): Promise<Exchanged> {
  const messages = [...signIn.messages];
  let outcome = await say(`AUTH ${signIn.mechanism}${initialResponse(signIn, messages)}`);
  while (isChallenge(outcome)) {
    const next = messages.shift();
    if (next === undefined) return await finish(say, signIn, outcome);
    outcome = await say(next);
  }
  return { outcome };
}

/** The first message where the command has room for it; it is then taken from the messages. */
function initialResponse({ mechanism, startsAtOnce }: SignIn, messages: string[]): string {
  const [first] = messages;
  if (!startsAtOnce || first === undefined) return '';
  // RFC 4954 §4: "=" is a response that is there, and empty.
  const response = ` ${first === '' ? '=' : first}`;
  if (!fitsInCommand(`AUTH ${mechanism}${response}`)) return '';
  messages.shift();
  return response;
}

async function finish(say: Say, { lastWord }: SignIn, first: Reply): Promise<Exchanged> {
  const challenge = first.lines.join('');
  const outcome = lastWord === undefined ? first : await say(lastWord);
  if (!isChallenge(outcome)) return { outcome, challenge };
  // RFC 4954 §4: an exchange is cancelled with "*".
  return { outcome: await say('*'), challenge, endless: true };
}

const isChallenge = (outcome: Reply | Refusal): outcome is Reply =>
  !isRefusal(outcome) && outcome.code === 334;
