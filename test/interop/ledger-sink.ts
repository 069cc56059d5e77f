// A mail server that dies, as a process of its own: it writes down each whole message, on the disk, before it says 250. Arguments:
// port, ledger file, and the step at the n-th of which it kills itself.

import { fsyncSync, openSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/** `end` is a whole message that is not written down, `kept` one whose 250 has left this process. */
export const STEPS = ['greeting', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'body', 'end', 'kept'] as const;
export type SinkStep = (typeof STEPS)[number];

const [port, file = '', fatal = '', count = '0'] = process.argv.slice(2);
if (port !== undefined && import.meta.main) listen(Number(port));

function listen(at: number): void {
  const ledger = openSync(file, 'a');
  let left = Number(count);
  /** Between two turns of the event loop nothing is half done: what was answered is with the kernel, which sends it. */
  const reach = (step: SinkStep): void => {
    if (step !== fatal) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const keep = (text: string): void => {
    // RFC 5322 §2.2: the header ends at the first empty line; the body ends with what its subject says.
    const [, id] = /^Subject: (\S+)\r$/m.exec(text) ?? [];
    writeSync(ledger, `${id !== undefined && text.endsWith(`\r\nend of ${id}\r\n`) ? id : 'damaged'}\n`);
    fsyncSync(ledger);
  };
  createServer((socket) => serve(socket, { reach, keep })).listen(at, '127.0.0.1', () =>
    process.stdout.write('ready\n'),
  );
}

function serve(
  socket: Socket,
  { reach, keep }: { reach: (step: SinkStep) => void; keep: (text: string) => void },
): void {
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  let text = '';
  let inMessage = false;
  socket.setNoDelay(true).on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1');
    while (inMessage ? message() : command());
  });
  reach('greeting');
  say('220 ledger.example ESMTP');

  function message(): boolean {
    reach('body');
    const end = text.indexOf('\r\n.\r\n');
    if (end === -1) return false;
    const whole = text.slice(0, end + 2);
    text = text.slice(end + 5);
    inMessage = false;
    reach('end');
    keep(whole);
    say('250 2.0.0 kept');
    setImmediate(() => reach('kept'));
    return true;
  }

  function command(): boolean {
    const end = text.indexOf('\r\n');
    if (end === -1) return false;
    const verb = text.slice(0, 4).toUpperCase();
    text = text.slice(end + 2);
    reach(verb as SinkStep);
    inMessage = verb === 'DATA';
    if (verb === 'EHLO') say('250-ledger.example\r\n250-PIPELINING\r\n250 8BITMIME');
    else if (verb === 'QUIT') socket.end('221 2.0.0 bye\r\n');
    else say(inMessage ? '354 go on' : '250 2.0.0 ok');
    return true;
  }
}
