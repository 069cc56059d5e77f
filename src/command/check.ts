// `postern check HOST`: a look at a submission service from outside, in place of web testers and telnet.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Command } from 'commander';
import type { InspectionOptions } from '../inspection/inspect.ts';
import type { PortMode } from '../inspection/report.ts';
import { CommandFailure, usageFailure } from './failure.ts';
import { checkAddress } from './outgoing.ts';
import { plausibleToken, readText, several } from './send.ts';
import { type CommandLine, EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export interface CheckOptions {
  readonly port?: readonly string[];
  readonly address?: string;
  readonly ca?: string;
  readonly timeout: string;
  readonly relayTo: string;
  readonly token?: string;
  readonly user?: string;
  readonly domain?: string;
  readonly dkimSelector?: readonly string[];
  readonly resolver?: string;
  readonly json?: boolean;
  readonly transcript?: boolean;
}

/** RFC 2606: nobody's. */
const STRANGER = 'postern-check@example.net';
/** What one port may take altogether, in times of --timeout. */
const PATIENCE = 12;

const HELP = `
Connects to ports 25, 587 (STARTTLS) and 465 (implicit TLS), or to those of --port, as a stranger would: TLS and the
certificate, the mechanisms offered, sign-in without TLS, a bad token, commands behind STARTTLS, a round of open-relay
probes. No message is ever sent: every probe ends before DATA. Each finding is a line: ok, warning or problem, what it
means, and what to do.

--port PORT:MODE says how the port is spoken to: starttls, implicit, or relay (a mail exchanger, where nobody signs in).
Without MODE, 25 is relay, a number that ends in 465 is implicit, all others are starttls.
A token (--token) signs in too, with --user as sender and recipient. It is sent only where the certificate is good.
Open-relay probes use ${STRANGER}, an address nobody has; servers may refuse it for that alone, so name an
address of yours elsewhere with --relay-to for a sharper probe. Nothing is sent there.

Run it from outside the server's own network: from inside, it may trust you on purpose.

Examples:
  postern check mail.example.org
  postern check mail.example.org --domain example.org --dkim-selector mail
  postern token | postern check mail.example.org --token - --user alice@example.org
  postern check localhost --port 1587 --port 1465 --ca data/demo/ca.pem
  postern check mail.example.org --json | jq -r '.ports[].findings[] | select(.level == "problem") | .means'

Exit codes: 0 no problem (there may be warnings), 1 a problem, 2 wrong use.`;

export function addCheck(program: Command, { surroundings, run }: CommandLine): void {
  program
    .command('check')
    .description('look at a mail server from outside: TLS, sign-in, open relay, DNS')
    .argument('<host>', 'its name, as clients have it')
    .addOption(several('--port <port[:mode]>', 'port to look at instead of 25, 587 and 465'))
    .option('--address <ip>', 'connect to this address, whatever the name resolves to')
    .option('--ca <file>', 'PEM file of authorities to trust instead of the public ones')
    .option('--timeout <seconds>', 'longest wait for any one answer', '10')
    .option('--relay-to <address>', 'stranger to name in open-relay probes', STRANGER)
    .option('--token <file>', 'sign in with the access token in this file; - reads standard input')
    .option('--user <address>', 'whom the token speaks for')
    .option(
      '--domain <domain>',
      'look at what DNS says of this domain’s mail: SPF, DKIM, DMARC, SRV, autoconfiguration',
    )
    .addOption(several('--dkim-selector <name>', 'DKIM selector of the domain'))
    .option('--resolver <ip[:port]>', 'DNS server to ask instead of the system’s')
    .option('--transcript', 'print what was said, credentials hidden')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', HELP)
    .action((host: string, options: CheckOptions) => run(() => check({ host, options, surroundings })));
}

/** What to inspect is imported late, as every command's work is: `postern token` runs often and must start fast. */
export async function check(given: {
  host: string;
  options: CheckOptions;
  surroundings: Surroundings;
}): Promise<number> {
  const { options, surroundings } = given;
  const { inspect } = await import('../inspection/inspect.ts');
  const report = await inspect(await inspectionOptions(given));
  if (options.json === true) {
    sayJson(surroundings, report);
  } else {
    const { reportLines } = await import('./check-report.ts');
    for (const line of reportLines(report)) say(surroundings.output, line);
  }
  return report.verdict === 'problem' ? EXIT.failed : EXIT.done;
}

async function inspectionOptions(given: {
  host: string;
  options: CheckOptions;
  surroundings: Surroundings;
}): Promise<InspectionOptions> {
  const { options, surroundings } = given;
  const { address, user, relayTo } = options;
  const host = hostOf(given.host);
  if (address !== undefined && isIP(address) === 0)
    throw usageFailure(`${JSON.stringify(address)} is not an IP address`);
  checkAddress(relayTo);
  if (user !== undefined) checkAddress(user);
  if (user !== undefined && options.token === undefined)
    throw usageFailure('--user is of no use without a token', 'Name its file with --token FILE.');
  const limits = limitsOf(options.timeout);
  const ports = options.port?.map(portOf);
  const domain = await domainOptions(options, limits);
  const ca = options.ca === undefined ? undefined : readAuthorities(options.ca, surroundings);
  const token = options.token === undefined ? undefined : await readToken(options.token, surroundings);
  const { USUAL_PORTS } = await import('../inspection/inspect.ts');
  return {
    host,
    address,
    ports: ports ?? USUAL_PORTS,
    portsChosen: ports !== undefined,
    ca,
    relayTo,
    signIn: token === undefined ? undefined : { token, user },
    domain,
    withTranscript: options.transcript === true,
    limits,
  };
}

function hostOf(text: string): string {
  const bare = text.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (isIP(bare) !== 0) return bare;
  if (/^[^:]+:\d+$/.test(bare))
    throw usageFailure(`${JSON.stringify(text)} is not a host name`, 'Name the port with --port.');
  return nameOf(bare, 'host');
}

/** Without what could end a command line or a question, in the form that DNS has. */
function nameOf(text: string, kind: 'host' | 'domain'): string {
  // domainToASCII leaves line ends out in silence.
  const name = /[\s\p{C}]/u.test(text) ? '' : domainToASCII(text);
  const isName = name.length <= 253 && /^[a-z0-9_]([a-z0-9_-]{0,62}\.)*[a-z0-9_-]{0,62}$/i.test(name);
  if (name !== '' && isName) return name;
  throw usageFailure(`${JSON.stringify(text)} is not a ${kind} name`, 'Such as mail.example.org.');
}

const MODES: readonly PortMode[] = ['starttls', 'implicit', 'relay'];

function portOf(text: string): { port: number; mode: PortMode } {
  const [, digits = '', named] = /^(\d{1,5})(?::(.+))?$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port < 1 || port > 65_535)
    throw usageFailure(`${JSON.stringify(text)} is not a port from 1 to 65535`);
  if (named === undefined) return { port, mode: usualMode(digits) };
  const mode = MODES.find((known) => known === named);
  if (mode) return { port, mode };
  throw usageFailure(`${JSON.stringify(named)} is no way to speak to a port`, `Say ${MODES.join(', ')}.`);
}

function usualMode(port: string): PortMode {
  if (port === '25') return 'relay';
  return port.endsWith('465') ? 'implicit' : 'starttls';
}

function limitsOf(text: string): InspectionOptions['limits'] {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 300))
    throw usageFailure(`${JSON.stringify(text)} is not a number of seconds from 0.1 to 300`);
  const answer = seconds * 1000;
  return { answer, whole: answer * PATIENCE };
}

async function domainOptions(
  { domain, dkimSelector: selectors = [], resolver: server }: CheckOptions,
  limits: InspectionOptions['limits'],
): Promise<InspectionOptions['domain']> {
  if (domain === undefined) {
    if (selectors.length === 0 && server === undefined) return undefined;
    throw usageFailure('DNS is looked at for a domain only', 'Name it with --domain DOMAIN.');
  }
  const name = nameOf(domain.replace(/\.$/, ''), 'domain');
  for (const selector of selectors) {
    if (!/^[a-z0-9_]([a-z0-9_.-]{0,61}[a-z0-9_])?$/i.test(selector))
      throw usageFailure(`${JSON.stringify(selector)} is not a DKIM selector`);
  }
  if (server !== undefined && !isResolver(server))
    throw usageFailure(
      `${JSON.stringify(server)} is not the address of a resolver`,
      'Such as 192.0.2.53 or [2001:db8::53]:53.',
    );
  const { createLookup } = await import('../inspection/dns/lookup.ts');
  return { domain: name, selectors, lookup: createLookup({ server, limits }) };
}

function isResolver(text: string): boolean {
  const [, six, four, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  return (
    isIP(text) !== 0 || (isIP(six ?? four ?? '') !== 0 && (port === undefined || Number(port) <= 65_535))
  );
}

/** Node takes a file without a certificate in silence, and trusts nobody then. */
function readAuthorities(path: string, surroundings: Surroundings): string {
  const text = readText(path, surroundings);
  try {
    new X509Certificate(text);
  } catch {
    throw new CommandFailure(`${path} holds no certificate in PEM form`);
  }
  return text;
}

/** More than any token; a pipe without an end is not read to its end. */
const MAX_TOKEN = 65_536;

async function readToken(path: string, surroundings: Surroundings): Promise<string> {
  if (path !== '-') return plausibleToken(readText(path, surroundings), path).reveal();
  let text = '';
  for await (const chunk of surroundings.input) {
    text += String(chunk);
    if (text.length > MAX_TOKEN) throw new CommandFailure('standard input does not hold an access token');
  }
  return plausibleToken(text, 'standard input').reveal();
}
