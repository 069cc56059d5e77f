// Owns what a reload replaces as a whole: the verifier, the way to the upstream, the certificates, the mail client's door.

import type { AuditEvents } from '../audit/event-fields.ts';
import type { Settings } from '../config/schema.ts';
import { openDkim } from '../dkim/dkim.ts';
import type { PortKeeper } from '../port/keeper.ts';
import type { UsageBook } from '../relay/pool/usage.ts';
import { createRelay, type Relay } from '../relay/relay.ts';
import { createUpstreamTokens } from '../relying-party/upstream/tokens.ts';
import { faultOf, StartFailure } from '../start-failure.ts';
import type { SessionRegistry } from '../submission/access/registry.ts';
import { type BoundListener, createSubmission } from '../submission/listener.ts';
import { CertificateFault } from '../tls/certificates.ts';
import { openTls, type Tls } from '../tls/open.ts';
import type { TicketKeyStore } from '../tls/ticket-key-store.ts';
import { issuerMap } from '../token/issuers/issuer-map.ts';
import { createTokenVerifier, type OwnIssuer, type TokenVerifier } from '../token/verifier.ts';
import type { Revocations } from '../token/withdrawal/revocations.ts';

/** Settings as a start or a reload is given them. */
export interface Given {
  readonly settings: Settings;
  /** Settings that are dangerous but allowed, for the journal. */
  readonly dangers: readonly string[];
}

/** What outlives every reload. */
export interface Lasting {
  readonly audit: AuditEvents;
  readonly own: OwnIssuer;
  readonly revocations: Revocations;
  readonly sessions: SessionRegistry;
  readonly ports: PortKeeper;
  readonly ticketKeys: TicketKeyStore;
  /** Of the upstream mail servers: they count the last messages of earlier settings together with those of the new ones. */
  readonly usage: UsageBook;
  /** Where the settings name no certificate: the demo's. */
  readonly certificate: { readonly certificate: string; readonly key: string } | undefined;
}

export interface Generation {
  readonly settings: Settings;
  readonly verifier: TokenVerifier;
  readonly relay: Relay;
  /** Opens the ports that are not open yet. A fault for each that cannot be; then only {@link Generation.end} is left. */
  listen(): Promise<{ path: string; message: string }[]>;
  /** Takes every new connection from now on. */
  serve(): readonly BoundListener[];
  /** Sessions end as their messages do, then the rest is closed. Safe to call twice. */
  end(): Promise<void>;
}

/** @throws StartFailure */
export async function createGeneration(settings: Settings, lasting: Lasting): Promise<Generation> {
  const { submission, token, authorization } = settings;
  const { audit, revocations } = lasting;
  const dkim = settings.dkim && openDkim(settings.dkim);
  if (dkim && 'faults' in dkim) throw new StartFailure([...dkim.faults]);
  const tls = await openCertificates(settings, lasting);
  const verifier = createTokenVerifier({
    settings: token,
    own: lasting.own,
    revocations,
    onRecheckFailed: audit.recheckFailed,
  });
  const relay = createRelay({
    settings,
    hostname: submission.hostname,
    usage: lasting.usage,
    tokens: (oauth, upstream) =>
      createUpstreamTokens({
        settings: oauth,
        report: ({ reason }) => audit.upstreamTokenTrouble({ upstream, reason }),
      }),
  });
  relay.onChange(({ upstream, down }) => {
    if (down) audit.upstreamDown({ upstream, reason: down.reason });
    else audit.upstreamUp({ upstream });
  });
  const door = createSubmission({
    settings: submission,
    ports: lasting.ports,
    tls: tls.contexts,
    verifier,
    relay,
    dkim,
    sessions: lasting.sessions,
    revocations,
    audit,
    challenge: {
      scope: 'urn:ietf:params:oauth:scope:mail',
      openidConfiguration: new URL('/.well-known/openid-configuration', authorization.issuer).href,
    },
    challengeFor: issuerMap(token.trustedIssuers),
    leeway: token.leeway,
  });
  let bound: readonly BoundListener[] = [];
  let serves = false;
  let ended: Promise<void> | undefined;

  return {
    settings,
    verifier,
    relay,
    async listen() {
      // Asked first, so that the first client is offered what the upstream can do; one that is down delays nothing.
      await Promise.race([relay.probe(), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
      const results = await door.listen();
      bound = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      return results.flatMap((result, index) => faultOf(`submission.listeners[${index}].listen`, result));
    },
    serve() {
      door.serve();
      relay.watch();
      serves = true;
      return bound;
    },
    end() {
      ended ??= (async () => {
        if (serves) await door.drain();
        else await door.withdraw();
        relay.close();
        verifier.close();
        tls.close();
      })();
      return ended;
    },
  };
}

async function openCertificates({ submission }: Settings, lasting: Lasting): Promise<Tls> {
  const chosen = submission.tls ?? lasting.certificate;
  if (!chosen) throw new StartFailure([{ path: 'submission.tls', message: 'is required' }]);
  const { audit } = lasting;
  try {
    return await openTls({
      settings: chosen,
      path: 'submission.tls',
      ticketKeyStore: lasting.ticketKeys,
      news: {
        onReloaded: (note) => audit.certificateReloaded(dated(note)),
        onFailed: audit.certificateReloadFailed,
        onExpires: (note) => audit.certificateExpires(dated(note)),
        onFault: (error) => audit.fault({ where: 'session tickets', error }),
      },
    });
  } catch (error) {
    throw error instanceof CertificateFault ? new StartFailure(error.faults) : error;
  }
}

function dated<Note extends { notAfter: number }>(note: Note): Omit<Note, 'notAfter'> & { notAfter: string } {
  return { ...note, notAfter: new Date(note.notAfter).toISOString() };
}
