// Owns the putting together of the demo: certificate, identity provider and inbox, from one section of the settings.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { AuditSettings } from '../audit/settings.ts';
import type { AuthorizationSettings, IdentityProviderSettings } from '../authorization/settings.ts';
import { Secret, type SocketAddress } from '../setting.ts';
import type { SubmissionSettings } from '../submission/settings.ts';
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

export interface DemoOptions {
  readonly settings: DemoSettings;
  readonly authorization: AuthorizationSettings;
  readonly submission: SubmissionSettings;
  readonly audit: AuditSettings;
  /** Where the identity provider sends people back to. */
  readonly redirectUri: string;
}

export async function startDemo(options: DemoOptions): Promise<Demo> {
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
    welcome: welcome(options),
    mount: (app) => mountInbox(app, inbox),
    async close() {
      await Promise.all([identityProvider.close(), inbox.close()]);
    },
  };
}

function welcome({ settings, authorization, submission, audit }: DemoOptions): string {
  const { issuer, identityProvider } = authorization;
  return `
Postern's demo is running, on this machine only. Ctrl-C stops it.

  web and OAuth server   ${issuer}
  identity provider      ${identityProvider.issuer}   sign in as alice or bob, password: demo
  mail submission        ${submission.listeners.map(({ listen, tls }) => `${shown(listen)} (${tls})`).join(', ')}
  upstream, an inbox     ${shown(settings.inbox)}
  health and metrics     http://${shown(audit.listen)}/health

Three things to try, each a line for another terminal in this folder (and \`npx postern sessions\` shows who is connected):

1. Sign in with the browser, consent, and send:
   echo Hello | npx postern send --to bob@example.org --subject "Hello from Postern"

2. Send with curl as an app, with a token of its own:
   printf 'From: app@example.org\\nSubject: Hello from curl\\n\\nHello.\\n' | curl -sS --crlf --ssl-reqd --cacert data/demo/ca.pem smtp://localhost:1587 --user app@example.org: --mail-from app@example.org --mail-rcpt bob@example.org -T - --config <(printf 'oauth2-bearer = "%s"\\n' "$(npx postern token --issuer ${issuer} --client-id demo-app --client-secret-file config/demo-app-secret.txt)")

3. Look into the inbox:
   ${issuer}/demo/inbox
`;
}

const shown = ({ host, port }: SocketAddress): string => `${host}:${port}`;
