// Floods of failed sign-ins: a hundred bad tokens a second from one address, in every shape.

import { initialResponse } from './client.ts';
import { type Attack, bothWays, type Ground, paced } from './hostile-attack.ts';
import { Caller } from './hostile-caller.ts';
import { BAD_TOKENS, badTokens } from './hostile-tokens.ts';

const TOKENS_PER_SECOND = 100;
const PER_CONNECTION = 3;

/** @param kind one kind of bad token, or all in turn */
function flood(options: { tokens: number; stays: boolean; kind?: keyof typeof BAD_TOKENS }): Attack {
  return async (ground) => {
    const all = badTokens(ground.victim.token);
    const { kind } = options;
    const token = kind ? () => BAD_TOKENS[kind](ground.victim.token) : () => all.next().value;
    let number = 0;
    paced(TOKENS_PER_SECOND / options.tokens, async () => {
      number += 1;
      const caller = new Caller(ground.victim, bothWays(number));
      try {
        await caller.reach('welcomed');
        for (let index = 0; index < options.tokens; index += 1) await attempt(ground, caller, token());
      } finally {
        // A reset leaves no port waiting.
        if (!options.stays || caller.ended) caller.reset();
      }
    });
  };
}

async function attempt({ victim, count }: Ground, caller: Caller, token: string): Promise<void> {
  count('bad tokens');
  caller.socket.write(`AUTH XOAUTH2 ${initialResponse({ user: victim.user, token })}\r\n`);
  const answer = await caller.reply().catch((error: Error) => error.message);
  if (answer.startsWith('235')) throw new Error('a bad token was taken');
  if (!answer.startsWith('334')) return count('turned away');
  await caller.command('', 535);
  count('answered');
}

/** Connections that come and say nothing: before the greeting is answered, before the handshake, and after it. */
function idle(perSecond: number): Attack {
  return async ({ victim, count }) => {
    let number = 0;
    paced(perSecond, async () => {
      number += 1;
      const caller = new Caller(victim, { ...bothWays(number), stays: true });
      caller.socket.once('end', () => count('closed by the server'));
      await caller.reach(number % 8 === 0 ? 'welcomed' : 'connected');
      count('left idle');
    });
  };
}

export const TOKEN_FLOODS: Readonly<Record<string, Attack>> = {
  'one token a connection': flood({ tokens: 1, stays: false }),
  'three tokens a connection': flood({ tokens: PER_CONNECTION, stays: false }),
  'kept open after a failure': flood({ tokens: 1, stays: true }),
};

export const IDLE_FLOODS: Readonly<Record<string, Attack>> = {
  'left idle, 100 a second': idle(100),
  'left idle, 1000 a second': idle(1000),
};

/** One kind each, one a connection. */
export const TOKEN_KINDS: Readonly<Record<string, Attack>> = Object.fromEntries(
  Object.keys(BAD_TOKENS).map((kind) => [
    kind,
    flood({ tokens: 1, stays: false, kind: kind as keyof typeof BAD_TOKENS }),
  ]),
);
