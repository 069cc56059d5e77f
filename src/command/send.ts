// `postern send`: one message from the command line, through the gate like any other mail client.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { readFileFromDisk, whyUnreadable } from '../config/files.ts';
import type { MailOutcome } from '../relay/mailer.ts';
import { Secret } from '../setting.ts';
import { CommandFailure, usageFailure } from './failure.ts';
import { checkAddress, checkRecipients, type MessageOptions, prepareMessage } from './outgoing.ts';
import { startProgress } from './progress.ts';
import { type CommandLine, EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export interface SendOptions extends MessageOptions {
  readonly from?: string;
  readonly host?: string;
  readonly port?: number;
  readonly tls: 'starttls' | 'implicit';
  readonly ca?: string;
  readonly issuer?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

/** Signs in as `postern token` does: from the kept credential, or through the browser. */
export type SignIn = (given: {
  issuer: string;
  surroundings: Surroundings;
}) => Promise<{ token: Secret; address: string | undefined }>;

const DEMO_ISSUER = 'http://localhost:8080';
const DEMO_AUTHORITY = 'data/demo/ca.pem';
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '::1'];

const HELP = `
The body is read from standard input. The first time, a browser opens to sign in; \`postern token\` explains how the
sign-in is kept. A program sends with a token of its own: --token-file, or POSTERN_TOKEN in the environment.
--host, --port, --issuer and --ca can be set as POSTERN_HOST, POSTERN_PORT, POSTERN_ISSUER and POSTERN_CA.
Without --host the demo of \`npm start\` is used, and its certificate authority in ${DEMO_AUTHORITY} is trusted.

Examples:
  echo Hello | postern send --to bob@example.org --subject Hi
  postern send --to bob@example.org --cc carol@example.org --subject Report --attach report.pdf < letter.txt
  postern send --host mail.example.org --issuer https://mail.example.org --to bob@example.org --subject Hi < letter.txt
  postern send --token-file token.txt --from app@example.org --to bob@example.org --subject Alert --json < alert.txt

Exit codes: 0 accepted for every recipient, 1 refused (at least for one) or failed, 2 wrong use.`;

export function addSend(program: Command, { surroundings, run }: CommandLine): void {
  program
    .command('send')
    .description('send a message; its body is read from standard input')
    .addOption(several('--to <address>', 'recipient'))
    .addOption(several('--cc <address>', 'recipient of a copy'))
    .addOption(several('--bcc <address>', 'recipient of a copy that the others do not see'))
    .option('--subject <text>', 'subject of the message')
    .option('--from <address>', 'sender; the signed-in person where absent')
    .addOption(several('--attach <file>', 'file to attach'))
    .option('--host <name>', 'submission server (default: localhost)')
    .option('--port <number>', 'its port', portOf)
    .addOption(
      new Option('--tls <mode>', 'how TLS begins').choices(['starttls', 'implicit']).default('starttls'),
    )
    .option('--ca <file>', 'PEM file of authorities to trust instead of the system’s')
    .option('--issuer <url>', 'where to sign in')
    .option('--token-file <file>', 'read an access token from this file instead of signing in')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', HELP)
    .action((options: SendOptions) =>
      run(async () => {
        const { signIn } = await import('./token.ts');
        return send({ options, surroundings, signIn });
      }),
    );
}

export async function send(given: {
  options: SendOptions;
  surroundings: Surroundings;
  signIn: SignIn;
}): Promise<number> {
  const { surroundings } = given;
  const options = withEnvironment(given.options, surroundings.environment);
  checkRecipients(options);
  if (options.from !== undefined) checkAddress(options.from);
  const ca = readAuthority(options, surroundings);
  // Opened before anybody signs in, so that a missing file is told first.
  const prepared = prepareMessage({ options, surroundings });
  try {
    const { token, address } = await obtainToken({ ...given, options });
    const from = options.from ?? address;
    if (from === undefined) {
      throw usageFailure('the token does not tell whose it is', 'Name the sender with --from.');
    }
    if (surroundings.input.isTTY === true) say(surroundings.errors, 'Type the message; end it with Ctrl-D.');
    const progress = startProgress({ errors: surroundings.errors, total: prepared.total });
    prepared.onOctets(progress.advance);
    const { sendMail } = await import('../relay/mailer.ts');
    const port = options.port ?? defaultPort(options);
    const outcome = await sendMail({
      settings: { host: options.host, port, tls: options.tls, ca, user: from, token },
      message: { ...prepared.message, from },
    }).finally(progress.end);
    return options.json === true
      ? reportAsJson(outcome, from, surroundings)
      : reportToPeople(outcome, surroundings);
  } finally {
    prepared.close();
  }
}

/** What the command line leaves open, the environment may say, then the demo. */
function withEnvironment(
  options: SendOptions,
  environment: Surroundings['environment'],
): SendOptions & { host: string } {
  const port = options.port ?? portOf(environment['POSTERN_PORT']);
  const ca = options.ca ?? environment['POSTERN_CA'];
  const issuer = options.issuer ?? environment['POSTERN_ISSUER'];
  return {
    ...options,
    host: options.host ?? environment['POSTERN_HOST'] ?? 'localhost',
    ...(port === undefined ? {} : { port }),
    ...(ca ? { ca } : {}),
    ...(issuer ? { issuer } : {}),
  };
}

async function obtainToken(given: {
  options: SendOptions & { host: string };
  surroundings: Surroundings;
  signIn: SignIn;
}): Promise<{ token: Secret; address: string | undefined }> {
  const { options, surroundings } = given;
  if (options.tokenFile !== undefined) {
    const text = readText(options.tokenFile, surroundings);
    return { token: plausibleToken(text, options.tokenFile), address: undefined };
  }
  const fromEnvironment = surroundings.environment['POSTERN_TOKEN'];
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return { token: plausibleToken(fromEnvironment, 'POSTERN_TOKEN'), address: undefined };
  }
  if (options.issuer === undefined && !LOCAL_HOSTS.includes(options.host)) {
    throw usageFailure(
      'where to sign in is not known',
      'Name the OAuth server with --issuer, such as https://mail.example.org.',
    );
  }
  return given.signIn({ issuer: options.issuer ?? DEMO_ISSUER, surroundings });
}

export function plausibleToken(text: string, from: string): Secret {
  const token = text.trim();
  // RFC 6750 §2.1, b64token: anything else would break out of the line it is sent in. Its text is never repeated.
  if (/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return new Secret(token);
  throw new CommandFailure(`${from} does not hold an access token`);
}

function readAuthority(
  options: SendOptions & { host: string },
  surroundings: Surroundings,
): string | undefined {
  if (options.ca !== undefined) return readText(options.ca, surroundings);
  if (!LOCAL_HOSTS.includes(options.host)) return undefined;
  const demo = resolve(surroundings.directory, DEMO_AUTHORITY);
  return existsSync(demo) ? readText(demo, surroundings) : undefined;
}

export function readText(path: string, surroundings: Surroundings): string {
  try {
    return readFileFromDisk(resolve(surroundings.directory, path)).content.toString('utf8');
  } catch (error) {
    throw new CommandFailure(whyUnreadable(path, error));
  }
}

function reportAsJson(outcome: MailOutcome, from: string, surroundings: Surroundings): number {
  sayJson(surroundings, { ...outcome, from });
  return outcome.sent && outcome.rejected.length === 0 ? EXIT.done : EXIT.failed;
}

function reportToPeople(outcome: MailOutcome, surroundings: Surroundings): number {
  const { output, errors } = surroundings;
  for (const { address, reply } of outcome.rejected) say(errors, `refused: ${address}: ${reply}`);
  if (outcome.sent) {
    say(output, `sent to ${outcome.accepted.join(', ')}: ${outcome.reply}`);
    return outcome.rejected.length === 0 ? EXIT.done : EXIT.failed;
  }
  const words = outcome.reply === undefined ? '' : ` (${outcome.reply})`;
  const advice = ADVICE[outcome.step];
  throw new CommandFailure(`not sent: ${outcome.reason}${words}`, advice === undefined ? {} : { advice });
}

const ADVICE: Partial<Record<Extract<MailOutcome, { sent: false }>['step'], string>> = {
  connect: 'Is Postern running there? --host and --port name another place.',
  tls: 'If the server has a certificate authority of its own, name it with --ca FILE.',
  login: 'The token may have expired, or stand for another sender or server; `postern token` gets a new one.',
};

function defaultPort(options: SendOptions & { host: string }): number {
  if (LOCAL_HOSTS.includes(options.host)) return options.tls === 'implicit' ? 1465 : 1587;
  return options.tls === 'implicit' ? 465 : 587;
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw usageFailure(`${JSON.stringify(text)} is not a port from 1 to 65535`);
}

export function several(flags: string, description: string): Option {
  return new Option(flags, `${description}; may be given several times`).argParser(
    (value: string, earlier: string[] = []) => [...earlier, value],
  );
}
