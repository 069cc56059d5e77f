// Owns SMTP replies: their shape and the reader that turns the upstream's bytes into them (RFC 5321 §4.2).

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';

/** One reply, RFC 5321 §4.2.1; at least one line, each without code, CR or LF. */
export interface Reply {
  /** 200–599. */
  readonly code: number;
  /** The text of each line, an enhanced code included where the peer sent one (RFC 2034). */
  readonly lines: readonly string[];
}

export const isPositive = (reply: Reply): boolean => reply.code >= 200 && reply.code < 300;

/** A reply as one line for the journal. */
export const replyText = (reply: Reply): string => `${reply.code} ${reply.lines.join(' / ')}`.slice(0, 500);

/** Takes only the reply classes that may answer the command; anything else is nonsense and no verdict. */
export function sane(outcome: Reply | Refusal, classes: readonly number[]): Reply | Refusal {
  if (isRefusal(outcome)) return outcome;
  // Microsoft’s "432 4.3.2 Concurrent connections limit exceeded"; RFC 4954 §6 has a 432 4.7.12 for old passwords.
  if (outcome.code === 432 && !/^\d\.7\.\d/.test(outcome.lines[0] ?? ''))
    return refuse('upstream-busy', `upstream takes no more from us for now: ${replyText(outcome)}`);
  if (UPSTREAM_WANTS_LOGIN.has(outcome.code)) {
    // Passed on, the client would take it for a failure of its own sign-in and drop its token.
    return refuse(
      'upstream-login',
      `upstream asks Postern to sign in or to use TLS: ${outcome.code} ${outcome.lines[0]}`,
    );
  }
  // RFC 5321 §4.2.1: x5z is about mail. A greeting, a farewell or help in its place is no yes to anything.
  const ofMail = outcome.code >= 300 || Math.floor(outcome.code / 10) === 25;
  if (ofMail && classes.includes(Math.floor(outcome.code / 100))) return outcome;
  return refuse('upstream-protocol', `upstream answered ${outcome.code} out of turn`);
}

const UPSTREAM_WANTS_LOGIN = new Set([432, 454, 530, 534, 535, 538]);

const MAX_LINE = 4096;
const MAX_LINES = 200;
const LINE = /^([2-5][0-5][0-9])(?:([ -])(.*))?$/;

/** What a peer sends that is no SMTP reply; the connection can't be used any further. */
export class MalformedReply extends Error {}

/** Reads replies from chunks of any size; bounded in line length and number of lines. */
export class ReplyReader {
  #rest = '';
  #code = 0;
  #lines: string[] = [];

  /** @throws MalformedReply */
  push(chunk: Buffer): Reply[] {
    const replies: Reply[] = [];
    let text = this.#rest + chunk.toString('latin1');
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const reply = this.#line(text.slice(0, text[end - 1] === '\r' ? end - 1 : end));
      if (reply) replies.push(reply);
      text = text.slice(end + 1);
    }
    if (text.length > MAX_LINE) throw new MalformedReply('reply line too long');
    this.#rest = text;
    return replies;
  }

  #line(line: string): Reply | undefined {
    const match = LINE.exec(line.length > MAX_LINE ? line.slice(0, MAX_LINE) : line);
    const code = Number(match?.[1]);
    if (!match || (this.#lines.length > 0 && code !== this.#code))
      throw new MalformedReply('not an SMTP reply');
    if (this.#lines.length >= MAX_LINES) throw new MalformedReply('reply of too many lines');
    this.#code = code;
    this.#lines.push(printable(match[3] ?? ''));
    if (match[2] === '-') return undefined;
    const reply = { code, lines: this.#lines };
    this.#lines = [];
    return reply;
  }
}

/** Printable ASCII only: the text is passed on to the client and into the journal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
