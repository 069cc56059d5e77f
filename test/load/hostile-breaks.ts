// Floods of TLS handshakes, and clients that break off: by a reset or by half a close, at every stage.

import { connect, type TLSSocket } from 'node:tls';
import { type Attack, bothWays, paced, unceasing } from './hostile-attack.ts';
import { Caller, STAGES, type Stage } from './hostile-caller.ts';

/** What is said before breaking off: the middle of something, as far as the stage has one. */
const HALVES: Readonly<Record<Stage, string>> = {
  connected: '\x16\x03\x01\x02\x00\x01',
  greeted: 'EHLO cli',
  secured: 'EHLO cli',
  welcomed: 'AUTH XOAUTH2 dXNlcj1h',
  'signed-in': 'MAIL FROM:<',
  'in-envelope': 'DATA\r\nSubject: x\r\n',
  'in-message': 'Subject: broken off\r\n\r\nin the mid',
};

function breakingOff(perSecond: number, how: (caller: Caller) => void): Attack {
  return async ({ victim, count }) => {
    let number = 0;
    paced(perSecond, async () => {
      const stage = STAGES[number % STAGES.length] as Stage;
      const caller = await new Caller(victim, bothWays(Math.floor(number++ / STAGES.length))).reach(stage);
      caller.socket.write(Buffer.from(HALVES[stage], 'latin1'));
      how(caller);
      count('broken off');
      caller.socket.once('close', () => count('closed'));
    });
  };
}

export const BREAKS: Readonly<Record<string, Attack>> = {
  'TLS handshakes without end': async ({ victim, count }) => {
    unceasing(8, async () => {
      const caller = await new Caller(victim, { by: 'implicit' }).reach('secured');
      count('handshakes');
      caller.reset();
    });
  },
  'STARTTLS handshakes broken off': async ({ victim, count }) => {
    unceasing(8, async () => {
      const caller = await new Caller(victim, { by: 'starttls' }).reach('greeted');
      await caller.command('EHLO me', 250);
      await caller.command('STARTTLS', 220);
      caller.socket.write(Buffer.from('160301020001', 'hex'));
      count('broken off');
      caller.reset();
    });
  },
  'TLS renegotiations': async ({ victim, count }) => {
    unceasing(8, async () => {
      const { implicit: port, ca } = victim;
      const socket: TLSSocket = connect({ port, ca, servername: 'localhost', maxVersion: 'TLSv1.2' });
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => count('refused'));
      socket.once('secureConnect', () => {
        socket.resume();
        socket.renegotiate({}, (error) => count(error ? 'refused' : 'renegotiated'));
        setTimeout(() => socket.destroy(), 200);
      });
      await closed;
    });
  },
  'resets at every stage': breakingOff(100, (caller) => caller.reset()),
  'half closes at every stage': breakingOff(100, (caller) => caller.halfClose()),
};
