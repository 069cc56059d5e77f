// Owns the round of open-relay probes: MAIL and RCPT for strangers without signing in, never DATA.

import { isIP } from 'node:net';
import type { Dialogue } from './dialogue.ts';
import { DialogueFault } from './fault.ts';
import { type Disguise, RECIPIENT_DISGUISES, type RelayWorld, SENDER_DISGUISES } from './relay-table.ts';
import { type Reply, spell } from './reply.ts';
import type { RelayAttempt } from './report.ts';
import { arrive, greet, tryCommand, type Visit } from './visit.ts';

/** Servers slow down, and then hang up, after so many refusals (Postfix: smtpd_soft_error_limit = 10). */
const PER_CONNECTION = 8;

export interface RelayRound {
  readonly attempts: readonly RelayAttempt[];
  /** Why it did not come to its end; what was accepted by then is accepted. */
  readonly brokenOff: DialogueFault | undefined;
}

/** @param given.to address of a stranger to the server, to whom nothing is sent; `address` is the server's own */
export async function probeRelay(visit: Visit, given: { to: string; address: string }): Promise<RelayRound> {
  const world = describeWorld(visit.host, given);
  const round = new Round(visit);
  const attempts: RelayAttempt[] = [];
  try {
    await trySenders(round, world, attempts);
    // A sender that is refused never comes to a recipient.
    const sender = attempts.find(({ command }) => command === 'RCPT')?.sender;
    if (sender !== undefined) await tryRecipients(round, { world, sender, attempts });
    await round.end();
    attempts.push(...(await tryInClear(visit, world)));
    return { attempts, brokenOff: undefined };
  } catch (error) {
    if (error instanceof DialogueFault) return { attempts, brokenOff: error };
    throw error;
  } finally {
    round.close();
  }
}

export function isAccepted({ command, code }: Pick<RelayAttempt, 'command' | 'code'>): boolean {
  return command === 'RCPT' && code >= 200 && code < 300;
}

async function trySenders(round: Round, world: RelayWorld, attempts: RelayAttempt[]): Promise<void> {
  for (const { sender: senderIn, ...disguise } of SENDER_DISGUISES) {
    const sender = senderIn(world);
    // The host may be called localhost.
    if (attempts.some((earlier) => earlier.sender === sender)) continue;
    attempts.push(await round.attempt({ world, disguise, sender }));
  }
}

async function tryRecipients(
  round: Round,
  given: { world: RelayWorld; sender: string; attempts: RelayAttempt[] },
): Promise<void> {
  const { world, sender, attempts } = given;
  const takesNonsense = new Map<string, boolean>();
  for (const disguise of RECIPIENT_DISGUISES) {
    if (attempts.some(({ recipient }) => recipient === disguise.recipient(world))) continue;
    const attempt = await round.attempt({ world, disguise, sender });
    const nonsense = isAccepted(attempt) ? disguise.nonsense?.(world) : undefined;
    if (nonsense !== undefined && !takesNonsense.has(nonsense)) {
      const nobody = { name: 'nobody', recipient: () => nonsense };
      takesNonsense.set(nonsense, isAccepted(await round.attempt({ world, disguise: nobody, sender })));
    }
    attempts.push({ ...attempt, undecided: nonsense !== undefined && takesNonsense.get(nonsense) === true });
  }
}

function describeWorld(host: string, { to, address }: { to: string; address: string }): RelayWorld {
  const at = to.lastIndexOf('@');
  const literal = isIP(address) === 6 ? `[IPv6:${address}]` : `[${address}]`;
  return {
    host: isIP(host) ? literal : host,
    literal,
    user: to.slice(0, at),
    domain: to.slice(at + 1),
  };
}

/** Some servers ask for TLS and a sign-in inside it, and forget about those who never begin. */
async function tryInClear(visit: Visit, world: RelayWorld): Promise<RelayAttempt[]> {
  const [plain] = SENDER_DISGUISES;
  if (visit.mode === 'implicit' || plain === undefined) return [];
  const { dialogue } = await greet(visit, 'open-relay probe without TLS');
  try {
    const disguise = { ...plain, name: 'none, without TLS' };
    return [await attemptOn(dialogue, { world, disguise, sender: plain.sender(world) })];
  } finally {
    await dialogue.quit();
  }
}

interface Probe {
  readonly world: RelayWorld;
  readonly disguise: Disguise;
  readonly sender: string;
}

/** Probes one after another, on a new connection after every few, and where the server has hung up. */
class Round {
  readonly #visit: Visit;
  #dialogue: Dialogue | undefined;
  #count = 0;

  constructor(visit: Visit) {
    this.#visit = visit;
  }

  async attempt(probe: Probe): Promise<RelayAttempt> {
    if (this.#count >= PER_CONNECTION) await this.end();
    if (!this.#dialogue) {
      this.#dialogue = (await arrive(this.#visit, 'open-relay probes')).dialogue;
      this.#count = 0;
    }
    this.#count += 1;
    const attempt = await attemptOn(this.#dialogue, probe);
    if (attempt.code === 0 || attempt.code === 421) this.close();
    return attempt;
  }

  async end(): Promise<void> {
    await this.#dialogue?.quit();
    this.#dialogue = undefined;
    this.#count = 0;
  }

  close(): void {
    this.#dialogue?.close();
    this.#dialogue = undefined;
    this.#count = 0;
  }
}

async function attemptOn(dialogue: Dialogue, { world, disguise, sender }: Probe): Promise<RelayAttempt> {
  const recipient = disguise.recipient(world);
  const told = { disguise: disguise.name, sender, recipient: recipient.trim(), undecided: false };
  const mail = await tryCommand(dialogue, `MAIL FROM:<${sender}>`);
  if (mail === undefined || mail.code >= 300) return { ...told, command: 'MAIL', ...answerOf(mail) };
  const rcpt = await tryCommand(dialogue, `RCPT TO:${recipient}`);
  if (rcpt !== undefined) await reset(dialogue);
  return { ...told, command: 'RCPT', ...answerOf(rcpt) };
}

async function reset(dialogue: Dialogue): Promise<void> {
  const reply = await tryCommand(dialogue, 'RSET');
  // Without it the next probe would be another recipient of this one.
  if (reply !== undefined && reply.code >= 300)
    throw new DialogueFault('refused', `RSET is refused: ${spell(reply)}`);
}

function answerOf(reply: Reply | undefined): { code: number; reply: string } {
  return { code: reply?.code ?? 0, reply: reply === undefined ? 'the connection was closed' : spell(reply) };
}
