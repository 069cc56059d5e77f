// A token source in front of a scripted token endpoint, with a clock in the test's hand.

import { generateKeyPairSync } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { isRefusal, type Refusal } from '../../../../src/refusal.ts';
import type { UpstreamOAuthSettings } from '../../../../src/relying-party/upstream/settings.ts';
import { createUpstreamTokens } from '../../../../src/relying-party/upstream/tokens.ts';
import { Secret } from '../../../../src/setting.ts';
import { newToken, type Script, startTokenEndpoint } from '../../../support/token-endpoint.ts';

export const CLIENT_SECRET = 'Ab8~Q.client+secret/&=%_Zz19';

/** One RSA key a run: making one takes its time. */
export const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 });
export const RSA_PEM = RSA.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

export function settingsFor(more: Partial<UpstreamOAuthSettings>): UpstreamOAuthSettings {
  return {
    grant: 'client-credentials',
    mailbox: 'sender',
    clientId: 'postern',
    clientSecret: new Secret(CLIENT_SECRET),
    scopes: ['mail.send'],
    timeout: 20_000,
    ...more,
  };
}

/** Gives `token-1`, `token-2`, … for an hour each. */
export function counting(more: object = {}): Script {
  let count = 0;
  return () => {
    count += 1;
    return { body: { access_token: `token-${count}`, token_type: 'Bearer', expires_in: 3600, ...more } };
  };
}

export async function situation(
  script: Script,
  given: Partial<UpstreamOAuthSettings> = {},
  options: { readonly maxTokens?: number; readonly fetch?: typeof fetch } = {},
) {
  const endpoint = await startTokenEndpoint(script);
  const isElsewhere = given.tenant !== undefined || given.issuer !== undefined;
  const settings = settingsFor({ ...(isElsewhere ? {} : { tokenEndpoint: endpoint.url }), ...given });
  const clock = { now: Date.now() };
  const reports: Refusal[] = [];
  const open = () =>
    createUpstreamTokens({
      settings,
      now: () => clock.now,
      report: (refusal) => reports.push(refusal),
      ...options,
    });
  const tokens = open();
  onTestFinished(async () => {
    tokens.close();
    await endpoint.close();
  });
  return {
    endpoint,
    clock,
    reports,
    settings,
    tokens,
    /** Another one, as after a restart. */
    open,
    /** The token's text, or `code: reason`. */
    async ask(more: { mailbox?: string; userToken?: string; refused?: string } = {}): Promise<string> {
      return textOf(
        await tokens.token({
          mailbox: more.mailbox ?? 'alice@example.org',
          userToken: more.userToken === undefined ? undefined : new Secret(more.userToken),
          ...(more.refused === undefined ? {} : { refused: new Secret(more.refused) }),
        }),
      );
    },
  };
}

export function textOf(result: Secret | Refusal): string {
  return isRefusal(result) ? `${result.code}: ${result.reason}` : result.reveal();
}

/** Sends what is meant for `https://login.microsoftonline.com` and the like to the scripted endpoint. */
export function redirectedTo(url: () => string): typeof fetch {
  return (address, request) => {
    const { pathname } = new URL(String(address));
    return fetch(new URL(pathname, url()), request);
  };
}

/** When as many requests have come as said; fails after 20 seconds. */
export async function until(reached: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!reached()) {
    if (Date.now() > end) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export { newToken };
