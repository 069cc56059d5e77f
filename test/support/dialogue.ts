// Plays a *.smtp file against a gateway and says, readably, where the conversation went another way.

import { isDeepStrictEqual } from 'node:util';
import { checkArrivals } from './dialogue-arrivals.ts';
import { DialogueCredentials } from './dialogue-credentials.ts';
import { type Dialogue, type DialogueStep, fault, type Listener } from './dialogue-script.ts';
import {
  bytesOf,
  type Expectation,
  expand,
  expectation,
  matching,
  parseDuration,
  visible,
} from './dialogue-text.ts';
import { applyUpstream } from './dialogue-upstream.ts';
import { leakedSecrets } from './leaked-secrets.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';
import { connectSmtp, type SmtpClient } from './smtp-client.ts';

/** What a dialogue is played against; `test-gateway.ts` makes one. */
export interface PlayableGateway {
  readonly host: string;
  readonly ports: Readonly<Record<Listener, number>>;
  readonly ca: string;
  readonly upstream: ScriptedUpstream;
  /** Lines of the journal so far, at trace level. */
  readonly journal: readonly string[];
  /** An access token of the named kind. */
  token(kind: string): Promise<string>;
  /** Switches the issuer's key server. */
  setIssuerUp(up: boolean): void;
  /** Moves the gateway's clock forward, in milliseconds. */
  advanceClock(milliseconds: number): void;
  /** Begins to drain. */
  shutDown(): void;
  /** Ends everything; no session is left after it. */
  close(): Promise<void>;
}

/** Plays every step, then closes the gateway and checks what arrived and what the journal holds. */
export async function playDialogue(
  dialogue: Dialogue,
  gateway: PlayableGateway,
  listener: Listener,
): Promise<void> {
  const player = new Player(dialogue, gateway, listener);
  try {
    await player.play();
  } finally {
    player.hangUp();
    await gateway.close();
  }
  const where = dialogue.file;
  const difference = checkArrivals(dialogue, gateway.upstream);
  if (difference) throw new Error(`${where}: ${difference}\n\n${player.transcript()}`);
  const missing = dialogue.events.find(({ text }) => !gateway.journal.some((line) => isEvent(line, text)));
  if (missing) throw fault(where, missing.line, `not in the journal:\n${gateway.journal.join('')}`);
  const leaks = leakedSecrets(gateway.journal, player.credentials.secrets);
  if (leaks.length > 0) throw new Error(`${where}: the journal holds credentials:\n${leaks.join('\n')}`);
}

/** Whether a journal line is the event `name key=value key=value`. */
function isEvent(line: string, text: string): boolean {
  const [name, ...pairs] = text.split(' ');
  const fields = JSON.parse(line);
  return (
    fields.event === name &&
    pairs.every((pair) => pair === `${pair.split('=')[0]}=${fields[pair.split('=')[0] ?? '']}`)
  );
}

class Player {
  readonly credentials: DialogueCredentials;
  readonly #dialogue: Dialogue;
  readonly #gateway: PlayableGateway;
  readonly #listener: Listener;
  readonly #clients: SmtpClient[] = [];
  /** Which of them speaks. */
  #current = -1;
  readonly #said: string[] = [];
  #session: string | undefined;
  #lastReply: string[] = [];
  #over = false;

  constructor(dialogue: Dialogue, gateway: PlayableGateway, listener: Listener) {
    this.#dialogue = dialogue;
    this.#gateway = gateway;
    this.credentials = new DialogueCredentials(gateway);
    this.#listener = listener;
  }

  async play(): Promise<void> {
    const { steps, setUp, file } = this.#dialogue;
    for (const { kind, text } of setUp)
      if (kind === 'upstream') await applyUpstream(this.#gateway.upstream, text);
    for (let index = 0; index < steps.length; index++) {
      const step = steps[index] as DialogueStep;
      try {
        // Neighbouring `C*` lines leave in one write.
        const batch = [step];
        while (step.kind === 'C*' && steps[index + 1]?.kind === 'C*')
          batch.push(steps[++index] as DialogueStep);
        await (batch.length > 1 ? this.#sendTogether(batch) : this.#take(step));
      } catch (error) {
        throw fault(file, step.line, `${(error as Error).message}\n\n${this.transcript()}`);
      }
    }
    await this.#leave();
  }

  /** The conversation so far, as a person would write it down. */
  transcript(): string {
    const shown = this.#said.map(
      (line) => `  ${line.length > 300 ? `${line.slice(0, 300)}… (${line.length})` : line}`,
    );
    return ['conversation so far:', ...shown].join('\n');
  }

  hangUp(): void {
    for (const client of this.#clients) client.destroy();
  }

  get #client(): SmtpClient {
    const client = this.#clients[this.#current];
    if (!client) throw new Error('nothing is connected yet: CONNECT or OPEN first');
    return client;
  }

  async #take({ kind, text }: DialogueStep): Promise<void> {
    const verbs: Record<string, () => unknown> = {
      CONNECT: () => this.#connect(text),
      OPEN: () => this.#open(text),
      ON: () => this.#turnTo(Number(text)),
      SIGNIN: () => this.#signIn(text || 'good'),
      TLS: () => this.#client.startTls(),
      'C:': () => this.#send(`${text}\\r\\n`),
      'C*': () => this.#send(`${text}\\r\\n`),
      'C|': () => this.#send(text),
      'C/': () => this.#sendByByte(text),
      'S:': async () => this.#match(text, expectation(text)),
      'S~': async () => this.#match(text, matching(new RegExp(text))),
      'S=': () => this.#matchJson(text),
      'S*': () => this.#matchReply(text),
      HAS: () => this.#has(text, true),
      LACKS: () => this.#has(text, false),
      CLOSE: () => this.#vanish(),
      EOF: () => this.#ended(),
      WAIT: async () =>
        this.#gateway.upstream.received(bytesOf(await expand(text, this.credentials.expansions))),
      UPSTREAM: () => applyUpstream(this.#gateway.upstream, text),
      ISSUER: () => this.#gateway.setIssuerUp(text === 'up'),
      CLOCK: () => this.#gateway.advanceClock(parseDuration(text)),
      SHUTDOWN: () => this.#gateway.shutDown(),
    };
    await verbs[kind]?.();
  }

  async #connect(text: string): Promise<void> {
    const listener = (text || this.#listener) as Listener;
    const { host, ports, ca } = this.#gateway;
    this.#said.push(`CONNECT ${listener}`);
    this.#clients.push(
      await connectSmtp({ host, port: ports[listener], ca, implicitTls: listener === 'implicit' }),
    );
    this.#turnTo(this.#clients.length);
  }

  #turnTo(number: number): void {
    if (!this.#clients[number - 1]) throw new Error(`there is no connection ${number}`);
    this.#said.push(`ON ${number}`);
    this.#current = number - 1;
    this.#session = undefined;
    this.#over = false;
  }

  // The opening that nearly every dialogue begins with; spelled out in `greeting-*.smtp`.
  async #open(text: string): Promise<void> {
    await this.#connect(text);
    await this.#matchReply('220');
    await this.#exchange('EHLO client.example', '250');
    if ((text || this.#listener) !== 'starttls') return;
    await this.#exchange('STARTTLS', '220');
    await this.#client.startTls();
    await this.#exchange('EHLO client.example', '250');
  }

  async #signIn(kind: string): Promise<void> {
    await this.#exchange(`AUTH OAUTHBEARER {oauthbearer:token=${kind}}`, '235');
  }

  async #exchange(line: string, code: string): Promise<void> {
    await this.#send(`${line}\\r\\n`);
    await this.#matchReply(code);
  }

  async #send(text: string): Promise<void> {
    await this.#client.write(await this.#bytes(text));
  }

  async #sendTogether(steps: readonly DialogueStep[]): Promise<void> {
    const lines = await Promise.all(steps.map(({ text }) => this.#bytes(`${text}\\r\\n`)));
    await this.#client.write(lines.join(''));
  }

  async #sendByByte(text: string): Promise<void> {
    await this.#client.writeParts(await this.#bytes(text));
  }

  async #bytes(text: string): Promise<string> {
    const bytes = bytesOf(await expand(text, this.credentials.expansions));
    this.#said.push(`C: ${visible(bytes)}`);
    return bytes;
  }

  async #line(): Promise<string> {
    const line = await this.#client.readLine();
    this.#said.push(`S: ${visible(line)}`);
    this.#lastReply = [line];
    return line;
  }

  async #match(expected: string, expectation: Expectation): Promise<void> {
    const line = await this.#line();
    const { met, session } = expectation(line);
    if (!met) throw new Error(`expected  ${expected}\n     got  ${visible(line)}`);
    this.#sameSession(session);
  }

  // One connection has one session id, in every reply that names it.
  #sameSession(session: string | undefined): void {
    if (session === undefined) return;
    this.#session ??= session;
    if (session !== this.#session) throw new Error(`session is ${session}, was ${this.#session}`);
  }

  async #matchJson(text: string): Promise<void> {
    const code = text.slice(0, 4);
    const line = await this.#line();
    if (!line.startsWith(code)) throw new Error(`expected  ${text}\n     got  ${visible(line)}`);
    const decoded = Buffer.from(line.slice(4), 'base64');
    if (decoded.toString('base64') !== line.slice(4)) throw new Error(`not strict base64: ${visible(line)}`);
    const got: unknown = JSON.parse(decoded.toString());
    if (isDeepStrictEqual(got, JSON.parse(text.slice(4)))) return;
    throw new Error(`expected  ${text}\n     got  ${code}${decoded.toString()}`);
  }

  async #matchReply(code: string): Promise<void> {
    const lines = await this.#client.readReply();
    this.#said.push(...lines.map((line) => `S: ${visible(line)}`));
    this.#lastReply = lines;
    if (!lines[0]?.startsWith(code))
      throw new Error(`expected a reply of ${code}, got ${visible(lines.join(' / '))}`);
  }

  #has(keyword: string, wanted: boolean): void {
    const found = this.#lastReply.some(
      (line) => line.slice(4) === keyword || line.slice(4).startsWith(`${keyword} `),
    );
    if (found !== wanted)
      throw new Error(`${wanted ? 'lacks' : 'has'} ${keyword}: ${this.#lastReply.join(' / ')}`);
  }

  #vanish(): void {
    this.#said.push('CLOSE');
    this.#over = true;
    this.#client.destroy();
  }

  async #ended(): Promise<void> {
    await this.#client.readEnd();
    this.#said.push('EOF');
    this.#over = true;
  }

  // Nothing may be left unread: a reply too many would be the answer to a command that nobody sent.
  async #leave(): Promise<void> {
    if (this.#over || this.#clients.length === 0) return;
    try {
      await this.#exchange('QUIT', '221');
      await this.#client.readEnd();
    } catch (error) {
      throw new Error(
        `${this.#dialogue.file}: at the end: ${(error as Error).message}\n\n${this.transcript()}`,
      );
    }
  }
}
