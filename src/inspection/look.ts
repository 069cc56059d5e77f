// Owns the first look at a port: greeting, EHLO, TLS, EHLO again; later probes go by what it found.

import {
  type Capabilities,
  judgeInsideTls,
  judgeMechanisms,
  judgeStartTls,
  judgeXclient,
  offers,
} from './capabilities.ts';
import type { Dialogue } from './dialogue.ts';
import { DialogueFault } from './fault.ts';
import { type Finding, problem } from './findings.ts';
import { readTlsFacts, type TlsFacts } from './tls-facts.ts';
import { judgeTls } from './tls-judgement.ts';
import { greet, handshakeOptions, sayEhlo, type Visit } from './visit.ts';

export interface Look {
  /** IP address that answered. */
  readonly address: string;
  readonly banner: string;
  readonly clear: Capabilities | undefined;
  readonly inside: Capabilities | undefined;
  readonly tls: TlsFacts | undefined;
  readonly findings: readonly Finding[];
}

/** @throws DialogueFault where the port does not get as far as EHLO */
export async function lookAround(visit: Visit): Promise<Look> {
  const { host, mode } = visit;
  const { dialogue, banner, capabilities } = await greet(visit, 'first look');
  const { address } = dialogue;
  const start =
    mode === 'implicit'
      ? { inside: capabilities, findings: [] }
      : await enterTls(visit, dialogue, capabilities);
  const now = Date.now();
  const tls = dialogue.tls && readTlsFacts({ socket: dialogue.tls, host, now });
  await dialogue.quit();
  const clear = mode === 'implicit' ? undefined : capabilities;
  // Who offers no TLS is right to offer no sign-in either.
  const offer = start.inside ?? (capabilities.mechanisms.length > 0 ? capabilities : undefined);
  const findings = [
    ...start.findings,
    ...(tls ? judgeTls({ facts: tls, host, mode, now }) : []),
    ...(offer ? judgeMechanisms(mode, offer) : []),
    ...judgeXclient(start.inside ?? capabilities),
  ];
  return { address, banner, clear, inside: start.inside, tls, findings };
}

/** STARTTLS is sent also where it is not offered: the offer may have been taken out on its way. */
async function enterTls(
  { mode, ...visit }: Visit,
  dialogue: Dialogue,
  clear: Capabilities,
): Promise<{ inside: Capabilities | undefined; findings: Finding[] }> {
  const findings: Finding[] = [];
  try {
    const reply = await dialogue.command('STARTTLS');
    const unasked = offers(clear, 'STARTTLS') ? undefined : reply;
    findings.push(...judgeStartTls({ mode, clear, unasked }));
    if (reply.code !== 220) return { inside: undefined, findings };
    await dialogue.handshake(handshakeOptions(visit));
    const inside = await sayEhlo(dialogue);
    return { inside, findings: [...findings, ...judgeInsideTls(inside)] };
  } catch (error) {
    if (!(error instanceof DialogueFault)) throw error;
    return { inside: undefined, findings: [...findings, tlsFailed(error)] };
  }
}

function tlsFailed(fault: DialogueFault): Finding {
  return problem(
    'tls-version',
    `STARTTLS is offered, but TLS does not come about: ${fault.message}`,
    'Look into the log of the server; its certificate and key may not fit together.',
  );
}
