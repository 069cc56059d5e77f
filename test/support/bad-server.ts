// A mail server that does wrong what it is told to do wrong, and all else right. It knows no mail library.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createSecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import { type TestCertificate, testCertificate } from './certificates.ts';

/** Every fault there is; what is left out is done right. */
export interface Faults {
  readonly certificate?: TestCertificate;
  /** Oldest and newest TLS version. */
  readonly versions?: readonly [SecureVersion, SecureVersion];
  readonly ciphers?: string;
  /** `never`: not offered and not known. `stripped`: not offered, as if taken out on the way. `xxxx`: overwritten. */
  readonly startTls?: 'never' | 'stripped' | 'xxxx' | 'also-inside';
  /** Bytes behind STARTTLS count inside TLS. */
  readonly injectable?: boolean;
  /** A command behind STARTTLS is answered before TLS begins. */
  readonly answersBehindStartTls?: boolean;
  readonly mechanisms?: {
    readonly clear?: readonly string[];
    readonly inside?: readonly string[];
    /** Offered besides, once something has been refused on the connection. */
    readonly afterFailure?: readonly string[];
    readonly afterFailureInClear?: readonly string[];
  };
  /** Before TLS: AUTH is carried out although it is not offered. */
  readonly takesLoginInClear?: boolean;
  /** Except these mechanisms. */
  readonly refusesInClear?: readonly string[];
  /** The end of a sign-in with anything but {@link GOOD_TOKEN}. */
  readonly badToken?:
    | 'accepted'
    | 'no-challenge'
    | 'empty-challenge'
    | 'no-address'
    | 'http'
    | 'hang-up'
    | 'unavailable'
    | 'echo';
  /** The refusal of a sender, where sign-in is no condition. */
  readonly sender?: (sender: string) => string | undefined;
  /** The reply to MAIL of somebody who has signed in. */
  readonly refusesOwnSender?: string;
  /** Sign-in is no condition of MAIL; the reply to a recipient then. */
  readonly recipient?: (recipient: string, sender: string, secure: boolean) => string;
  /** Lines of EHLO besides. */
  readonly extensions?: readonly string[];
  readonly banner?: string;
  /** Answers QUIT again and again. */
  readonly floodsAtQuit?: boolean;
  /** Takes a connection over as soon as it is there, in place of all else. @param count of connections so far */
  readonly takesOver?: (socket: Socket, count: number) => boolean;
}

export interface BadServer {
  readonly port: number;
  readonly ca: string;
  /** Every line that came in, with where. */
  readonly heard: readonly { readonly line: string; readonly secure: boolean }[];
  readonly connections: number;
  close(): Promise<void>;
}

export const GOOD_TOKEN = 'Z29vZC10b2tlbi1mb3ItdGVzdHMtb2YtdGhlLWNoZWNr';
const REFUSED = '550 5.7.1 Relaying denied';

export async function startBadServer(mode: 'starttls' | 'implicit', faults: Faults = {}): Promise<BadServer> {
  const certificate = faults.certificate ?? (await testCertificate());
  const [minVersion, maxVersion] = faults.versions ?? ['TLSv1.2', 'TLSv1.3'];
  const secureContext = createSecureContext({
    cert: certificate.certificate,
    key: certificate.key,
    minVersion,
    maxVersion,
    // OpenSSL has weak keys and old versions at level 0 alone.
    ciphers: `${faults.ciphers ?? 'DEFAULT'}@SECLEVEL=0`,
  });
  const heard: { line: string; secure: boolean }[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    if (faults.takesOver?.(socket, connections)) return;
    const session = new BadSession({ faults, heard, secureContext });
    if (mode === 'implicit') session.enterTls(socket, true);
    else session.serve(socket, true);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    ca: certificate.ca,
    heard,
    get connections() {
      return connections;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

class BadSession {
  readonly #faults: Faults;
  readonly #heard: { line: string; secure: boolean }[];
  readonly #secureContext: ReturnType<typeof createSecureContext>;
  #socket: Socket | undefined;
  #unread = '';
  #secure = false;
  #failed = false;
  #signedIn = false;
  #sender: string | undefined;
  /** What the next line is, where it is no command. */
  #awaits: { mechanism: string; step: 'response' | 'end' } | undefined;

  constructor(
    given: Pick<BadSession, never> & {
      faults: Faults;
      heard: { line: string; secure: boolean }[];
      secureContext: ReturnType<typeof createSecureContext>;
    },
  ) {
    this.#faults = given.faults;
    this.#heard = given.heard;
    this.#secureContext = given.secureContext;
  }

  serve(socket: Socket, isNew: boolean): void {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      this.#unread += bytes.toString('latin1');
      this.#work();
    });
    if (isNew) this.#say(this.#faults.banner ?? '220 bad.example ESMTP');
    else this.#work();
  }

  enterTls(plain: Socket, isNew: boolean): void {
    plain.removeAllListeners('data');
    this.#socket = undefined;
    const secure = new TLSSocket(plain, { isServer: true, secureContext: this.#secureContext });
    secure.on('error', () => plain.destroy());
    secure.once('secure', () => {
      this.#secure = true;
      this.serve(secure, isNew);
    });
  }

  #work(): void {
    for (;;) {
      const end = this.#unread.indexOf('\r\n');
      if (end === -1 || !this.#socket) return;
      const line = this.#unread.slice(0, end);
      this.#unread = this.#unread.slice(end + 2);
      this.#heard.push({ line, secure: this.#secure });
      this.#take(line);
    }
  }

  #take(line: string): void {
    if (this.#awaits) return this.#continue(line);
    const verb = line.split(' ', 1)[0]?.toUpperCase() ?? '';
    switch (verb) {
      case 'EHLO':
        return this.#hello();
      case 'STARTTLS':
        return this.#startTls();
      case 'AUTH':
        return this.#authenticate(line);
      case 'MAIL':
        return this.#mail(line);
      case 'RCPT':
        return this.#recipient(line);
      case 'RSET':
        this.#sender = undefined;
        return this.#say('250 2.0.0 OK');
      case 'NOOP':
        return this.#say('250 2.0.0 OK');
      case 'QUIT':
        if (this.#faults.floodsAtQuit) return this.#flood();
        this.#say('221 2.0.0 Bye');
        this.#socket?.end();
        return;
      default:
        return this.#refuse('500 5.5.2 What');
    }
  }

  #hello(): void {
    const { mechanisms = {}, startTls, extensions = [] } = this.#faults;
    const offered = [
      ...(this.#secure ? (mechanisms.inside ?? ['OAUTHBEARER', 'XOAUTH2']) : (mechanisms.clear ?? [])),
      ...(this.#failed && this.#secure ? (mechanisms.afterFailure ?? []) : []),
      ...(this.#failed && !this.#secure ? (mechanisms.afterFailureInClear ?? []) : []),
    ];
    const offersTls = this.#secure
      ? startTls === 'also-inside'
      : startTls === undefined || startTls === 'also-inside';
    const lines = [
      'bad.example',
      'PIPELINING',
      'ENHANCEDSTATUSCODES',
      ...extensions,
      ...(offersTls ? ['STARTTLS'] : []),
      ...(startTls === 'xxxx' && !this.#secure ? ['XXXXXXXA'] : []),
      ...(offered.length > 0 ? [`AUTH ${offered.join(' ')}`] : []),
    ];
    this.#say(lines.map((line, index) => `250${index < lines.length - 1 ? '-' : ' '}${line}`).join('\r\n'));
  }

  #startTls(): void {
    const { startTls, injectable, answersBehindStartTls } = this.#faults;
    const socket = this.#socket;
    if (this.#secure || startTls === 'never' || startTls === 'xxxx' || !socket)
      return this.#refuse('502 5.5.1 Not implemented');
    if (answersBehindStartTls && this.#unread !== '') {
      this.#unread = '';
      return this.#say('220 2.0.0 Go on\r\n250 2.0.0 OK');
    }
    this.#say('220 2.0.0 Go on');
    if (!injectable) this.#unread = '';
    this.#failed = false;
    this.enterTls(socket, false);
  }

  #authenticate(line: string): void {
    const [, mechanism = '', response] = line.split(' ');
    const { takesLoginInClear = false, refusesInClear = [] } = this.#faults;
    if (!this.#secure && (!takesLoginInClear || refusesInClear.includes(mechanism)))
      return this.#refuse('538 5.7.11 Encryption required');
    if (response === undefined) {
      this.#awaits = { mechanism, step: 'response' };
      return this.#say('334 ');
    }
    this.#judge(mechanism, response);
  }

  #continue(line: string): void {
    const { mechanism = '', step } = this.#awaits ?? {};
    this.#awaits = undefined;
    if (step === 'response' && line !== '*') return this.#judge(mechanism, line);
    this.#refuse(line === '*' ? '501 5.7.0 Cancelled' : '535 5.7.8 Authentication credentials invalid');
  }

  #judge(mechanism: string, response: string): void {
    const { badToken } = this.#faults;
    const text = Buffer.from(response, 'base64').toString();
    if (text.includes(GOOD_TOKEN) || badToken === 'accepted') {
      this.#signedIn = true;
      return this.#say('235 2.7.0 Welcome');
    }
    if (badToken === 'hang-up') return void this.#socket?.destroy();
    if (badToken === 'unavailable') return this.#refuse('454 4.7.0 Try again later');
    if (badToken === 'echo')
      return this.#refuse(`535 5.7.8 Bad: ${text.replace(/[\x00-\x1f]/g, ' ')} ${response}`);
    if (badToken === 'no-challenge' || (!mechanism.endsWith('OAUTHBEARER') && mechanism !== 'XOAUTH2'))
      return this.#refuse('535 5.7.8 Authentication credentials invalid');
    this.#awaits = { mechanism, step: 'end' };
    const where = badToken === 'http' ? 'http://idp.example/conf' : 'https://idp.example/conf';
    const challenge = {
      status: 'invalid_token',
      ...(badToken === 'no-address' ? {} : { 'openid-configuration': where }),
    };
    const json = badToken === 'empty-challenge' ? '{}' : JSON.stringify(challenge);
    this.#say(`334 ${Buffer.from(json).toString('base64')}`);
  }

  #mail(line: string): void {
    if (!this.#signedIn && !this.#faults.recipient) return this.#refuse('530 5.7.0 Authentication required');
    const sender = /<(.*)>/.exec(line)?.[1] ?? '';
    const refusal = this.#signedIn ? this.#faults.refusesOwnSender : this.#faults.sender?.(sender);
    if (refusal !== undefined) return this.#refuse(refusal);
    this.#sender = sender;
    this.#say('250 2.1.0 OK');
  }

  #recipient(line: string): void {
    if (this.#sender === undefined) return this.#refuse('503 5.5.1 MAIL first');
    const recipient = line.replace(/^RCPT TO:/i, '');
    const reply = this.#signedIn
      ? '250 2.1.5 OK'
      : (this.#faults.recipient?.(recipient, this.#sender, this.#secure) ?? REFUSED);
    if (reply.startsWith('2')) return this.#say(reply);
    this.#refuse(reply);
    if (reply.startsWith('421')) this.#socket?.end();
  }

  #refuse(reply: string): void {
    this.#failed = true;
    this.#say(reply);
  }

  /** As fast as the client reads, and behind its back. */
  #flood(): void {
    const socket = this.#socket;
    const more = (): void => {
      while (socket && !socket.destroyed && socket.write('250 2.0.0 Once more\r\n'.repeat(1000))) {
        // Until the buffers are full.
      }
    };
    socket?.on('drain', more);
    more();
  }

  #say(text: string): void {
    this.#socket?.write(`${text}\r\n`);
  }
}
