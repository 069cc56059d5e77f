// A relay with a scripted upstream behind it, and the acts that its tests are made of.

import { isRefusal, type Refusal } from '../../src/refusal.ts';
import type { Reply } from '../../src/relay/connection/reply.ts';
import type { Origin } from '../../src/relay/origin.ts';
import { createRelay, type Relay } from '../../src/relay/relay.ts';
import type { UpstreamSettings } from '../../src/relay/settings.ts';
import type { RelayTransaction } from '../../src/relay/transaction/transaction.ts';
import {
  type ScriptedUpstream,
  type ScriptedUpstreamOptions,
  startScriptedUpstream,
} from './scripted-upstream.ts';

export const ALICE = { address: 'alice@example.org', parameters: {} };
export const BOB = { address: 'bob@example.net', parameters: {} };

/** A client that has not signed in, or where it makes no difference. */
export const ORIGIN: Origin = {
  listener: '',
  principal: undefined,
  client: { address: '192.0.2.1', port: 50_000, name: 'client.example.org', protocol: 'ESMTP' },
  token: undefined,
};

/** Settings of an upstream on loopback with the patience of a test. */
export function upstreamSettings(changes: Partial<UpstreamSettings> & { host: string }): UpstreamSettings {
  return {
    lookup: 'address',
    tls: 'none',
    identity: { xclient: 'off', xforward: 'off', mailFromAuth: false },
    maxConnections: 5,
    maxWait: 10_000,
    idleTimeout: 5_000,
    maxMessagesPerConnection: 100,
    connectTimeout: 10_000,
    replyTimeout: 10_000,
    finalReplyTimeout: 10_000,
    healthCheckInterval: 30_000,
    ...changes,
  };
}

/** The ones started last. */
export let upstream: ScriptedUpstream;
export let relay: Relay;

/** In place of those started before. */
export async function start(
  options: ScriptedUpstreamOptions = {},
  settings: Partial<UpstreamSettings> = {},
): Promise<void> {
  await stop();
  upstream = await startScriptedUpstream(options);
  relay = createRelay({
    hostname: 'gate.example.org',
    settings: {
      upstream: upstreamSettings({
        host: upstream.host,
        port: upstream.port,
        maxConnectionsPerUser: settings.maxConnections ?? 5,
        ...settings,
      }),
      upstreams: [],
      routes: [],
    },
  });
}

export async function stop(): Promise<void> {
  relay?.close();
  await upstream?.close();
}

export async function begin(): Promise<RelayTransaction> {
  const begun = await relay.begin(ALICE, ORIGIN);
  if (isRefusal(begun) || !begun.transaction) throw new Error(JSON.stringify(begun));
  return begun.transaction;
}

/** The whole way; gives the first answer that is not the wanted one, or the last. */
export async function send(body = 'Subject: x\r\n\r\nhello\r\n'): Promise<Reply | Refusal> {
  const begun = await relay.begin(ALICE, ORIGIN);
  if (isRefusal(begun)) return begun;
  if (!begun.transaction) return begun.reply;
  const recipient = await begun.transaction.recipient(BOB);
  if (isRefusal(recipient) || recipient.code !== 250) return recipient;
  const data = await begun.transaction.data();
  if (isRefusal(data) || data.code !== 354) return data;
  begun.transaction.write(body);
  return begun.transaction.finish(undefined);
}
