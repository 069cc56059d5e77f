// Owns how one port is called on: each connection of it, greeted and brought inside TLS, within a number of them.

import { type Capabilities, NO_CAPABILITIES, readCapabilities } from './capabilities.ts';
import { type Dialogue, type Limits, openDialogue } from './dialogue.ts';
import { DialogueFault } from './fault.ts';
import { type Reply, spell } from './reply.ts';
import type { PortMode } from './report.ts';
import type { Transcript } from './transcript.ts';

/** What all connections to one port have in common. */
export interface Visit {
  /** The name the server should bear. */
  readonly host: string;
  /** Name or IP address to connect to; the address that answered, once one has. */
  connectTo: string;
  readonly port: number;
  readonly mode: PortMode;
  readonly ca: string | undefined;
  readonly limits: Limits;
  readonly transcript: Transcript;
  connections: number;
}

/** A server that lets everything pass is asked most; none is called on more often. */
const MAX_CONNECTIONS = 16;

/** A connection that has said who we are. */
export interface Greeted {
  readonly dialogue: Dialogue;
  readonly banner: string;
  readonly capabilities: Capabilities;
}

/** Connects, and no more: TLS from the first byte on an implicit port. @param purpose for the transcript */
export async function openConnection(visit: Visit, purpose: string): Promise<Dialogue> {
  visit.connections += 1;
  if (visit.connections > MAX_CONNECTIONS)
    throw new DialogueFault('too-many', `not more than ${MAX_CONNECTIONS} connections are made to one port`);
  visit.transcript.note(`${purpose}:`);
  return openDialogue({ ...visit, host: visit.connectTo });
}

/** Greeting and EHLO, in clear text on a port with STARTTLS, inside TLS on an implicit one. */
export async function greet(visit: Visit, purpose: string): Promise<Greeted> {
  const dialogue = await openConnection(visit, purpose);
  return closingOnFault(dialogue, async () => {
    if (visit.mode === 'implicit') await dialogue.handshake(handshakeOptions(visit));
    const banner = await dialogue.read();
    if (banner.code !== 220)
      throw new DialogueFault('refused', `the server greets with a refusal: ${spell(banner)}`);
    return { dialogue, banner: spell(banner), capabilities: await sayEhlo(dialogue) };
  });
}

/** As far as an honest client gets without signing in: inside TLS wherever there is TLS. */
export async function arrive(visit: Visit, purpose: string): Promise<Greeted> {
  const greeted = await greet(visit, purpose);
  if (visit.mode === 'implicit') return greeted;
  const { dialogue } = greeted;
  return closingOnFault(dialogue, async () => {
    const reply = await dialogue.command('STARTTLS');
    if (reply.code !== 220) return greeted;
    await dialogue.handshake(handshakeOptions(visit));
    return { ...greeted, capabilities: await sayEhlo(dialogue) };
  });
}

/** Where the handshake has to begin, which is left to the caller. */
export async function openBeforeTls(visit: Visit, purpose: string): Promise<Dialogue> {
  if (visit.mode === 'implicit') return openConnection(visit, purpose);
  const { dialogue } = await greet(visit, purpose);
  return closingOnFault(dialogue, async () => {
    const reply = await dialogue.command('STARTTLS');
    if (reply.code === 220) return dialogue;
    throw new DialogueFault('refused', `STARTTLS is refused: ${spell(reply)}`);
  });
}

export async function sayEhlo(dialogue: Dialogue): Promise<Capabilities> {
  const reply = await dialogue.command(`EHLO ${dialogue.ownLiteral}`);
  if (reply.code === 250) return readCapabilities(reply);
  // RFC 5321 §3.2: a server of old times.
  const old = await dialogue.command(`HELO ${dialogue.ownLiteral}`);
  if (old.code === 250) return NO_CAPABILITIES;
  throw new DialogueFault('refused', `EHLO is refused: ${spell(reply)}`);
}

export function handshakeOptions({ host, ca }: Pick<Visit, 'host' | 'ca'>): {
  serverName: string;
  ca: string | undefined;
} {
  return { serverName: host, ca };
}

/** A command whose answer may be a closed door: undefined then. */
export async function tryCommand(dialogue: Dialogue, line: string, shown = line): Promise<Reply | undefined> {
  try {
    return await dialogue.command(line, shown);
  } catch (error) {
    if (error instanceof DialogueFault && error.kind === 'closed') return undefined;
    throw error;
  }
}

async function closingOnFault<T>(dialogue: Dialogue, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    dialogue.close();
    throw error;
  }
}
