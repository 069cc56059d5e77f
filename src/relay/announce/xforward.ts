// Owns XFORWARD: for the next message the upstream logs the client's address beside Postern's, and nothing else (XFORWARD_README).

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import { replyText } from '../connection/reply.ts';
import type { Attributes } from './attributes.ts';
import { type Demand, offeredAttributes, put } from './command.ts';

/**
 * All that the upstream takes, each time: after a refused MAIL the values of the message before still hold. Without SOURCE, which
 * would have the upstream complete headers or not, and without IDENT, for Postern has no name of its own for a message.
 */
const ATTRIBUTES = ['NAME', 'ADDR', 'PORT', 'PROTO', 'HELO'] as const;

/** Refuses as `announce` does. */
export async function tellLog(given: {
  dialogue: UpstreamDialogue;
  attributes: Attributes;
  demand: Demand;
  timeout: number;
}): Promise<Refusal | undefined> {
  const offered = offeredAttributes(given.dialogue, 'XFORWARD');
  if (given.demand === 'required' && !offered?.has('ADDR')) {
    return refuse(
      'upstream-login',
      'upstream does not offer XFORWARD: Postern’s address must be in its smtpd_authorized_xforward_hosts',
    );
  }
  const names = ATTRIBUTES.filter((name) => offered?.has(name));
  if (names.length === 0) return undefined;
  const reply = await put({ ...given, verb: 'XFORWARD', names });
  if (isRefusal(reply)) return reply;
  if (reply.code === 250) return undefined;
  if (reply.code < 400)
    return refuse('upstream-protocol', `upstream answered XFORWARD with ${replyText(reply)}`);
  return refuse(
    'upstream-login',
    `upstream refuses XFORWARD: ${replyText(reply)}; is Postern’s address in its smtpd_authorized_xforward_hosts?`,
  );
}
