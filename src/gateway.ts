// Composition root: builds every part from the settings, starts them in order, stops them in the opposite one.

import { readFile } from 'node:fs/promises';
import { type Administration, createAdministration } from './administration/server.ts';
import { type Audit, createAudit } from './audit/audit.ts';
import { identifyByVerifier } from './authorization/own-tokens.ts';
import { type AuthorizationServer, createAuthorizationServer } from './authorization/server.ts';
import { signInRedirectUri } from './authorization/sign-in.ts';
import type { Settings } from './config/schema.ts';
import { type Demo, startDemo } from './demo/demo.ts';
import { createRelay, type Relay } from './relay/relay.ts';
import { createIdentityProvider } from './relying-party/identity-provider.ts';
import type { SocketAddress } from './setting.ts';
import { blaming, busyPorts, faultOf, StartFailure, settled } from './start-failure.ts';
import { openStore, type Store } from './store/open.ts';
import { type BoundListener, createSubmission, type Submission } from './submission/listener.ts';
import { type Keyring, openKeyring } from './token/keyring.ts';
import { openRevocations, type Revocations } from './token/revocations.ts';
import { createTokenVerifier } from './token/verifier.ts';

export interface Gateway {
  readonly listeners: readonly BoundListener[];
  /** For the person who started it; only the demo has something to say. */
  readonly welcome: string | undefined;
  /** Stops taking connections, lets what is in flight finish, closes everything. Safe to call twice. */
  stop(cause: string): Promise<void>;
}

/** How often revocations and keys are looked after. */
const REVOCATION_TICK = 5_000;
const KEY_TICK = 60_000;

/** @throws StartFailure with every fault at once */
export async function startGateway(options: {
  readonly settings: Settings;
  /** Settings that are dangerous but allowed, for the journal. */
  readonly dangers: readonly string[];
  readonly version: string;
}): Promise<Gateway> {
  const { settings } = options;
  const audit = createAudit({ settings: settings.audit });
  const ending: (() => unknown)[] = [() => audit.close()];
  try {
    for (const danger of options.dangers) audit.events.dangerousSetting(dangerOf(danger));
    const parts = await build({ settings, audit, ending });
    const listeners = await open({ audit, parts });
    audit.events.started({
      version: options.version,
      issuer: settings.authorization.issuer,
      listeners: listeners.map(({ host, port, tls }) => `${host}:${port} ${tls}`),
    });
    return { listeners, welcome: parts.welcome, stop: stopping({ audit, ending }) };
  } catch (error) {
    await closeAll(ending, audit);
    if (!(error instanceof StartFailure)) throw error;
    // A store or demo that fails ends the start before the ports: what is wrong with those is told along with it.
    const told = new Set(error.faults.map(({ path }) => path));
    const busy = (await busyPorts(portsOf(settings))).filter(({ path }) => !told.has(path));
    throw new StartFailure([...error.faults, ...busy]);
  }
}

interface Parts {
  readonly store: Store;
  readonly relay: Relay;
  readonly authorization: AuthorizationServer;
  readonly submission: Submission;
  readonly administration: Administration | undefined;
  readonly welcome: string | undefined;
}

/** Everything but the open ports. What is built is put on `ending` at once, so that a later failure closes it. */
async function build(options: {
  settings: Settings;
  audit: Audit;
  ending: (() => unknown)[];
}): Promise<Parts> {
  const { settings, audit, ending } = options;
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
  const apps = new Map(
    authorization.clients
      .filter((client) => client.sendAs.length > 0)
      .map((client) => [client.clientId, client.sendAs]),
  );
  const verifier = createTokenVerifier({
    settings: token,
    own: { issuer: authorization.issuer, keyring, accounts: store.accounts, apps },
    revocations,
    onRecheckFailed: audit.events.recheckFailed,
  });
  const relay = createRelay({ settings: settings.upstream, hostname: submission.hostname });
  ending.push(
    () => relay.close(),
    () => verifier.close(),
    () => revocations.close(),
    () => keyring.close(),
  );
  relay.onChange((down) =>
    down ? audit.events.upstreamDown({ reason: down.reason }) : audit.events.upstreamUp({}),
  );
  keyring.onChange(() => audit.events.keyRotated({ keyId: signingKeyId(keyring) }));
  ending.push(lookAfter({ keyring, revocations, audit }));

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
    identifyOwnToken: identifyByVerifier(verifier, authorization.issuer),
  });
  ending.push(() => server.close());
  demo?.mount(server.app);

  const door = createSubmission({
    settings: submission,
    tls: await certificateOf(settings, demo),
    verifier,
    relay,
    revocations,
    audit: audit.events,
    challenge: {
      scope: 'urn:ietf:params:oauth:scope:mail',
      openidConfiguration: new URL('/.well-known/openid-configuration', authorization.issuer).href,
    },
    leeway: token.leeway,
  });
  ending.push(() => door.close());
  const administration =
    settings.administration &&
    createAdministration({
      settings: settings.administration,
      sessions: door.sessions,
      access: server.access,
      audit: audit.events,
    });
  if (administration) ending.push(() => administration.close());
  return { store, relay, authorization: server, submission: door, administration, welcome: demo?.welcome };
}

/** Opens every port; what cannot be opened is told all at once. */
async function open(options: { audit: Audit; parts: Parts }): Promise<readonly BoundListener[]> {
  const { audit, parts } = options;
  const { store, relay } = parts;
  // Asked first, so that the first client already is offered what the upstream can do; an upstream that is down delays no start.
  await Promise.race([relay.probe(), new Promise((resolve) => setTimeout(resolve, 1_000).unref())]);
  const checks = {
    store: () => store.ready().then(() => true),
    upstream: () => relay.probe().then((down) => down?.code ?? true),
  };
  const [mail, web, pages, local] = await Promise.all([
    parts.submission.listen(),
    settled(parts.authorization.listen()),
    settled(audit.serve({ checks })),
    settled(parts.administration?.listen() ?? Promise.resolve()),
  ]);
  const faults = [
    ...mail.map((result, index) => faultOf(`submission.listeners[${index}].listen`, result)),
    faultOf('authorization.listen', web),
    faultOf('audit.listen', pages),
    faultOf('administration.socket', local),
  ].flat();
  if (faults.length > 0) throw new StartFailure(faults);
  return mail.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
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

function portsOf({ submission, authorization, audit }: Settings): { path: string; address: SocketAddress }[] {
  return [
    ...submission.listeners.map(({ listen }, index) => ({
      path: `submission.listeners[${index}].listen`,
      address: listen,
    })),
    { path: 'authorization.listen', address: authorization.listen },
    { path: 'audit.listen', address: audit.listen },
  ];
}

/** `path: what is dangerous about it`, as config/ writes it. */
function dangerOf(text: string): { path: string; risk: string } {
  const at = text.indexOf(': ');
  return { path: text.slice(0, at), risk: text.slice(at + 2) };
}

async function certificateOf(
  settings: Settings,
  demo: Demo | undefined,
): Promise<{ certificate: string; key: string }> {
  const paths = settings.submission.tls ?? demo?.tls;
  if (!paths) throw new StartFailure([{ path: 'submission.tls', message: 'is required' }]);
  const [certificate, key] = await Promise.all([
    readFile(paths.certificate, 'utf8'),
    readFile(paths.key, 'utf8'),
  ]);
  return { certificate, key };
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
