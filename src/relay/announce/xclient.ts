// Owns XCLIENT: from then on the upstream takes this connection for the client's own, signed in as the user (XCLIENT_README).

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { readCapabilities } from '../connection/capabilities.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import { type Reply, replyText } from '../connection/reply.ts';
import type { Attributes } from './attributes.ts';
import { type Demand, offeredAttributes, put } from './command.ts';

/** In one command: each further one makes Postfix forget LOGIN, PROTO and HELO of the one before it. ADDR is what ends the right to say more. */
const ATTRIBUTES = ['LOGIN', 'PROTO', 'HELO', 'PORT', 'NAME', 'REVERSE_NAME', 'ADDR'] as const;
/** RFC 5321 §4.5.3.1.4, without the CRLF. */
const MAX_LINE = 510;
/** RFC 5321 §4.1.1.1: a domain or an address literal. Anything else may not be fit to stand on a line. */
const EHLO_NAME = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,254})|\[[A-Za-z0-9.:]{2,253}\])$/;

export interface Introduction {
  readonly dialogue: UpstreamDialogue;
  readonly attributes: Attributes;
  readonly demand: Demand;
  /** For the EHLO behind it: the client's, so that the upstream logs and judges that; Postern's where the client's is none. */
  readonly helo: { readonly own: string; readonly client: string | undefined };
  /** Milliseconds. */
  readonly timeout: number;
}

/** Nothing to say where it was said already. Refuses as `announce` does. */
export async function tellClient(given: Introduction): Promise<Refusal | undefined> {
  const { dialogue, attributes, demand } = given;
  const identity = identityIn(attributes);
  if (dialogue.announced === identity) return undefined;
  const offered = offeredAttributes(dialogue, 'XCLIENT');
  const complete = offered?.has('LOGIN') && offered.has('ADDR');
  // What is not said anew would stay as it was said for the other client.
  if (dialogue.announced !== undefined && !complete) return boundToAnother();
  if (demand === 'required' && !complete) return notOffered(offered);
  const names = ATTRIBUTES.filter((name) => offered?.has(name));
  if (names.length === 0) return undefined;

  const told = await put({ ...given, verb: 'XCLIENT', names: fitting(names, attributes) });
  if (isRefusal(told)) return ofThisClient(told, dialogue);
  if (told.code !== 220) return notTaken(told);
  const { own, client } = given.helo;
  const hello = await dialogue.command(
    `EHLO ${client !== undefined && EHLO_NAME.test(client) ? client : own}`,
    given.timeout,
  );
  if (isRefusal(hello)) return ofThisClient(hello, dialogue);
  if (hello.code !== 250) return notGreeted(hello);
  const lines = hello.lines.map((line) => `250-${line}`).join('\n');
  dialogue.capabilities = readCapabilities(lines, { secure: dialogue.secure });
  dialogue.announced = identity;
  return undefined;
}

/** What `announced` of a dialogue is once the upstream knows all this. */
export const identityIn = (attributes: Attributes): string =>
  ATTRIBUTES.map((name) => `${name}=${attributes[name]}`).join(' ');

/** The EHLO that follows says HELO's value too, so that a command of two long values can do without it. */
function fitting<Name extends (typeof ATTRIBUTES)[number]>(
  names: readonly Name[],
  attributes: Attributes,
): Name[] {
  const length = names.reduce(
    (sum, name) => sum + 2 + name.length + attributes[name].length,
    'XCLIENT'.length,
  );
  return names.filter((name) => name !== 'HELO' || length <= MAX_LINE);
}

/** Postfix lets only those addresses say XCLIENT that are on its list, and the client's, which it believes in now, is not. */
function boundToAnother(): Refusal {
  return refuse(
    'upstream-lost',
    'this connection speaks for another client, and the upstream lets nobody change that',
  );
}

function notOffered(offered: ReadonlySet<string> | undefined): Refusal {
  return refuse(
    'upstream-login',
    offered
      ? `upstream offers XCLIENT without LOGIN or ADDR (${[...offered].join(' ')}); it needs Postfix 2.9 or newer, with SASL built in`
      : 'upstream does not offer XCLIENT: Postern’s address must be in its smtpd_authorized_xclient_hosts',
  );
}

/** A 421 is Postfix's word on the client where that has too many connections: no fault of the upstream that others would suffer for. */
function ofThisClient(refusal: Refusal, dialogue: UpstreamDialogue): Refusal {
  return dialogue.farewell ? refuse('upstream-busy', `after XCLIENT ${refusal.reason}`) : refusal;
}

function notTaken(reply: Reply): Refusal {
  if (reply.code < 400)
    return refuse('upstream-protocol', `upstream answered XCLIENT with ${replyText(reply)}`);
  return refuse(
    'upstream-login',
    `upstream refuses XCLIENT: ${replyText(reply)}; is Postern’s address in its smtpd_authorized_xclient_hosts?`,
  );
}

function notGreeted(reply: Reply): Refusal {
  if (reply.code < 400) return refuse('upstream-protocol', `upstream answered EHLO with ${replyText(reply)}`);
  return refuse('upstream-login', `upstream refuses the client’s EHLO after XCLIENT: ${replyText(reply)}`);
}
