// Owns a mail program that was told host, port and address and nothing else (PROTOCOL.md §3.2, §3.6): whatever more it needs it
// learns on the way, and it holds every step against the standard that describes it.

import { createHash, randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { startProgram } from './authorization-site.ts';
import { connectSmtp, type SmtpClient } from './smtp-client.ts';

export interface Told {
  readonly host: string;
  readonly port: number;
  readonly address: string;
  /** PEM, in place of the system's authorities. */
  readonly ca: string;
}

export interface Stranger {
  /** RFC 3207 and RFC 7628 §4.3: asks the server where to get a token. */
  discover(): Promise<Challenge>;
  /** RFC 8414 §3: no redirects, and the issuer must be the one that the document was asked for. */
  readMetadata(challenge: Challenge): Promise<Metadata>;
  /** RFC 7591 §3. */
  register(metadata: Metadata): Promise<string>;
  /** RFC 6749 §4.1, RFC 7636, RFC 8252, RFC 8707, RFC 9207; `show` opens the person's browser at an address. */
  authorize(
    way: { readonly metadata: Metadata; readonly clientId: string; readonly scope: string },
    show: (url: URL) => Promise<unknown>,
  ): Promise<GrantedTokens>;
  /** RFC 6749 §6. */
  renew(metadata: Metadata, clientId: string, tokens: GrantedTokens): Promise<GrantedTokens>;
  /** Signs in on a connection of its own, and stays. */
  session(accessToken: string): Promise<SmtpClient>;
  /** On a connection of its own; the server's last reply. */
  send(accessToken: string, letter: { readonly to: string; readonly text: string }): Promise<string>;
}

export interface Challenge {
  readonly scope: string;
  readonly configuration: URL;
}

export interface GrantedTokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

export type Metadata = Readonly<Record<string, unknown>> & {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly registration_endpoint: string;
};

const MUST_BE_THERE = {
  grant_types_supported: ['authorization_code', 'refresh_token'],
  response_types_supported: ['code'],
  token_endpoint_auth_methods_supported: ['none'],
  code_challenge_methods_supported: ['S256'],
  scopes_supported: ['urn:ietf:params:oauth:scope:mail', 'offline_access'],
};

export function stranger(told: Told): Stranger {
  const { host, port, address } = told;

  async function connected(): Promise<SmtpClient> {
    const client = await connectSmtp({ host, port, ca: told.ca, implicitTls: false });
    expect((await client.readReply())[0]).toMatch(/^220 /);
    const before = await client.command('EHLO client.example.net');
    expect(before.join('\n')).toContain('STARTTLS');
    expect(before.join('\n'), 'no way of signing in before TLS').not.toContain('AUTH');
    expect((await client.command('STARTTLS'))[0]).toMatch(/^220 /);
    await client.startTls();
    expect((await client.command('EHLO client.example.net')).join('\n')).toMatch(/AUTH[^\n]* OAUTHBEARER/);
    return client;
  }

  const bearer = (token: string) =>
    Buffer.from(
      `n,a=${address},\u0001host=localhost\u0001port=${port}\u0001auth=${token}\u0001\u0001`,
    ).toString('base64');

  async function signedIn(accessToken: string): Promise<SmtpClient> {
    const client = await connected();
    const [reply] = await client.command(`AUTH OAUTHBEARER ${bearer(`Bearer ${accessToken}`)}`);
    expect(reply).toMatch(/^235 /);
    return client;
  }

  async function form(url: string, fields: Record<string, string>): Promise<Record<string, unknown>> {
    const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'error' });
    const json = (await answer.json()) as Record<string, unknown>;
    expect(answer.status, JSON.stringify(json)).toBe(200);
    return json;
  }

  return {
    async discover() {
      const client = await connected();
      const [challenge = ''] = await client.command(`AUTH OAUTHBEARER ${bearer('')}`);
      expect(challenge).toMatch(/^334 [\w+/=]+$/);
      const told = JSON.parse(Buffer.from(challenge.slice(4), 'base64').toString()) as Record<string, string>;
      expect((await client.command('AQ=='))[0]).toMatch(/^535 5\.7\.8 /);
      await client.command('QUIT');
      expect(told['status']).toMatch(/^invalid_/);
      // RFC 7628 §3.2.2: one scope.
      expect(told['scope']).toMatch(/^\S+$/);
      return { scope: String(told['scope']), configuration: new URL(String(told['openid-configuration'])) };
    },

    async readMetadata({ configuration }) {
      const issuer = configuration.href.replace('/.well-known/openid-configuration', '');
      const read = async (url: string) => {
        const answer = await fetch(url, { redirect: 'error' });
        expect(answer.status).toBe(200);
        expect(answer.headers.get('content-type')).toContain('application/json');
        return (await answer.json()) as Metadata;
      };
      const metadata = await read(configuration.href);
      expect(metadata.issuer).toBe(issuer);
      expect(await read(`${issuer}/.well-known/oauth-authorization-server`)).toEqual(metadata);
      expect(metadata['authorization_response_iss_parameter_supported']).toBe(true);
      for (const [name, values] of Object.entries(MUST_BE_THERE)) {
        expect(metadata[name], name).toEqual(expect.arrayContaining(values));
      }
      return metadata;
    },

    async register({ registration_endpoint: endpoint }) {
      const answer = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        redirect: 'error',
        body: JSON.stringify({
          client_name: 'Stranger Mail',
          client_uri: 'https://app.example.net',
          redirect_uris: ['http://127.0.0.1/callback'],
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
          scope: 'urn:ietf:params:oauth:scope:mail offline_access',
          software_id: '4d0ad0a2-0000-4000-8000-000000000000',
          software_version: '0.1',
        }),
      });
      const registered = (await answer.json()) as Record<string, unknown>;
      expect(answer.status, JSON.stringify(registered)).toBe(201);
      expect(registered).toMatchObject({
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/callback'],
      });
      expect(registered).not.toHaveProperty('client_secret');
      return String(registered['client_id']);
    },

    async authorize({ metadata, clientId, scope }, show) {
      const program = await startProgram();
      try {
        const [state, verifier] = [randomBytes(16), randomBytes(32)].map((bytes) =>
          bytes.toString('base64url'),
        );
        const url = new URL(metadata.authorization_endpoint);
        const resource = `smtp://localhost:${port}`;
        url.search = new URLSearchParams({
          response_type: 'code',
          client_id: clientId,
          redirect_uri: program.redirectUri,
          scope: `${scope} offline_access`,
          state: String(state),
          code_challenge: createHash('sha256').update(String(verifier)).digest('base64url'),
          code_challenge_method: 'S256',
          resource,
          login_hint: address,
        }).toString();
        await show(url);
        const answer = (await program.answer()).searchParams;
        // RFC 9207 §2.4: an answer of another server's, or of none that says so, is no answer.
        expect(answer.get('iss')).toBe(metadata.issuer);
        expect(answer.get('state')).toBe(state);
        const tokens = await form(metadata.token_endpoint, {
          grant_type: 'authorization_code',
          code: String(answer.get('code')),
          redirect_uri: program.redirectUri,
          code_verifier: String(verifier),
          client_id: clientId,
          resource,
        });
        expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: expect.any(Number) });
        return tokens as unknown as GrantedTokens;
      } finally {
        await program.close();
      }
    },

    async renew(metadata, clientId, { refresh_token: token }) {
      const renewed = await form(metadata.token_endpoint, {
        grant_type: 'refresh_token',
        refresh_token: token,
        client_id: clientId,
      });
      expect(renewed['refresh_token'], 'RFC 9700 §4.14.2: rotated').not.toBe(token);
      return renewed as unknown as GrantedTokens;
    },

    session: signedIn,

    async send(accessToken, { to, text }) {
      const client = await signedIn(accessToken);
      expect((await client.command(`MAIL FROM:<${address}>`))[0]).toMatch(/^250 /);
      expect((await client.command(`RCPT TO:<${to}>`))[0]).toMatch(/^250 /);
      expect((await client.command('DATA'))[0]).toMatch(/^354 /);
      const letter = `From: ${address}\r\nTo: ${to}\r\nSubject: ${text}\r\n\r\n${text}\r\n.`;
      const [reply = ''] = await client.command(letter);
      await client.command('QUIT');
      return reply;
    },
  };
}
