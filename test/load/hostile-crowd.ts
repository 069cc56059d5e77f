// Crowds: thousands of connections, those that say one byte a second, and those that hold what others need.

import { initialResponse } from './client.ts';
import { type Attack, bothWays, fromMany, type Ground, gather } from './hostile-attack.ts';
import type { Caller, Stage } from './hostile-caller.ts';

const CROWD = 5_000;
/** Within what one address may have. */
const FEW = 150;
const ADDRESSES = 250;

/** Most of them in clear text and greeted, a fifth with TLS and EHLO. */
function crowd(from: typeof bothWays): Attack {
  return async (ground) => {
    const clear = (index: number) => ({ ...from(index), by: 'starttls' as const });
    const secured = (index: number) => ({ ...from(index), by: 'implicit' as const });
    await Promise.all([
      gather(ground, { count: CROWD * 0.8, stage: 'greeted', caller: clear }),
      gather(ground, { count: CROWD * 0.2, stage: 'welcomed', caller: secured }),
    ]);
  };
}

function slow(options: {
  stage: Stage;
  bytes: (ground: Ground) => Buffer;
  count: number;
  from?: typeof bothWays;
}): Attack {
  return async (ground) => {
    const { count, stage, from = bothWays } = options;
    const callers = await gather(ground, { count, stage, caller: from });
    trickle(callers, options.bytes(ground));
  };
}

/** One byte a second from each, again from the first when all are said. */
function trickle(callers: readonly Caller[], bytes: Buffer): void {
  let at = 0;
  setInterval(() => {
    const byte = bytes.subarray(at % bytes.length, (at % bytes.length) + 1);
    for (const caller of callers) if (!caller.ended) caller.socket.write(byte);
    at += 1;
  }, 1_000);
}

// TLS 1.2 and later: a handshake record of 512 bytes, a ClientHello within.
const CLIENT_HELLO = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), Buffer.alloc(505, 7)]);
const HEADER = Buffer.from('Subject: slowly\r\n'.repeat(100));

export const CROWDS: Readonly<Record<string, Attack>> = {
  '5,000 connections, one address': crowd(bothWays),
  '5,000 connections, 250 addresses': crowd(fromMany(ADDRESSES)),
  'a byte a second: commands': slow({
    stage: 'welcomed',
    bytes: () => Buffer.from('NOOP this takes a while\r\n'),
    count: 1_000,
    from: fromMany(10),
  }),
  'a byte a second: AUTH': slow({
    stage: 'welcomed',
    bytes: ({ victim }) => Buffer.from(`AUTH XOAUTH2 ${initialResponse(victim)}\r\n`),
    count: FEW,
  }),
  'a byte a second: handshake': async (ground) => {
    const caller = (index: number) => ({ ...fromMany(10)(index), by: 'implicit' as const });
    trickle(await gather(ground, { count: 1_000, stage: 'connected', caller }), CLIENT_HELLO);
  },
  'a byte a second: 40 messages': slow({ stage: 'in-message', bytes: () => HEADER, count: 40 }),
  'a byte a second: 400 messages': slow({ stage: 'in-message', bytes: () => HEADER, count: 400 }),
};
