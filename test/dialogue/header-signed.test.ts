// A DKIM signature made before a message comes here still holds behind the gate, though fields of its header go and come.

import { createTransport } from 'nodemailer';
import { afterEach, expect, test } from 'vitest';
import type { PlayableGateway } from '../support/dialogue.ts';
import { DKIM_PRIVATE_KEY, signDkim, verifyDkim } from '../support/dkim.ts';
import { openSession } from '../support/smtp-session.ts';
import { startTestGateway } from '../support/test-gateway.ts';

let gateway: PlayableGateway;
afterEach(() => gateway.close());

async function signedByNodemailer(): Promise<string> {
  const transport = createTransport({
    streamTransport: true,
    buffer: true,
    newline: 'windows',
    dkim: { domainName: 'example.org', keySelector: 'test', privateKey: DKIM_PRIVATE_KEY },
  });
  const { message } = await transport.sendMail({
    from: 'Älice <alice@example.org>',
    to: 'bob@example.net',
    subject: 'Grüße aus dem Postern',
    html: '<p>Grüße</p>',
    text: '.\n..\nGrüße  \n\n',
    attachments: [{ filename: 'a.bin', content: Buffer.alloc(3000, 0xe9) }],
    headers: { 'Return-Path': '<x@example.org>' },
  });
  return `Bcc: eve@example.org\r\n${(message as Buffer).toString('latin1')}`;
}

// Neither date nor identifier is sound, and the signature says that there is no Message-ID.
const signedByHand = (form: 'simple' | 'relaxed'): string =>
  signDkim(
    'From: alice@example.org\r\nReturn-Path: x\r\nDate:  today\r\nbcc:eve@example.org\r\n\r\n.\r\nText \r\n',
    {
      names: ['from', 'date', 'message-id', 'bcc', 'bcc'],
      form,
    },
  );

test.each<[string, () => string | Promise<string>, string]>([
  ['by nodemailer', signedByNodemailer, 'bcc'],
  ['with nothing left to repair', () => signedByHand('relaxed'), 'return-path'],
  ['to the last blank', () => signedByHand('simple'), 'return-path'],
])('signed %s', async (_how, sign, gone) => {
  gateway = await startTestGateway();
  const message = await sign();
  expect(verifyDkim(message)).toBe(true);
  const client = await openSession(gateway, 'implicit');
  for (const command of ['MAIL FROM:<alice@example.org>', 'RCPT TO:<bob@example.net>', 'DATA']) {
    expect(await client.command(command)).toEqual([expect.stringMatching(/^(?:250|354)/)]);
  }
  await client.write(`${message.replace(/^\./gm, '..')}.\r\n`);
  expect(await client.readLine()).toMatch(/^250 /);
  await client.command('QUIT');
  client.destroy();

  const arrived = gateway.upstream.accepted[0]?.data.toString('latin1') ?? '';
  expect(arrived.toLowerCase()).not.toContain(`\r\n${gone}:`);
  expect(arrived).toMatch(/^Authentication-Results: localhost;\r\n\tauth=pass /);
  expect(verifyDkim(arrived)).toBe(true);
});
