// A relay set up by a preset, as an operator would write it, with the scripted provider in the place of the real one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadSettingsFile } from '../../../../src/config/load.ts';
import type { Path } from '../../../../src/envelope.ts';
import { isRefusal, type Refusal } from '../../../../src/refusal.ts';
import { type Reply, replyText } from '../../../../src/relay/connection/reply.ts';
import type { Origin } from '../../../../src/relay/origin.ts';
import { createRelay, type Relay } from '../../../../src/relay/relay.ts';
import { createUpstreamTokens } from '../../../../src/relying-party/upstream/tokens.ts';
import { replyWith } from '../../../../src/submission/replies.ts';
import { testCertificate } from '../../../support/certificates.ts';
import type { ProviderServer } from '../../../support/providers/provider-server.ts';
import type { ScriptedTokenEndpoint } from '../../../support/providers/token-endpoints.ts';
import { SOUND } from '../../config/configuration.ts';

const CLIENT: Origin = {
  listener: 'submission',
  principal: undefined,
  client: { address: '192.0.2.7', port: 50_000, name: 'client.example.org', protocol: 'ESMTP' },
  token: undefined,
};

const clean: (() => unknown)[] = [];

/** Closed after the test, last one first. */
export function afterwards(close: () => unknown): void {
  clean.push(close);
}

afterEach(async () => {
  for (const close of clean.splice(0).reverse()) await close();
});

/**
 * @param given.upstream as in the configuration file; where the server is, is added
 * @param given.files by name, in the folder of the configuration
 */
export async function relayTo(given: {
  server: ProviderServer;
  tokens?: ScriptedTokenEndpoint;
  upstream: Readonly<Record<string, unknown>>;
  files?: Readonly<Record<string, string>>;
}): Promise<Relay> {
  const { server, tokens, upstream, files } = given;
  const folder = mkdtempSync(join(tmpdir(), 'postern-provider-'));
  afterwards(() => rmSync(folder, { recursive: true }));
  const { ca } = await testCertificate();
  for (const [name, text] of Object.entries({ 'ca.pem': ca, ...files }))
    writeFileSync(join(folder, name), text, { mode: 0o600 });
  const { host, port } = server;
  const file = join(folder, 'postern.yaml');
  writeFileSync(file, stringify({ ...parse(SOUND), upstream: { ...upstream, host, port, ca: 'ca.pem' } }));
  const loaded = loadSettingsFile(file, {});
  if ('faults' in loaded) throw new Error(JSON.stringify(loaded.faults));
  const relay = createRelay({
    settings: loaded.settings,
    hostname: 'gate.example.org',
    tokens: (settings) => createUpstreamTokens({ settings, fetch: redirected(tokens) }),
  });
  afterwards(() => relay.close());
  return relay;
}

/** What goes to the provider’s token endpoint reaches the scripted one; nothing leaves this machine. */
function redirected(endpoint: ScriptedTokenEndpoint | undefined): typeof fetch {
  return (address, request) => {
    const { href } = new URL(address instanceof Request ? address.url : address);
    if (href !== endpoint?.standsFor) throw new Error(`there is no token endpoint ${href} here`);
    return fetch(endpoint.url, request);
  };
}

export interface Letter {
  readonly from?: string;
  readonly to?: readonly string[];
  readonly text?: string;
}

export const LETTER = `Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nFrom: alice@example.org\r\nSubject: x\r\n\r\nhello\r\n`;

const path = (address: string): Path => ({ address, parameters: {} });

/** The whole way; gives the first answer that is a no, or the last. */
export async function send(relay: Relay, letter: Letter = {}): Promise<Reply | Refusal> {
  const { from = 'alice@example.org', to = ['bob@example.net'], text = LETTER } = letter;
  const begun = await relay.begin(path(from), CLIENT);
  if (isRefusal(begun)) return begun;
  const { transaction } = begun;
  if (!transaction) return begun.reply;
  for (const recipient of to) {
    const outcome = await transaction.recipient(path(recipient));
    if (isRefusal(outcome) || outcome.code >= 400) {
      await transaction.reset();
      return outcome;
    }
  }
  const data = await transaction.data();
  if (isRefusal(data) || data.code !== 354) {
    await transaction.reset();
    return data;
  }
  if (!transaction.write(text)) await transaction.drained();
  return transaction.finish(undefined);
}

/** Reply code and enhanced code that the mail client gets. */
export function toldToClient(outcome: Reply | Refusal): string {
  const { code, lines } = replyWith(outcome, 'session');
  return `${code} ${/^\d\.\d+\.\d+/.exec(lines[0] ?? '')?.[0] ?? ''}`.trim();
}

/** What the journal says of it. */
export function toldToOperator(outcome: Reply | Refusal): string {
  return isRefusal(outcome) ? `${outcome.code}: ${outcome.reason}` : replyText(outcome);
}
