// Composition root: builds every part from the settings, starts them in order, stops them in the opposite one.

import { type Administration, createAdministration } from './administration/server.ts';
import { type Audit, createAudit, type JournalDestination } from './audit/audit.ts';
import { MAX_CONNECTIONS } from './authorization/crowd.ts';
import { signInRedirectUri } from './authorization/interaction/sign-in.ts';
import { createOpaqueTokens } from './authorization/provider/opaque-tokens.ts';
import { identifyByVerifier } from './authorization/provider/own-tokens.ts';
import { type AuthorizationServer, createAuthorizationServer } from './authorization/server.ts';
import type { Settings } from './config/schema.ts';
import { startDemo } from './demo/demo.ts';
import { createRefusalMemory } from './explanation/refusal-memory.ts';
import { judgeToken } from './explanation/verdict.ts';
import { fileLimitDanger } from './gateway/file-limit.ts';
import type { Given, Lasting } from './gateway/generation.ts';
import { createMailSide, type MailSide, spellListener, tellDangers } from './gateway/mail-side.ts';
import { upstreamsOf } from './gateway/upstreams-of.ts';
import { createPortKeeper } from './port/keeper.ts';
import { UsageBook } from './relay/pool/usage.ts';
import { createIdentityProvider } from './relying-party/identity-provider.ts';
import type { SocketAddress } from './setting.ts';
import { blaming, busyPorts, faultOf, StartFailure, settled } from './start-failure.ts';
import { openStore, type Store } from './store/open.ts';
import { createSessionRegistry } from './submission/access/registry.ts';
import type { BoundListener } from './submission/listener.ts';
import { type Keyring, openKeyring } from './token/keys/keyring.ts';
import { openRevocations, type Revocations } from './token/withdrawal/revocations.ts';

export type { Given } from './gateway/generation.ts';

export interface Gateway {
  /** Where mail clients are served now. */
  readonly listeners: readonly BoundListener[];
  /** For the person who started it; only the demo has something to say. */
  readonly welcome: string | undefined;
  /**
   * Takes new settings: new connections are served by them, earlier sessions end as at a stop, messages in flight finish.
   * @throws StartFailure with every fault; then all goes on as before
   */
  reload(given: Given): Promise<void>;
  /** The new settings could not even be read: told in the journal. */
  refuseReload(faults: readonly string[]): void;
  /** Stops taking connections, lets what is in flight finish, closes everything. Safe to call twice. */
  stop(cause: string): Promise<void>;
}

/** How often revocations and keys are looked after. */
const REVOCATION_TICK = 5_000;
const KEY_TICK = 60_000;

/**
 * @param options.journal where its lines go; standard output where nothing is said
 * @throws StartFailure with every fault at once
 */
export async function startGateway(
  options: Given & { readonly version: string; readonly journal?: JournalDestination },
): Promise<Gateway> {
  const { settings, journal } = options;
  const audit = createAudit({ settings: settings.audit, ...(journal && { destination: journal }) });
  const ending: (() => unknown)[] = [() => audit.close()];
  try {
    const files = await fileLimitDanger(settings, MAX_CONNECTIONS);
    tellDangers(audit.events, files ? [...options.dangers, files] : options.dangers);
    const parts = await build({ given: options, audit, ending });
    const { mail } = parts;
    await open({ audit, parts });
    mail.serve();
    audit.events.started({
      version: options.version,
      issuer: settings.authorization.issuer,
      listeners: mail.listeners.map(spellListener),
    });
    return {
      get listeners() {
        return mail.listeners;
      },
      welcome: parts.welcome,
      async reload(given) {
        // First, so that all of it holds once the reload is told of.
        await parts.authorization.reload();
        await mail.reload(given);
      },
      refuseReload: (faults) => audit.events.reloadRefused({ faults }),
      stop: stopping({ audit, ending }),
    };
  } catch (error) {
    await closeAll(ending, audit);
    if (!(error instanceof StartFailure)) throw error;
    // A store or demo that fails ends the start before the ports: what is wrong with those is told along with it.
    const told = new Set(error.faults.map(({ path }) => path));
    const busy = (await busyPorts(portsOf(settings))).filter(({ path }) => !told.has(path));
    const isDemoPort = busy.some(({ path }) => path.startsWith('demo.'));
    throw new StartFailure([...error.faults.filter(({ path }) => path !== 'demo' || !isDemoPort), ...busy]);
  }
}

interface Parts {
  readonly store: Store;
  readonly authorization: AuthorizationServer;
  readonly mail: MailSide;
  readonly administration: Administration | undefined;
  readonly welcome: string | undefined;
}

/** Everything but the open ports. What is built is put on `ending` at once, so that a later failure closes it. */
async function build(options: { given: Given; audit: Audit; ending: (() => unknown)[] }): Promise<Parts> {
  const { given, audit, ending } = options;
  const { settings } = given;
  const { authorization, submission, token } = settings;
  const redirectUri = signInRedirectUri(authorization.issuer);
  const demo =
    settings.demo &&
    (await blaming('demo', startDemo({ ...settings, settings: settings.demo, redirectUri })));
  if (demo) ending.push(() => demo.close());
  const store = await blaming('store.sqlite', openStore({ settings: settings.store }));
  ending.push(() => store.close());

  const keyring = await openKeyring({
    store: store.keys,
    settings: token.signingKeys,
    maxTokenLifetime: authorization.accessTokenLifetime + token.leeway,
  });
  const revocations = await openRevocations({ store: store.revocations });
  const sessions = createSessionRegistry();
  const ports = createPortKeeper({
    onRefused: audit.events.proxyRefused,
    onFault: (error) => audit.events.fault({ where: 'port', error }),
  });
  ending.push(
    () => revocations.close(),
    () => keyring.close(),
  );
  revocations.onRevoked((revocation) => void sessions.revoke(revocation));
  keyring.onChange(() => audit.events.keyRotated({ keyId: signingKeyId(keyring) }));
  ending.push(lookAfter({ keyring, revocations, audit }));

  const refusals = createRefusalMemory();
  const lasting: Lasting = {
    audit: refusals.listenTo(audit.events),
    own: {
      issuer: authorization.issuer,
      keyring,
      accounts: store.accounts,
      domains: demo ? undefined : authorization.identityProvider.domains,
      apps: new Map(
        authorization.clients
          .filter((client) => client.sendAs.length > 0)
          .map((client) => [client.clientId, client.sendAs]),
      ),
      opaque: createOpaqueTokens({ ...authorization, artifacts: store.artifacts }),
    },
    revocations,
    sessions,
    ports,
    ticketKeys: store.ticketKeys,
    usage: new UsageBook(),
    certificate: demo?.tls,
  };
  const mail = await createMailSide(given, lasting);
  const server = await createAuthorizationServer({
    settings: demo ? { ...authorization, identityProvider: demo.identityProvider } : authorization,
    token,
    hostname: submission.hostname,
    keyring,
    revocations,
    accounts: store.accounts,
    artifacts: store.artifacts,
    audit: audit.events,
    identityProvider: createIdentityProvider({
      settings: demo ? demo.identityProvider : authorization.identityProvider,
      redirectUri,
    }),
    identifyOwnToken: identifyByVerifier(
      { read: (bearer) => mail.current.verifier.read(bearer) },
      authorization.issuer,
    ),
  });
  ending.push(
    () => server.close(),
    () => mail.end(),
  );
  demo?.mount(server.app);
  const administration =
    settings.administration &&
    createAdministration({
      settings: settings.administration,
      sessions,
      access: server.access,
      explanations: {
        refusalsOf: refusals.find,
        judge(question) {
          const { verifier, settings: current } = mail.current;
          const trusted = current.token.trustedIssuers.map(({ issuer }) => issuer);
          return judgeToken(question, {
            verifier,
            issuers: { trusted, own: authorization.issuer },
            upstreamsOf: (person) => upstreamsOf(person, current),
          });
        },
      },
      audit: audit.events,
    });
  if (administration) ending.push(() => administration.close());
  return { store, authorization: server, mail, administration, welcome: demo?.welcome };
}

/** Opens every port; what cannot be opened is told all at once. */
async function open(options: { audit: Audit; parts: Parts }): Promise<void> {
  const { audit, parts } = options;
  const { store, mail } = parts;
  const checks = {
    store: () => store.ready().then(() => true),
    upstream: () => mail.current.relay.probe().then((down) => down?.code ?? true),
  };
  const [door, web, pages, local] = await Promise.all([
    mail.current.listen(),
    settled(parts.authorization.listen()),
    settled(audit.serve({ checks })),
    settled(parts.administration?.listen() ?? Promise.resolve()),
  ]);
  const faults = [
    ...door,
    ...faultOf('authorization.listen', web),
    ...faultOf('audit.listen', pages),
    ...faultOf('administration.socket', local),
  ];
  if (faults.length > 0) throw new StartFailure(faults);
}

function lookAfter(options: { keyring: Keyring; revocations: Revocations; audit: Audit }): () => void {
  const { keyring, revocations, audit } = options;
  const every = (interval: number, work: () => Promise<unknown>, where: string): NodeJS.Timeout =>
    setInterval(
      () => void work().catch((error: unknown) => audit.events.fault({ where, error })),
      interval,
    ).unref();
  const timers = [
    every(REVOCATION_TICK, () => revocations.tick(), 'revocations'),
    every(KEY_TICK, () => keyring.tick(), 'signing keys'),
  ];
  return () => timers.forEach(clearInterval);
}

function signingKeyId(keyring: Keyring): string {
  const [first] = keyring.publicJwks().keys as { kid?: string }[];
  return first?.kid ?? 'none';
}

function portsOf(settings: Settings): { path: string; address: SocketAddress }[] {
  const { submission, authorization, audit, demo } = settings;
  return [
    ...(demo ? [{ path: 'demo.identityProvider', address: demo.identityProvider }] : []),
    ...(demo ? [{ path: 'demo.inbox', address: demo.inbox }] : []),
    ...submission.listeners.map(({ listen }, index) => ({
      path: `submission.listeners[${index}].listen`,
      address: listen,
    })),
    { path: 'authorization.listen', address: authorization.listen },
    { path: 'audit.listen', address: audit.listen },
  ];
}

function stopping({
  audit,
  ending,
}: {
  audit: Audit;
  ending: (() => unknown)[];
}): (cause: string) => Promise<void> {
  let stopped: Promise<void> | undefined;
  return (cause) => {
    stopped ??= (async () => {
      const started = performance.now();
      audit.events.stopping({ cause });
      const last = ending.shift() as () => unknown;
      await closeAll(ending, audit);
      audit.events.stopped({ milliseconds: Math.round(performance.now() - started) });
      await last();
    })();
    return stopped;
  };
}

/** One part that does not close must not keep the others open. */
async function closeAll(ending: readonly (() => unknown)[], audit: Audit): Promise<void> {
  for (const end of ending.toReversed()) {
    try {
      await end();
    } catch (error) {
      audit.events.fault({ where: 'stop', error });
    }
  }
}
