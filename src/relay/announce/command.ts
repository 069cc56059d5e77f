// Owns the shape that XCLIENT and XFORWARD share: a verb, and values for those attributes that the upstream has said it takes.

import { isRefusal, type Refusal } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import type { Reply } from '../connection/reply.ts';
import { type Attributes, UNAVAILABLE } from './attributes.ts';

/** Whether no mail goes where the upstream does not offer it. */
export type Demand = 'when-offered' | 'required';

/** Names in upper case; undefined where the command is not offered. */
export function offeredAttributes(
  { capabilities }: UpstreamDialogue,
  verb: 'XCLIENT' | 'XFORWARD',
): ReadonlySet<string> | undefined {
  const parameters = capabilities.keywords.get(verb);
  return parameters === undefined
    ? undefined
    : new Set(parameters.toUpperCase().split(/\s+/).filter(Boolean));
}

/** Says it, and waits for the reply. */
export async function put(given: {
  dialogue: UpstreamDialogue;
  verb: 'XCLIENT' | 'XFORWARD';
  names: readonly (keyof Attributes)[];
  attributes: Attributes;
  /** Milliseconds. */
  timeout: number;
}): Promise<Reply | Refusal> {
  const { dialogue, attributes, timeout } = given;
  const say = (values: Attributes) =>
    dialogue.command(
      `${given.verb} ${given.names.map((name) => `${name}=${values[name]}`).join(' ')}`,
      timeout,
    );
  const reply = await say(attributes);
  // Postfix with `inet_protocols = ipv4` knows no other addresses. Without one the client is nobody's neighbour to it.
  const unreadable = !isRefusal(reply) && reply.code === 501 && attributes.ADDR.startsWith('IPV6:');
  return unreadable ? say({ ...attributes, ADDR: UNAVAILABLE }) : reply;
}
