// Owns the probe for command injection at STARTTLS (CVE-2011-0411): what stands behind it in clear text must not count inside TLS.

import { DialogueFault } from './fault.ts';
import { type Finding, ok, problem, warning } from './findings.ts';
import { greet, handshakeOptions, type Visit } from './visit.ts';

export type InjectionAnswer =
  /** Replies inside TLS, to two commands of ours. */
  | { readonly outcome: 'inside'; readonly replies: number }
  /** An answer in clear text, where the handshake has to begin: that is broken, nobody is deceived. */
  | { readonly outcome: 'in-clear' }
  /** STARTTLS with something behind it is refused, or the connection ended. */
  | { readonly outcome: 'refused' };

/** Counted, not timed: the server has answered all it will answer when it closes after QUIT. */
const COMMANDS_INSIDE = 2;
/** A server with so many answers is not waited for. */
const MOST_REPLIES = 10;

export async function probeInjection(visit: Visit): Promise<InjectionAnswer> {
  const { dialogue } = await greet(visit, 'does a command behind STARTTLS count');
  try {
    dialogue.write('STARTTLS\r\nNOOP\r\n', 'STARTTLS, and NOOP in the same packet');
    const reply = await dialogue.read();
    if (reply.code !== 220) return { outcome: 'refused' };
    await dialogue.handshake(handshakeOptions(visit));
    dialogue.write(`EHLO ${dialogue.ownLiteral}\r\n`, `EHLO ${dialogue.ownLiteral}`);
    const first = await dialogue.read();
    dialogue.write('QUIT\r\n', 'QUIT');
    const rest = await dialogue.readToEnd(MOST_REPLIES);
    return { outcome: 'inside', replies: [first, ...rest].length };
  } catch (error) {
    if (!(error instanceof DialogueFault)) throw error;
    if (error.kind === 'handshake') return { outcome: 'in-clear' };
    if (error.kind === 'closed') return { outcome: 'refused' };
    throw error;
  } finally {
    dialogue.close();
  }
}

export function judgeInjection(answer: InjectionAnswer): Finding {
  if (answer.outcome === 'in-clear') {
    return warning(
      'starttls-injection',
      'a command behind STARTTLS is answered in clear text before TLS begins, which breaks the handshake',
      'Let the server drop what stands behind STARTTLS (RFC 3207 §4.2).',
    );
  }
  if (answer.outcome === 'inside' && answer.replies > COMMANDS_INSIDE) {
    return problem(
      'starttls-injection',
      'a command sent in clear text behind STARTTLS is carried out inside TLS (CVE-2011-0411): an attacker on the way can put commands before those of a client',
      'Update the server.',
    );
  }
  return ok('starttls-injection', 'a command behind STARTTLS does not count inside TLS');
}
