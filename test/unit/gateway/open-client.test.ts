// From a bare EHLO to a delivered mail with a program that knows host, port and address only; test/journey has the same with a
// real browser.

import { expect, test } from 'vitest';
import { createBrowser, type Transport } from '../../support/authorization-browser.ts';
import { startDemoGateway } from '../../support/demo-gateway.ts';
import { stranger } from '../../support/stranger.ts';

const overTheWire: Transport = async ({ method, url, headers, body }) => {
  const answer = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

test('a program that nobody registered finds its way to a delivered mail, and back with a new token', async () => {
  const demo = await startDemoGateway();
  try {
    const program = stranger({ ...demo.submission, address: 'alice@example.org', ca: demo.ca });
    const challenge = await program.discover();
    expect(challenge.configuration.origin).toBe(demo.issuer);
    const metadata = await program.readMetadata(challenge);
    const clientId = await program.register(metadata);
    const browser = createBrowser({ transport: overTheWire, origins: [demo.issuer, demo.identityProvider] });
    const tokens = await program.authorize({ metadata, clientId, scope: challenge.scope }, async (url) => {
      const page = await browser.go(url);
      expect(page.url.origin).toBe(demo.identityProvider);
      const consent = await browser.submit(page.url, { login: 'alice', password: 'demo' });
      expect(consent.text).toContain('a program that calls itself “<bdi>Stranger Mail</bdi>”');
      const { url: answer } = await browser.press(consent, 'answer', 'allow');
      await fetch(answer);
    });
    const sent = { to: 'bob@example.org', text: 'a first letter from a stranger' };
    expect(await program.send(tokens.access_token, sent)).toMatch(/^250 /);
    const renewed = await program.renew(metadata, clientId, tokens);
    const again = { to: 'bob@example.org', text: 'a second letter from a stranger' };
    expect(await program.send(renewed.access_token, again)).toMatch(/^250 /);
    const letters = demo.inbox();
    expect(letters).toHaveLength(2);
    for (const [index, { text }] of [sent, again].entries()) {
      expect(letters[index]).toContain(`Subject: ${text}\r\n`);
      expect(letters[index]).toContain(
        'X-Envelope-From: alice@example.org\r\nX-Envelope-To: bob@example.org\r\n',
      );
    }
  } finally {
    await demo.stop();
  }
});
