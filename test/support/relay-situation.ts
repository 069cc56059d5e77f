// A relay with a scripted upstream behind it, and the acts that its tests are made of.

import { isRefusal, type Refusal } from '../../src/refusal.ts';
import { createRelay, type Relay } from '../../src/relay/relay.ts';
import type { Reply } from '../../src/relay/reply.ts';
import type { RelaySettings } from '../../src/relay/settings.ts';
import type { RelayTransaction } from '../../src/relay/transaction.ts';
import {
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  startScriptedUpstream,
} from './scripted-upstream.ts';

export const ALICE = { address: 'alice@example.org', parameters: {} };
export const BOB = { address: 'bob@example.net', parameters: {} };

/** The ones started last. */
export let upstream: ScriptedUpstream;
export let relay: Relay;

/** In place of those started before. */
export async function start(
  options: ScriptedUpstreamOptions = {},
  settings: Partial<RelaySettings> = {},
): Promise<void> {
  await stop();
  upstream = await startScriptedUpstream(options);
  relay = createRelay({
    hostname: 'gate.example.org',
    settings: {
      host: upstream.host,
      port: upstream.port,
      tls: 'none',
      maxConnections: 5,
      maxWait: 300,
      idleTimeout: 5_000,
      maxMessagesPerConnection: 100,
      connectTimeout: 2_000,
      replyTimeout: 300,
      finalReplyTimeout: 300,
      ...settings,
    },
  });
}

export async function stop(): Promise<void> {
  relay?.close();
  await upstream?.close();
}

export async function begin(): Promise<RelayTransaction> {
  const begun = await relay.begin(ALICE);
  if (isRefusal(begun) || !begun.transaction) throw new Error(JSON.stringify(begun));
  return begun.transaction;
}

/** The whole way; gives the first answer that is not the wanted one, or the last. */
export async function send(body = 'Subject: x\r\n\r\nhello\r\n'): Promise<Reply | Refusal> {
  const begun = await relay.begin(ALICE);
  if (isRefusal(begun)) return begun;
  if (!begun.transaction) return begun.reply;
  const recipient = await begun.transaction.recipient(BOB);
  if (isRefusal(recipient) || recipient.code !== 250) return recipient;
  const data = await begun.transaction.data();
  if (isRefusal(data) || data.code !== 354) return data;
  begun.transaction.write(body);
  return begun.transaction.finish(undefined);
}
