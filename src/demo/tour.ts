// `npm run tour`: the whole journey of an app by itself, each step printed: token, submission over STARTTLS, inbox.
// Uses the demo that is running, or starts one for the length of the tour.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { connect as secure, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';

const ISSUER = 'http://localhost:8080';
const SUBMISSION = { host: '127.0.0.1', port: 1587 };
const SENDER = 'app@example.org';
const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const AUTHORITY = here('data/demo/ca.pem');

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const step = (number: number, text: string): void => say(`\n${number}. ${text}`);

try {
  const started = await runningDemo();
  try {
    await tour();
  } finally {
    await started?.stop();
  }
} catch (error) {
  say(`\nThe tour ended early: ${(error as Error).message}`);
  process.exitCode = 1;
}

async function tour(): Promise<void> {
  step(1, `Where the OAuth server's endpoints are: ${ISSUER}/.well-known/oauth-authorization-server`);
  const metadata = (await (await fetch(`${ISSUER}/.well-known/oauth-authorization-server`)).json()) as Record<
    string,
    unknown
  >;
  say(`   token endpoint: ${metadata['token_endpoint']}`);

  step(2, 'The app fetches an access token with its own credentials (client credentials grant)');
  const token = await fetchToken(String(metadata['token_endpoint']));
  say(`   a signed token of ${token.length} characters, good for 15 minutes`);

  step(3, `What a bad token gets on ${SUBMISSION.host}:${SUBMISSION.port}`);
  await talk(async (dialogue) => {
    const challenge = await dialogue.command(
      `AUTH XOAUTH2 ${initialResponse('no-such-token')}`,
      334,
      'AUTH XOAUTH2 (a bad token)',
    );
    say(`      (that is ${Buffer.from(challenge.slice(4), 'base64').toString()})`);
    await dialogue.command('', 535, '(an empty line)');
  });

  const messageId = `<${randomUUID()}@example.org>`;
  step(4, 'The app signs in with the good token and sends a message, over STARTTLS');
  await talk(async (dialogue) => {
    await dialogue.command(`AUTH XOAUTH2 ${initialResponse(token)}`, 235, 'AUTH XOAUTH2 (the token)');
    await dialogue.command(`MAIL FROM:<${SENDER}>`, 250);
    await dialogue.command('RCPT TO:<alice@example.org>', 250);
    await dialogue.command('DATA', 354);
    await dialogue.command(`${message(messageId)}\r\n.`, 250, '(the message, and the final dot)');
  });

  step(5, 'The message lies in the demo inbox');
  say(`   ${await findInInbox(messageId)}`);
  say(`   page: ${ISSUER}/demo/inbox`);
  say('\nThat was the whole way: token, sign-in, policy, upstream, inbox.');
}

async function fetchToken(endpoint: string): Promise<string> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('demo-app:demo-app-secret').toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'smtp.submit' }),
  });
  const answer = (await response.json()) as { access_token?: string; error?: string };
  if (!answer.access_token) throw new Error(`no token: ${response.status} ${answer.error}`);
  return answer.access_token;
}

interface Dialogue {
  /** Sends a line, prints both sides, checks the reply's code; gives the reply's last line. `shown` stands for what is secret. */
  command(line: string, code: number, shown?: string): Promise<string>;
}

async function talk(speak: (dialogue: Dialogue) => Promise<void>): Promise<void> {
  const clear = connect(SUBMISSION);
  try {
    const opening = createDialogue(clear);
    await opening.reply(220);
    await opening.command('EHLO tour.example.org', 250);
    await opening.command('STARTTLS', 220);
    clear.removeAllListeners('data');
    const socket = await protect(clear);
    say(`      (TLS: ${socket.getProtocol()}, ${socket.getCipher().name})`);
    const dialogue = createDialogue(socket);
    await dialogue.command('EHLO tour.example.org', 250);
    await speak(dialogue);
    await dialogue.command('QUIT', 221);
  } finally {
    // An open connection would keep the process from its end.
    clear.destroy();
  }
}

async function protect(clear: Socket): Promise<TLSSocket> {
  try {
    const socket = secure({ socket: clear, servername: 'localhost', ca: await readFile(AUTHORITY) });
    await once(socket, 'secureConnect');
    return socket;
  } catch (error) {
    throw new Error(
      `the demo that answers is not the one of this folder, whose authority is in data/demo/ca.pem; stop it (${(error as Error).message})`,
    );
  }
}

function createDialogue(socket: Socket): Dialogue & { reply(code: number): Promise<string> } {
  let text = '';
  const lines: string[] = [];
  const waiting: { give: (line: string) => void; fail: (error: Error) => void }[] = [];
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    for (let end = text.indexOf('\r\n'); end !== -1; end = text.indexOf('\r\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      say(`   S: ${line}`);
      if (line[3] !== '-') lines.push(line);
    }
    if (lines.length > 0) waiting.shift()?.give(lines.shift() as string);
  });
  socket.on('error', (error) => waiting.shift()?.fail(error));

  async function reply(code: number): Promise<string> {
    const line = await new Promise<string>((give, fail) => waiting.push({ give, fail }));
    if (!line.startsWith(String(code)))
      throw new Error(`the gate answered “${line}” where ${code} was expected`);
    return line;
  }

  function command(line: string, code: number, shown = line): Promise<string> {
    say(`   C: ${shown}`);
    const answered = reply(code);
    socket.write(`${line}\r\n`);
    return answered;
  }
  return { command, reply };
}

function initialResponse(token: string): string {
  return Buffer.from(`user=${SENDER}\x01auth=Bearer ${token}\x01\x01`).toString('base64');
}

function message(messageId: string): string {
  return [
    `From: Demo app <${SENDER}>`,
    'To: alice@example.org',
    'Subject: The tour says hello',
    `Message-ID: ${messageId}`,
    '',
    'Sent with an access token, through Postern, to the demo inbox.',
  ].join('\r\n');
}

async function findInInbox(messageId: string): Promise<string> {
  const folder = here('data/demo/inbox');
  for (const name of (await readdir(folder)).toSorted().toReversed()) {
    const text = await readFile(`${folder}/${name}`, 'utf8');
    if (text.includes(messageId)) return `data/demo/inbox/${name}`;
  }
  throw new Error('the message is not in data/demo/inbox');
}

/** Undefined where a demo runs already. */
async function runningDemo(): Promise<{ stop(): Promise<void> } | undefined> {
  const answers = await fetch('http://127.0.0.1:9090/health').then(
    (response) => response.ok,
    () => false,
  );
  if (answers) {
    say('Using the demo that is running.');
    return undefined;
  }
  say('Starting the demo for the length of the tour.');
  const child = spawn(
    process.execPath,
    [here('src/main.ts'), 'serve', '--config', here('config/demo.yaml')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await outputHolds(child, '"started"');
  return {
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function outputHolds(child: ChildProcess, ready: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (output.includes(ready)) return;
      output += chunk.toString();
      if (output.includes(ready)) resolve();
    });
    child.once('exit', () => reject(new Error('the demo did not start')));
  });
}
