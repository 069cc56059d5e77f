// Owns the putting together of the demo: certificate, identity provider and inbox, from one section of the settings.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { AuthorizationSettings, IdentityProviderSettings } from '../authorization/settings.ts';
import { Secret } from '../setting.ts';
import { prepareDemoCertificates } from './certificates.ts';
import { startDemoIdentityProvider } from './identity-provider.ts';
import { mountInbox, startDemoInbox } from './inbox.ts';
import type { DemoSettings } from './settings.ts';

export interface Demo {
  /** Paths of the PEM files made for it. */
  readonly tls: { readonly certificate: string; readonly key: string };
  /** The configured identity provider with the secret that both sides got at this start. */
  readonly identityProvider: IdentityProviderSettings;
  /** Puts the inbox pages under /demo/inbox. */
  mount(app: FastifyInstance): void;
  /** What is running, and three things to try, for the person who started it. */
  readonly welcome: string;
  close(): Promise<void>;
}

export async function startDemo(options: {
  readonly settings: DemoSettings;
  readonly authorization: AuthorizationSettings;
  /** Where the identity provider sends people back to. */
  readonly redirectUri: string;
}): Promise<Demo> {
  const { settings, authorization } = options;
  const tls = await prepareDemoCertificates({ folder: settings.folder });
  const inbox = await startDemoInbox({ listen: settings.inbox, folder: settings.folder });
  const clientSecret = new Secret(randomBytes(32).toString('base64url'));
  const { clientId } = authorization.identityProvider;
  const identityProvider = await startDemoIdentityProvider({
    listen: settings.identityProvider,
    issuer: authorization.identityProvider.issuer,
    clients: [
      { clientId, clientSecret, redirectUris: [new URL('/sign-in/callback', authorization.issuer).href] },
    ],
  }).catch(async (error: unknown) => {
    await inbox.close();
    throw error;
  });
  return {
    tls,
    identityProvider: { ...authorization.identityProvider, clientSecret },
    welcome: welcome({ settings, authorization }),
    mount: (app) => mountInbox(app, inbox),
    async close() {
      await Promise.all([identityProvider.close(), inbox.close()]);
    },
  };
}

function welcome({
  settings,
  authorization,
}: {
  settings: DemoSettings;
  authorization: AuthorizationSettings;
}): string {
  const { issuer, identityProvider } = authorization;
  return `
Postern's demo is running, on this machine only. Ctrl-C stops it.

  web and OAuth server   ${issuer}
  identity provider      ${identityProvider.issuer}   sign in as alice or bob, password: demo
  mail submission        127.0.0.1:1587 (STARTTLS), 127.0.0.1:1465 (TLS)
  upstream, an inbox     127.0.0.1:${settings.inbox.port}
  health and metrics     http://127.0.0.1:9090/health

Three things to try, each a line for another terminal in this folder:

1. Sign in with the browser, consent, and send:
   echo Hello | npx postern send --to bob@example.org --subject "Hello from Postern"

2. Send with curl as an app, with a token of its own:
   printf 'From: app@example.org\\nSubject: Hello from curl\\n\\nHello.\\n' | curl -sS --crlf --ssl-reqd --cacert data/demo/ca.pem smtp://localhost:1587 --user app@example.org --oauth2-bearer "$(npx postern token --issuer ${issuer} --client-id demo-app --client-secret-file config/demo-app-secret.txt)" --mail-from app@example.org --mail-rcpt bob@example.org -T -

3. Look into the inbox:
   ${issuer}/demo/inbox
`;
}
