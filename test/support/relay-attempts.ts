// Attempts to abuse a listener for trusted networks: the networks and doors they are made at, and how one is played to its end.

import { expect, onTestFinished } from 'vitest';
import type { ListenerSettings, TrustedNetworkSettings } from '../../src/submission/listener-settings.ts';
import { connectSmtp, type SmtpClient } from './smtp-client.ts';
import { startTestGateway, type TestGateway } from './test-gateway.ts';

export const LISTED = '127.0.0.17';
export const LISTED_V6 = '2001:db8:1::25';
export const UNLISTED = '127.0.0.1';
export const STRICT = '127.0.0.64';
export const SLOW = '127.0.0.65';
export const FEW = '127.0.0.66';
export const ENDED = '127.0.0.67';
/** Load balancers: one in a trusted network, one outside. */
export const TRUSTED_PROXY = '127.0.0.80';
export const PROXY = '127.0.0.90';

const entry = (changes: Partial<TrustedNetworkSettings>): TrustedNetworkSettings => ({
  name: 'scanners',
  networks: ['127.0.0.16/28', '2001:db8:1::/64'],
  sendAs: ['scanner@example.org', '*@print.example.org'],
  maxConnections: 50,
  maxMessagesPerMinute: 10_000,
  maxRecipients: 2,
  ...changes,
});
const trustedNetworks = [
  entry({}),
  entry({ name: 'strict', networks: [`${STRICT}/32`], requireTls: true }),
  entry({ name: 'slow', networks: [`${SLOW}/32`], maxMessagesPerMinute: 1 }),
  entry({ name: 'few', networks: [`${FEW}/32`], maxConnections: 1 }),
  entry({ name: 'ended', networks: [`${ENDED}/32`] }),
  entry({ name: 'balancer', networks: [`${TRUSTED_PROXY}/32`] }),
];

const listen = { host: '127.0.0.1', port: 0 };
export const LISTENERS = {
  trusted: { listen, tls: 'starttls', access: 'trusted-networks' },
  proxied: {
    listen,
    tls: 'starttls',
    access: 'trusted-networks',
    proxyProtocol: { from: [`${TRUSTED_PROXY}/32`, `${PROXY}/32`] },
  },
  login: { listen, tls: 'starttls' },
} as const satisfies Record<string, ListenerSettings>;

export const SETTINGS = {
  listeners: Object.values(LISTENERS),
  trustedNetworks,
  // An attempt is to fail for what it says, not for how often.
  maxUnauthenticatedCommands: 1000,
  maxCommandErrors: 1000,
};

/** One attempt; what it does not say is as a listed server would do it, but for the sender, who is a stranger. */
export interface Attempt {
  readonly listener?: keyof typeof LISTENERS;
  /** The address that it comes from. */
  readonly from?: string;
  /** Said before the greeting. */
  readonly ahead?: readonly Buffer[];
  readonly hello?: string;
  readonly tls?: boolean;
  /** Said between EHLO and MAIL. */
  readonly before?: readonly string[];
  readonly mail?: string;
  readonly recipients?: readonly string[];
  readonly header?: readonly string[];
  readonly body?: readonly string[];
  /** In place of DATA. */
  readonly chunked?: boolean;
}

export const MAIL = 'MAIL FROM:<ceo@evil.example>';
export const OWN_MAIL = 'MAIL FROM:<scanner@example.org>';
export const OWN_HEADER = ['From: scanner@example.org'];
export const RECIPIENT = 'RCPT TO:<victim@foreign.example>';

export interface RelaySituation {
  readonly gateway: TestGateway;
  connectFrom(from: string, listener: keyof typeof LISTENERS): Promise<SmtpClient>;
  /** Messages that came to the upstream with their end. */
  arrived(): number;
  /** Plays it. @returns the first refusal of the steps that make a message; `none` where it went through */
  attempt(attempt: Attempt): Promise<string>;
  /** The attempt fails, and with these words. */
  expectRefused(attempt: Attempt, words: RegExp): Promise<void>;
}

export async function openRelaySituation(): Promise<RelaySituation> {
  const keywords = ['PIPELINING', 'SIZE 1000000', '8BITMIME', 'SMTPUTF8', 'CHUNKING', 'ENHANCEDSTATUSCODES'];
  const gateway = await startTestGateway({
    submission: SETTINGS,
    upstream: { keywords },
    upstreamKnown: true,
  });
  const { upstream } = gateway;
  const arrived = (): number => upstream.accepted.length + upstream.refused.length;

  async function connectFrom(from: string, listener: keyof typeof LISTENERS): Promise<SmtpClient> {
    const port = gateway.bound[Object.keys(LISTENERS).indexOf(listener)]?.port ?? 0;
    const client = await connectSmtp({ host: '127.0.0.1', port, from, ca: gateway.ca, implicitTls: false });
    onTestFinished(() => client.destroy());
    return client;
  }

  async function attempt(given: Attempt): Promise<string> {
    const client = await connectFrom(given.from ?? LISTED, given.listener ?? 'trusted');
    const heard = await play(client, given);
    client.destroy();
    const steps = ['greeting', 'MAIL', 'RCPT', 'DATA', 'message'];
    const found = steps.find((step) => heard[step] !== undefined && !/^[23]/.test(heard[step]));
    return found === undefined ? 'none' : `${found}: ${heard[found]}`;
  }

  return {
    gateway,
    connectFrom,
    arrived,
    attempt,
    async expectRefused(given, words) {
      const before = arrived();
      expect(await attempt(given)).toMatch(words);
      expect(arrived()).toBe(before);
    },
  };
}

/** Goes through with it, whatever it hears. @returns the first line of each reply by what was said; `closed` where there is none */
async function play(client: SmtpClient, given: Attempt): Promise<Record<string, string>> {
  const heard: Record<string, string> = {};
  const reply = async (to: string): Promise<string> => {
    const lines = await client.readReply().catch(() => ['closed']);
    heard[to] ??= lines[0] ?? '';
    return lines[0] ?? '';
  };
  const say = async (line: string, as = line): Promise<string> => {
    await client.write(`${Buffer.from(line, 'utf8').toString('latin1')}\r\n`);
    return await reply(as);
  };
  for (const bytes of given.ahead ?? []) await client.write(bytes);
  await reply('greeting');
  await say(given.hello ?? 'EHLO attacker.example', 'EHLO');
  if (given.tls && (await say('STARTTLS')).startsWith('220')) {
    await client.startTls();
    await say(given.hello ?? 'EHLO attacker.example', 'EHLO under TLS');
  }
  for (const line of given.before ?? []) await say(line);
  await say(given.mail ?? MAIL, 'MAIL');
  for (const line of given.recipients ?? [RECIPIENT]) await say(line, 'RCPT');
  const message = [...(given.header ?? ['From: ceo@evil.example']), '', ...(given.body ?? ['Buy!']), ''];
  const bytes = message.join('\r\n');
  if (given.chunked) await say(`BDAT ${Buffer.byteLength(bytes)} LAST\r\n${bytes.slice(0, -2)}`, 'DATA');
  else if ((await say('DATA')).startsWith('354')) await say(`${bytes}.`, 'message');
  return heard;
}
