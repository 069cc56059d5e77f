// A client that closes its side behind its last byte, as Exim does behind a message's final dot: it still gets its replies.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';

const MESSAGE = `EHLO printer.example
MAIL FROM:<scanner@example.org>
RCPT TO:<bob@example.net>
DATA
From: scanner@example.org

Text
.
`.replaceAll('\n', '\r\n');

let gateway: TestGateway | undefined;
afterEach(() => gateway?.close());

test('the verdict on a message reaches a client that has said all it had to say', async () => {
  const listen = { host: '127.0.0.1', port: 0 };
  gateway = await startTestGateway({
    submission: {
      listeners: [{ listen, tls: 'starttls', access: 'trusted-networks' }],
      trustedNetworks: [
        {
          name: 'printers',
          networks: ['127.0.0.0/8'],
          sendAs: ['scanner@example.org'],
          maxConnections: 5,
          maxMessagesPerMinute: 60,
          maxRecipients: 5,
        },
      ],
    },
  });
  const socket = connect({ host: gateway.host, port: gateway.ports.trusted, allowHalfOpen: true });
  let heard = '';
  socket.on('data', (bytes) => {
    heard += String(bytes);
  });
  await once(socket, 'data');
  socket.end(MESSAGE);
  await once(socket, 'close');
  expect(heard).toContain('\r\n354 ');
  expect(heard).toMatch(/\r\n250 2\.0\.0 queued as 1\r\n$/);
  expect(gateway.upstream.accepted).toHaveLength(1);
});

test.each([
  ['before the handshake of implicit TLS', 'implicit', ''],
  ['in the handshake that STARTTLS began', 'starttls', 'STARTTLS\r\n'],
] as const)('%s nobody is waited for who has closed', async (_where, port, said) => {
  gateway = await startTestGateway({ submission: { drainTimeout: 60_000, loginTimeout: 60_000 } });
  const socket = connect({ host: gateway.host, port: gateway.ports[port], allowHalfOpen: true });
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  if (said) {
    await once(socket, 'data');
    socket.write(said);
    await once(socket, 'data');
  }
  socket.end();
  await once(socket, 'close');
  const begun = performance.now();
  await gateway.close();
  expect(performance.now() - begun).toBeLessThan(30_000);
});
