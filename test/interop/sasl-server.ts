// Owns an authentication server for a Postfix of a test's own, in the protocol of Dovecot's: XOAUTH2 and OAUTHBEARER, one good token.

import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface SaslServer {
  /** On 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/** What a client is told of a token that is not good (RFC 7628 §3.2.2). */
const CHALLENGE = Buffer.from('{"status":"invalid_token"}').toString('base64');

/** Takes every exchange whose first message holds `goodToken`. Version 1.1 of the protocol, as Postfix speaks it. */
export async function startSaslServer(goodToken: string): Promise<SaslServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    let rest = '';
    socket.on('data', (bytes) => {
      const lines = (rest + bytes.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const answer = answerTo(line, goodToken);
        if (answer) socket.write(`${answer}\n`);
      }
    });
    socket.write('VERSION\t1\t1\nMECH\tXOAUTH2\nMECH\tOAUTHBEARER\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerTo(line: string, goodToken: string): string | undefined {
  const [command, id, ...parameters] = line.split('\t');
  // Whatever follows the challenge: the exchange has failed.
  if (command === 'CONT') return judged(id, parameters[0], goodToken);
  if (command !== 'AUTH') return undefined;
  const response = parameters.find((parameter) => parameter.startsWith('resp='))?.slice('resp='.length);
  return response === undefined ? `CONT\t${id}\t` : judged(id, response, goodToken);
}

function judged(id: string | undefined, response: string | undefined, goodToken: string): string {
  const text = response ?? '';
  // As Dovecot does: what is no base64 is no exchange.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    return `FAIL\t${id}\treason=Invalid base64 data in initial response`;
  const message = Buffer.from(text, 'base64').toString('latin1');
  if (message.includes(goodToken)) return `OK\t${id}\tuser=app@example.org`;
  return message.includes('Bearer') ? `CONT\t${id}\t${CHALLENGE}` : `FAIL\t${id}`;
}
