// The upstream of the measurements: says yes to everything, in clear text, at the least cost. Argument: port.

import { createServer } from 'node:net';

const END = Buffer.from('\r\n.\r\n');
const port = Number(process.argv[2]);

const server = createServer((socket) => {
  let inMessage = false;
  let tail: Buffer = Buffer.alloc(0);
  let rest = '';
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  socket.write('220 sink\r\n');
  socket.on('data', (chunk: Buffer) => {
    if (inMessage) message(chunk);
    else commands(chunk.toString('latin1'));
  });

  function message(chunk: Buffer): void {
    // Only the last bytes can be the end: nothing is pipelined behind it by the one client this serves.
    tail =
      chunk.length >= END.length
        ? chunk.subarray(-END.length)
        : Buffer.concat([tail, chunk]).subarray(-END.length);
    if (!tail.equals(END)) return;
    inMessage = false;
    tail = Buffer.alloc(0);
    socket.write('250 2.0.0 thrown away\r\n');
  }

  function commands(text: string): void {
    const lines = (rest + text).split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) answer(line.slice(0, 4).toUpperCase());
  }

  function answer(verb: string): void {
    if (verb === 'EHLO') socket.write('250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 104857600\r\n');
    else if (verb === 'DATA') {
      inMessage = true;
      socket.write('354 go on\r\n');
    } else if (verb === 'QUIT') socket.end('221 bye\r\n');
    else socket.write('250 2.0.0 ok\r\n');
  }
});
server.listen(port, '127.0.0.1', () => process.stdout.write('ready\n'));
