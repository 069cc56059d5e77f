// Owns the inlets through which Postern hears that trust has ended elsewhere, put together: logout, push, poll, global revocation.

import type { FastifyInstance } from 'fastify';
import type { TokenSettings } from '../../token/settings.ts';
import { createLogoutTokenVerifier } from '../../token/withdrawal/logout-token.ts';
import { createSecurityEventVerifier } from '../../token/withdrawal/security-event.ts';
import type { Access } from '../access/access.ts';
import type { AuthorizationEvents } from '../events.ts';
import type { AuthorizationSettings } from '../settings.ts';
import type { ArtifactStore } from '../stores.ts';
import { registerBackChannelLogout } from './back-channel-logout.ts';
import { createSignalGate } from './gate.ts';
import { registerGlobalRevocation } from './global-revocation.ts';
import { createSignalMemory } from './memory.ts';
import { type Polling, startPolling } from './poll.ts';
import { registerSignalsPush } from './push.ts';
import { createSignalReceiver } from './receiver.ts';

export interface Signals {
  /** Begins to ask the transmitters that are asked. */
  start(): void;
  /** Resolves once nobody is asked any more. */
  close(): Promise<void>;
}

export interface SignalsOptions {
  readonly settings: AuthorizationSettings;
  readonly token: Pick<TokenSettings, 'jwks' | 'leeway'>;
  readonly access: Access;
  readonly artifacts: ArtifactStore;
  readonly events: AuthorizationEvents;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Adds the routes; nothing is fetched before the first token comes. */
export async function registerSignals(app: FastifyInstance, options: SignalsOptions): Promise<Signals> {
  const { settings, token, access, events, now, fetch } = options;
  const { identityProvider, sharedSignals, globalRevocation } = settings;
  const gate = createSignalGate(now);
  const memory = createSignalMemory(options);
  const keys = { jwks: token.jwks, leeway: token.leeway, now, fetch };
  const logouts = createLogoutTokenVerifier({ ...identityProvider, ...keys });
  const verifier = createSecurityEventVerifier({ transmitters: sharedSignals, ...keys });
  const subjectIssuers = [identityProvider.issuer];
  const receiver = createSignalReceiver({ verifier, memory, events, access, subjectIssuers });

  const { endMailSessions } = settings.backChannelLogout;
  await registerBackChannelLogout(app, { verifier: logouts, access, memory, gate, events, endMailSessions });
  if (sharedSignals.some(({ push }) => push !== undefined)) {
    await registerSignalsPush(app, { transmitters: sharedSignals, verifier, receiver, gate, events });
  }
  if (globalRevocation !== undefined) {
    const { issuer: idpIssuer } = identityProvider;
    await registerGlobalRevocation(app, { token: globalRevocation.token, access, idpIssuer, gate, events });
  }

  const polling: Polling[] = [];
  return {
    start() {
      for (const { issuer, poll, allowInsecureHttp } of sharedSignals) {
        if (poll === undefined) continue;
        polling.push(startPolling({ issuer, poll, allowInsecureHttp, receiver, events, now, fetch }));
      }
    },
    async close() {
      await Promise.all(polling.map((one) => one.close()));
      logouts.close();
      verifier.close();
    },
  };
}
