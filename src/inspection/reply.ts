// Owns one reply of a server: read from its bytes within bounds, whatever the server sends.

import { DialogueFault } from './fault.ts';

/** RFC 5321 §4.2. */
export interface Reply {
  readonly code: number;
  /** What stands behind the code, line by line. */
  readonly lines: readonly string[];
}

/** RFC 5321 §4.5.3.1.5 says 512 octets; a generous server is no attack. */
export const MAX_LINE = 16_384;
export const MAX_LINES = 100;
/** Of one reply, and of everything that has come and was not asked for. */
export const MAX_OCTETS = 65_536;

/** Text of one line, for a finding. */
export function spell({ code, lines }: Reply): string {
  return [String(code), lines[0] ?? ''].join(' ').trim().slice(0, 200);
}

/** Takes bytes as they come, gives replies. Throws a {@link DialogueFault} for what is no reply, or has no end. */
export class ReplyReader {
  /** latin1, so that one character is one octet. */
  #unread = '';
  #lines: string[] = [];
  #code: number | undefined;
  #octets = 0;

  push(bytes: Buffer): void {
    this.#unread += bytes.toString('latin1');
  }

  /** What has come and was not read: text in the clear that must not be there when TLS begins. */
  get unread(): string {
    return this.#unread;
  }

  /** The next whole reply; undefined where more bytes are needed. */
  next(): Reply | undefined {
    for (;;) {
      const end = this.#unread.indexOf('\n');
      if (Math.max(end, end === -1 ? this.#unread.length : 0) > MAX_LINE)
        throw new DialogueFault('too-long', `a line of more than ${MAX_LINE} octets`);
      if (end === -1) return undefined;
      const line = this.#unread.slice(0, end).replace(/\r$/, '');
      this.#unread = this.#unread.slice(end + 1);
      if (this.#take(line)) return this.#finish();
    }
  }

  /** True for the last line of a reply. */
  #take(line: string): boolean {
    const [, digits, separator, text = ''] = /^([2-5]\d\d)(?:([ -])(.*))?$/s.exec(line) ?? [];
    if (digits === undefined || (this.#code !== undefined && this.#code !== Number(digits)))
      throw new DialogueFault('malformed', `no SMTP reply: ${JSON.stringify(line.slice(0, 60))}`);
    this.#code = Number(digits);
    this.#octets += line.length;
    this.#lines.push(Buffer.from(text, 'latin1').toString('utf8'));
    if (this.#lines.length > MAX_LINES || this.#octets > MAX_OCTETS)
      throw new DialogueFault('too-long', `a reply of more than ${MAX_LINES} lines or ${MAX_OCTETS} octets`);
    return separator !== '-';
  }

  #finish(): Reply {
    const reply = { code: this.#code ?? 0, lines: this.#lines };
    this.#code = undefined;
    this.#lines = [];
    this.#octets = 0;
    return reply;
  }
}
