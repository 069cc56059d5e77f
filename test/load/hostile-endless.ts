// Clients that never end: a line, a header, an exchange, a row of commands; and those that never read what they are told.

import { initialResponse } from './client.ts';
import { type Attack, bothWays, gather, pour, unceasing } from './hostile-attack.ts';
import { Caller, type Stage } from './hostile-caller.ts';

const PIECE = 65_536;
const PIPELINED = 100_000;

/** Again as soon as the server has hung up. */
function endless(options: {
  lanes: number;
  stage: Stage;
  bytes: Buffer;
  first?: string;
  deaf?: boolean;
}): Attack {
  return async ({ victim, count }) => {
    let number = 0;
    unceasing(options.lanes, async () => {
      number += 1;
      const caller = await new Caller(victim, bothWays(number)).reach(options.stage);
      count('begun');
      if (options.first !== undefined) caller.socket.write(options.first);
      if (options.deaf) caller.stopReading();
      const closed = new Promise((resolve) => caller.socket.once('close', resolve));
      pour(caller, () => {
        count(`pieces of ${options.bytes.length} bytes`);
        return options.bytes;
      });
      // A deaf one does not see the end of what it is told.
      await closed;
      count('hung up on');
    });
  };
}

/** All in one write; the next one when the server has hung up. */
function pipelined(stage: Stage, command: string): Attack {
  const bytes = Buffer.from(`${command}\r\n`.repeat(PIPELINED));
  return async ({ victim, count }) => {
    let number = 0;
    unceasing(4, async () => {
      number += 1;
      const caller = await new Caller(victim, bothWays(number)).reach(stage);
      count('begun');
      const closed = new Promise((resolve) => caller.socket.once('close', resolve));
      caller.socket.write(bytes);
      await closed;
      count('hung up on');
    });
  };
}

const times = (text: string): Buffer => Buffer.from(text.repeat(Math.ceil(PIECE / text.length)));

export const ENDLESS: Readonly<Record<string, Attack>> = {
  '100,000 commands before sign-in': pipelined('welcomed', 'NOOP'),
  '100,000 recipients': pipelined('in-envelope', 'RCPT TO:<bob@example.org>'),
  'an endless line': endless({ lanes: 4, stage: 'welcomed', bytes: Buffer.alloc(PIECE, 'A') }),
  'an endless AUTH answer': endless({
    lanes: 4,
    stage: 'welcomed',
    first: 'AUTH XOAUTH2\r\n',
    bytes: Buffer.alloc(PIECE, 'A'),
  }),
  'an endless header': endless({ lanes: 4, stage: 'in-message', bytes: times('Subject: on and on\r\n') }),
  'an endless header line': endless({ lanes: 4, stage: 'in-message', bytes: Buffer.alloc(PIECE, 'A') }),
  'never reads: commands': endless({
    lanes: 100,
    stage: 'welcomed',
    bytes: times('EHLO me\r\n'),
    deaf: true,
  }),
  'never reads: after sign-in': endless({
    lanes: 100,
    stage: 'signed-in',
    bytes: times('EHLO me\r\n'),
    deaf: true,
  }),
  'never reads: messages': async (ground) => {
    const { user } = ground.victim;
    const message = `MAIL FROM:<${user}>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nFrom: <${user}>\r\n\r\nhello\r\n.\r\n`;
    const callers = await gather(ground, { count: 20, stage: 'signed-in', caller: bothWays });
    for (const caller of callers) {
      caller.stopReading();
      pour(caller, () => message);
    }
  },
  'AUTH begun and cancelled': async ({ victim, count }) => {
    let number = 0;
    unceasing(8, async () => {
      number += 1;
      const caller = await new Caller(victim, bothWays(number)).reach('welcomed');
      try {
        for (;;) {
          await caller.command('AUTH XOAUTH2', 334);
          await caller.command('*', 501);
          count('exchanges');
        }
      } finally {
        caller.hangUp();
      }
    });
  },
  'good sign-ins without end': async ({ victim, count }) => {
    unceasing(4, async () => {
      const caller = await new Caller(victim, { by: 'implicit' }).reach('welcomed');
      await caller.command(`AUTH XOAUTH2 ${initialResponse(victim)}`, 235);
      count('sign-ins');
      caller.hangUp();
    });
  },
};
