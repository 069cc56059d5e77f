// The real door with one or two scripted upstreams behind it, of which the first one fails: what a client hears, and what arrives.

import { expect } from 'vitest';
import type { UpstreamSettings } from '../../src/relay/settings.ts';
import { Secret } from '../../src/setting.ts';
import { POLITE_KEYWORDS, type ScriptedUpstream, startScriptedUpstream } from './scripted-upstream.ts';
import type { SmtpClient } from './smtp-client.ts';
import { startTestGateway, type TestGateway } from './test-gateway.ts';
import { authorityFile } from './upstream-connection.ts';
import { BODY, FIRST, PIECES, SECOND } from './upstream-faults.ts';

const LOGIN = { user: 'gate', password: 'upstream-password' };
const UPSTREAM = {
  tls: 'starttls',
  login: LOGIN,
  keywords: [...POLITE_KEYWORDS, 'XCLIENT NAME ADDR PORT PROTO HELO LOGIN REVERSE_NAME'],
} as const;

export interface FaultSituation {
  readonly gateway: TestGateway;
  readonly first: ScriptedUpstream;
  /** The next one, where there is one. */
  readonly second: ScriptedUpstream | undefined;
  /** Messages that either of them has taken. */
  arrivals(): ScriptedUpstream['accepted'];
  /** The first one is up, on the same port, and polite. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** For an upstream that answers: a busy machine is not to be taken for a fault. */
export const PATIENT = {
  connectTimeout: 900,
  replyTimeout: 900,
  finalReplyTimeout: 900,
  maxWait: 900,
};

/** TLS, sign-in and XCLIENT on the way to each message, and little patience with the first one. */
export async function startFaultSituation(options: {
  backup: boolean;
  relay?: Partial<UpstreamSettings>;
}): Promise<FaultSituation> {
  const second = options.backup ? await startScriptedUpstream(UPSTREAM) : undefined;
  const gateway = await startTestGateway({
    upstream: UPSTREAM,
    relay: {
      tls: 'starttls',
      ca: await authorityFile(),
      serverName: 'localhost',
      login: { user: LOGIN.user, password: new Secret(LOGIN.password) },
      identity: { xclient: 'required', xforward: 'off', mailFromAuth: false },
      connectTimeout: 500,
      replyTimeout: 350,
      finalReplyTimeout: 350,
      maxWait: 500,
      ...options.relay,
    },
    ...(second && {
      several: (settings) => [
        settings,
        { ...settings, ...PATIENT, id: 'second', port: second.port, priority: 1 },
      ],
    }),
  });
  const { upstream: first } = gateway;
  return {
    ...{ gateway, first, second },
    arrivals: () => [...first.accepted, ...(second?.accepted ?? [])],
    async heal() {
      first.calm();
      await first.down();
      await first.up();
    },
    async close() {
      await gateway.close();
      await second?.close();
    },
  };
}

/** What the client heard: the first line for each command, and for the message itself. */
export interface Heard {
  readonly mail: string;
  readonly recipients: string[];
  data: string | undefined;
  message: string | undefined;
}

/** In mid-body means that the upstream has failed before the client says more. */
export interface Strike {
  readonly behind: string;
  readonly struck: Promise<void>;
}

/** A client that goes on as far as it is let. */
export async function sendStubbornly(client: SmtpClient, strike?: Strike): Promise<Heard> {
  const say = async (line: string): Promise<string> => (await client.command(line))[0] ?? '';
  const mail = await say('MAIL FROM:<alice@example.org>');
  const heard: Heard = { mail, recipients: [], data: undefined, message: undefined };
  if (!mail.startsWith('250')) return heard;
  for (const recipient of [FIRST, SECOND]) heard.recipients.push(await say(`RCPT TO:<${recipient}>`));
  heard.data = await say('DATA');
  if (!heard.data.startsWith('354')) return heard;
  for (const piece of PIECES) {
    await client.write(piece);
    if (strike && piece.includes(strike.behind)) await strike.struck;
  }
  heard.message = await say('.');
  return heard;
}

export const ALL_YES = ['250', '250', '250', '354', '250'];

export const codes = ({ mail, recipients, data, message }: Heard): string[] =>
  [mail, ...recipients, data, message].flatMap((line) => line?.slice(0, 3) ?? []);

/** The message is there if and only if the client heard 250 for it; for those recipients of whom it heard 250; whole. */
export function expectOneTruth(heard: Heard, arrivals: FaultSituation['arrivals']): void {
  const delivered = heard.message?.startsWith('250') === true;
  expect(arrivals()).toHaveLength(delivered ? 1 : 0);
  for (const arrival of arrivals()) {
    const accepted = [FIRST, SECOND].filter((_, index) => heard.recipients[index]?.startsWith('250'));
    expect(arrival.recipients).toEqual(accepted.map((address) => `<${address}>`));
    expect(arrival.data.toString()).toMatch(new RegExp(`\r\n\r\n${BODY.replaceAll('.', '\\.')}$`));
  }
}
