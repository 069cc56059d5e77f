// A connection to a scripted upstream that offers XCLIENT and XFORWARD, and origins to tell it of.

import { once } from 'node:events';
import { connect } from 'node:net';
import { announce } from '../../../../src/relay/announce/announce.ts';
import { readCapabilities } from '../../../../src/relay/connection/capabilities.ts';
import { UpstreamDialogue } from '../../../../src/relay/connection/dialogue.ts';
import type { Reply } from '../../../../src/relay/connection/reply.ts';
import type { IdentitySettings } from '../../../../src/relay/login-settings.ts';
import type { ClientConnection, Origin } from '../../../../src/relay/origin.ts';
import { networkPrincipal } from '../../../../src/token/network-principal.ts';
import { makePrincipal } from '../../../../src/token/principal.ts';
import {
  POLITE_KEYWORDS,
  type ScriptedUpstream,
  startScriptedUpstream,
} from '../../../support/scripted-upstream.ts';

/** As Postfix 3.7 lists them. */
export const XCLIENT = 'XCLIENT NAME ADDR PROTO HELO REVERSE_NAME PORT LOGIN DESTADDR DESTPORT';
export const XFORWARD = 'XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT';
export const GATE = 'gate.example.org';

export const ALICE_TOLD =
  'LOGIN=alice@example.org PROTO=ESMTP HELO=laptop.example PORT=40001 NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE] ADDR=203.0.113.9';

/** The one started last. */
export let upstream: ScriptedUpstream;
const open = new Set<UpstreamDialogue>();

export async function start(keywords: readonly string[] = [XCLIENT, XFORWARD]): Promise<void> {
  upstream = await startScriptedUpstream({ keywords: [...POLITE_KEYWORDS, ...keywords] });
}

export async function stop(): Promise<void> {
  for (const dialogue of open) dialogue.destroy();
  open.clear();
  await upstream.close();
}

/** Greeted, and EHLO said. */
export async function openDialogue(): Promise<UpstreamDialogue> {
  const socket = connect(upstream.port, upstream.host);
  await once(socket, 'connect');
  const dialogue = new UpstreamDialogue({ socket, capabilities: readCapabilities('', { secure: false }) });
  open.add(dialogue);
  await dialogue.reply(10_000);
  const { lines } = (await dialogue.command(`EHLO ${GATE}`, 10_000)) as Reply;
  dialogue.capabilities = readCapabilities(lines.map((line) => `250-${line}`).join('\n'), { secure: false });
  return dialogue;
}

export function person(...addresses: string[]) {
  return makePrincipal({
    issuer: 'https://idp.example.org',
    subject: 'subject-of-somebody',
    clientId: 'mail-app',
    addresses,
    groups: [],
    scopes: [],
    tokenId: undefined,
    grantId: undefined,
    issuedAt: undefined,
    expiresAt: 4_000_000_000,
  });
}

export const SCANNER = networkPrincipal({ name: 'scanners', sendAs: ['scanner@example.org'] });

export function originOf(
  principal: Origin['principal'] = person('alice@example.org'),
  client: Partial<ClientConnection> = {},
): Origin {
  return {
    listener: 'submission',
    principal,
    client: { address: '203.0.113.9', port: 40001, name: 'laptop.example', protocol: 'ESMTP', ...client },
    token: undefined,
  };
}

export const tell = (
  dialogue: UpstreamDialogue,
  origin: Origin,
  identity: Partial<IdentitySettings> = { xclient: 'required' },
) =>
  announce(dialogue, {
    settings: {
      replyTimeout: 500,
      identity: { xclient: 'off', xforward: 'off', mailFromAuth: false, ...identity },
    },
    name: GATE,
    origin,
  });

/** What the upstream was told on the connection, without the first EHLO. */
export const said = (connection = 0): readonly string[] =>
  upstream.connections[connection]?.commands.slice(1) ?? [];
