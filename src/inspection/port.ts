// Owns the order in which one port is examined: each probe with when it makes sense, and what becomes of one that breaks off.

import { NO_CAPABILITIES } from './capabilities.ts';
import { judgeClearText, probeClearText } from './clear-text.ts';
import { judgeFailedSignIn, judgeOffer, probeFailedSignIn } from './failed-sign-in.ts';
import { DialogueFault } from './fault.ts';
import { type CheckName, type Finding, ok, problem, warning } from './findings.ts';
import { type Look, lookAround } from './look.ts';
import { judgeOldTls, probeOldTls } from './old-tls.ts';
import { judgeRelay } from './relay-judgement.ts';
import { probeRelay } from './relay-probes.ts';
import type { PortMode, PortReport, RelayAttempt } from './report.ts';
import { probeSignIn, type SignInOptions } from './sign-in-probe.ts';
import { judgeInjection, probeInjection } from './starttls-injection.ts';
import { Transcript } from './transcript.ts';
import type { Visit } from './visit.ts';

export interface PortOptions {
  readonly host: string;
  /** Name or IP address to connect to. */
  readonly connectTo: string;
  readonly port: number;
  readonly mode: PortMode;
  /** Somebody asked for this port, so it has to be there. */
  readonly expected: boolean;
  /** PEM. */
  readonly ca: string | undefined;
  /** Address of a stranger to the server. */
  readonly relayTo: string;
  readonly signIn: SignInOptions | undefined;
  /** Milliseconds: for any one answer, for the whole port. */
  readonly limits: { readonly answer: number; readonly whole: number };
}

export async function examinePort(options: PortOptions): Promise<PortReport> {
  const transcript = new Transcript();
  const limits = { answer: options.limits.answer, deadline: performance.now() + options.limits.whole };
  const visit: Visit = { ...options, limits, transcript, connections: 0 };
  const about = { port: options.port, mode: options.mode, transcript: transcript.entries };
  const look = await lookAround(visit).catch((error: unknown) => {
    if (error instanceof DialogueFault) return error;
    throw error;
  });
  if (look instanceof DialogueFault)
    return { ...about, ...NOTHING_SEEN, findings: [notReached(look, options)] };

  visit.connectTo = look.address;
  const relay: RelayAttempt[] = [];
  const findings = [...look.findings];
  for (const probe of PROBES) {
    if (probe.when(look, options)) findings.push(...(await tryProbe(probe, { visit, look, options, relay })));
  }
  return {
    ...about,
    address: look.address,
    banner: look.banner,
    capabilities: { clear: look.clear?.lines ?? null, tls: look.inside?.lines ?? null },
    mechanisms: { clear: look.clear?.mechanisms ?? [], tls: look.inside?.mechanisms ?? [] },
    tls: look.tls ?? null,
    relay,
    findings,
  };
}

interface Probing {
  readonly visit: Visit;
  readonly look: Look;
  readonly options: PortOptions;
  /** Filled by the probe that makes them. */
  readonly relay: RelayAttempt[];
}

interface Probe {
  readonly check: CheckName;
  /** For the case that it is not examined. */
  readonly title: string;
  readonly when: (look: Look, options: PortOptions) => boolean;
  readonly run: (given: Probing) => Promise<Finding[]>;
}

/** Each on connections of its own, so that none suffers from what another has done. */
const PROBES: readonly Probe[] = [
  {
    check: 'tls-old-versions',
    title: 'whether TLS 1.0 and 1.1 are taken',
    when: ({ tls }) => tls !== undefined,
    run: async ({ visit }) => judgeOldTls(visit.mode, await probeOldTls(visit)),
  },
  {
    check: 'starttls-injection',
    title: 'whether commands behind STARTTLS count',
    when: ({ tls }, { mode }) => tls !== undefined && mode !== 'implicit',
    run: async ({ visit }) => [judgeInjection(await probeInjection(visit))],
  },
  {
    check: 'login-in-clear',
    title: 'whether a credential is taken without TLS',
    when: (_, { mode }) => mode !== 'implicit',
    run: async ({ visit, look }) =>
      judgeClearText(await probeClearText(visit, look.inside ?? NO_CAPABILITIES)),
  },
  {
    check: 'bad-token',
    title: 'what a bad token gets',
    when: ({ tls }) => tls !== undefined,
    run: async ({ visit }) => {
      const { attempt, offer } = await probeFailedSignIn(visit);
      const isOffered = offer.before.includes(attempt.mechanism);
      return [judgeOffer(offer, 'inside TLS'), ...judgeFailedSignIn(attempt, isOffered)];
    },
  },
  {
    check: 'relay',
    title: 'whether it is an open relay',
    when: () => true,
    run: async ({ visit, look, options, relay }) => {
      const round = await probeRelay(visit, { to: options.relayTo, address: look.address });
      relay.push(...round.attempts);
      const findings = judgeRelay(options.mode, round.attempts);
      if (round.brokenOff === undefined || findings.some(({ level }) => level === 'problem')) return findings;
      throw round.brokenOff;
    },
  },
  {
    check: 'signed-in',
    title: 'the sign-in',
    when: (_, { signIn, mode }) => signIn !== undefined && mode !== 'relay',
    run: async ({ visit, options }) => (options.signIn ? probeSignIn(visit, options.signIn) : []),
  },
];

/** What was not examined must not look good. */
async function tryProbe({ check, title, run }: Probe, given: Probing): Promise<Finding[]> {
  try {
    return await run(given);
  } catch (error) {
    if (!(error instanceof DialogueFault)) throw error;
    const means = `${title}: not examined to the end, for ${error.message}`;
    if (error.kind === 'used-up') return [problem('time-limit', means, 'Give it more time with --timeout.')];
    if (check === 'signed-in') return [problem(check, means, SEE_TRANSCRIPT)];
    return [warning(check, means, SEE_TRANSCRIPT)];
  }
}

const SEE_TRANSCRIPT = 'Try again; --transcript shows what was said.';

const NOTHING_SEEN = {
  address: null,
  banner: null,
  capabilities: { clear: null, tls: null },
  mechanisms: { clear: [], tls: [] },
  tls: null,
  relay: [],
};

function notReached(fault: DialogueFault, { port, mode, expected }: PortOptions): Finding {
  const means = `port ${port} cannot be examined: ${fault.message}`;
  if (fault.kind === 'no-such-host')
    return problem('reached', means, 'See the spelling, or use --address IP.');
  const isClosed = ['unreachable', 'timeout', 'refused'].includes(fault.kind) && fault.code !== undefined;
  // Submission needs no port 25, and many networks let nobody reach one.
  if (isClosed && !expected && mode === 'relay') return ok('reached', means);
  if (isClosed && !expected) return warning('reached', means, OFFER_BOTH);
  if (fault.kind === 'refused' && fault.code === undefined) {
    const advice =
      'See the log of the server: it may have blocked this address, or have too many connections.';
    return problem('greeting', means, advice);
  }
  return problem('reached', means, adviceFor(fault, port, mode));
}

const OFFER_BOTH =
  'RFC 8314 §3.3: offer both 465 (implicit TLS) and 587 (STARTTLS), for clients know one or the other.';

function adviceFor(fault: DialogueFault, port: number, mode: PortMode): string {
  if (mode === 'implicit' && fault.kind === 'handshake')
    return `If it waits for STARTTLS, say --port ${port}:starttls.`;
  if (mode !== 'implicit' && fault.kind === 'timeout' && fault.code === undefined)
    return `If TLS begins with the first byte there, say --port ${port}:implicit.`;
  return 'See that it listens there, and that no firewall is between.';
}
