// A connection of Postern's to a scripted upstream, before any mail: connected, and signed in where a test says so.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { isRefusal, type Refusal } from '../../src/refusal.ts';
import { connectUpstream } from '../../src/relay/connection/connect.ts';
import type { UpstreamDialogue } from '../../src/relay/connection/dialogue.ts';
import { signIn } from '../../src/relay/login/sign-in.ts';
import type { TokenSource } from '../../src/relay/login/token-source.ts';
import type { Account } from '../../src/relay/pool/account.ts';
import type { UpstreamSettings } from '../../src/relay/settings.ts';
import type { Target } from '../../src/relay/targets/targets.ts';
import { testCertificate } from './certificates.ts';
import {
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  startScriptedUpstream,
} from './scripted-upstream.ts';

export const MAILBOX = 'alice@example.org';

export const ACCOUNT: Account = {
  ...{ key: '', limitKey: '' },
  ...{ mailbox: MAILBOX, user: 'alice', userToken: undefined },
};

/** A scripted upstream that ends with the test. */
export async function startUpstream(options: ScriptedUpstreamOptions = {}): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream(options);
  onTestFinished(() => upstream.close());
  return upstream;
}

/** A file with this text that goes with the test. */
export function file(name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-upstream-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** The CA of `test/support/certificates.ts` as a file. */
export async function authorityFile(): Promise<string> {
  return file('ca.pem', (await testCertificate()).ca);
}

/** In clear text, and not signed in, where nothing else is said. */
export function upstreamSettings(more: Partial<UpstreamSettings> = {}): UpstreamSettings {
  return {
    host: 'localhost',
    lookup: 'address',
    tls: 'none',
    connectTimeout: 10_000,
    ...more,
  } as UpstreamSettings;
}

/** Ends with the test. */
export async function connectTo(
  upstream: { host: string; port: number },
  settings: UpstreamSettings,
  target: Partial<Target> = {},
): Promise<UpstreamDialogue | Refusal> {
  const { host, port } = upstream;
  const outcome = await connectUpstream({
    settings,
    name: 'gate.example.org',
    target: { host, port, serverName: 'localhost', ...target },
  });
  if (!isRefusal(outcome)) onTestFinished(() => outcome.destroy());
  return outcome;
}

/** Connects, which must succeed, and signs in. */
export async function signInAt(
  upstream: ScriptedUpstream,
  settings: UpstreamSettings,
  { tokens, account = ACCOUNT }: { tokens?: TokenSource; account?: Account } = {},
): Promise<Refusal | undefined> {
  const dialogue = await connectTo(upstream, settings);
  if (isRefusal(dialogue)) throw new Error(dialogue.reason);
  const outcome = await signIn(dialogue, { settings, account, tokens });
  if (outcome) dialogue.quit();
  return outcome;
}
