// The other process of the ticket tests: a server on a store and a certificate that it shares, until its input ends.

import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { openStore } from '../../../src/store/open.ts';
import { openTls } from '../../../src/tls/open.ts';

const [sqlite = '', certificate = '', key = ''] = process.argv.slice(2);
const store = await openStore({ settings: { sqlite } });
const tls = await openTls({
  settings: { certificate, key },
  path: 'submission.tls',
  ticketKeyStore: store.ticketKeys,
  news: {
    onReloaded: () => undefined,
    onFailed: () => undefined,
    onExpires: () => undefined,
    onFault: (error) => {
      throw error;
    },
  },
});
const server = createServer((socket) => {
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: tls.contexts.current(),
    SNICallback: (name, done) => done(null, tls.contexts.forName(name) ?? tls.contexts.current()),
  });
  secured.on('error', () => undefined);
  secured.once('secure', () => secured.end(secured.isSessionReused() ? 'resumed' : 'full'));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
