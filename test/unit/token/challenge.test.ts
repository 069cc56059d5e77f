// Which issuer a client is sent to after a failed sign-in: by the domain of the name it used, and by nothing else.

import { afterEach, describe, expect, it } from 'vitest';
import { issuerMap } from '../../../src/token/issuers/issuer-map.ts';
import { connectSmtp } from '../../support/smtp-client.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';
import { trustedIssuer } from '../../support/tokens.ts';

const OWN = {
  scope: 'urn:ietf:params:oauth:scope:mail',
  'openid-configuration': 'https://mail.example.org/.well-known/openid-configuration',
};
const TRUSTED = {
  scope: 'smtp.submit',
  'openid-configuration': 'https://idp.example.org/.well-known/openid-configuration',
};

describe('the map', () => {
  const map = issuerMap([
    trustedIssuer('https://one.example/', { domains: ['one.example', 'bücher.example'], scopes: ['a', 'b'] }),
    trustedIssuer('https://two.example/tenant', {
      domains: ['two.example'],
      scopes: [],
      challenge: { scope: 'api://mail/submit', openidConfiguration: 'https://two.example/document' },
    }),
    trustedIssuer('https://three.example'),
  ]);

  it.each<[string, string | undefined]>([
    ['alice@one.example', 'https://one.example/.well-known/openid-configuration'],
    ['nobody@ONE.example', 'https://one.example/.well-known/openid-configuration'],
    ['alice@xn--bcher-kva.example', 'https://one.example/.well-known/openid-configuration'],
    ['bob@two.example', 'https://two.example/document'],
    ['alice@sub.one.example', undefined],
    ['alice@one.example.evil', undefined],
    ['alice@three.example', undefined],
    ['alice', undefined],
    ['one.example', undefined],
    ['', undefined],
    ['"@one.example"@two.example', 'https://two.example/document'],
  ])('sends %s to %s', (userName, document) => {
    expect(map(userName)?.openidConfiguration).toBe(document);
  });

  it('names the scope to ask for there', () => {
    expect(map('alice@one.example')?.scope).toBe('a');
    expect(map('bob@two.example')?.scope).toBe('api://mail/submit');
  });
});

describe('at the door', () => {
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  async function challenge(mechanism: 'OAUTHBEARER' | 'XOAUTH2', user: string, kind = 'expired') {
    const { host, ports, ca } = gateway;
    const client = await connectSmtp({ host, port: ports.implicit, ca, implicitTls: true });
    await client.readReply();
    await client.command('EHLO client.example');
    const bearer = `auth=Bearer ${await gateway.token(kind)}\x01\x01`;
    const response = mechanism === 'XOAUTH2' ? `user=${user}\x01${bearer}` : `n,a=${user},\x01${bearer}`;
    const [line = ''] = await client.command(`AUTH ${mechanism} ${Buffer.from(response).toString('base64')}`);
    client.destroy();
    expect(line).toMatch(/^334 /);
    const { scope, 'openid-configuration': where } = JSON.parse(
      Buffer.from(line.slice(4), 'base64').toString(),
    );
    return { scope, 'openid-configuration': where };
  }

  it.each(['OAUTHBEARER', 'XOAUTH2'] as const)('%s: by the domain of the user', async (mechanism) => {
    gateway = await startTestGateway({ trusted: { domains: ['example.net'], scopes: ['smtp.submit'] } });
    expect(await challenge(mechanism, 'alice@example.net')).toEqual(TRUSTED);
    expect(await challenge(mechanism, 'alice@example.org')).toEqual(OWN);
    expect(await challenge(mechanism, 'alice')).toEqual(OWN);
  });

  it.each(['', 'garbage', 'wrong-audience'])(
    'with a token of kind "%s" as with any: nothing is learnt of the user',
    async (kind) => {
      gateway = await startTestGateway({ trusted: { domains: ['example.net'], scopes: ['smtp.submit'] } });
      for (const user of ['alice@example.net', 'no-such-user@example.net'])
        expect(await challenge('OAUTHBEARER', user, kind)).toEqual(TRUSTED);
    },
  );

  it('of a trusted issuer without domains, to Postern’s own', async () => {
    gateway = await startTestGateway();
    expect(await challenge('OAUTHBEARER', 'alice@example.org')).toEqual(OWN);
  });
});
