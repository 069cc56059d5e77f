// Owns the search for the end of a message on the wire, and for bytes that must not be in one.

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;

/** What may not stand in a message: a line end that is not CRLF (SMTP smuggling), a NUL (RFC 5322 §3.5). */
export type BodyFault = 'bare-line-ending' | 'nul-byte';

const MIDDLE = 0;
const LINE_START = 1;
const LINE_DOT = 2;
const LINE_DOT_CR = 3;
const AFTER_CR = 4;
type State = typeof MIDDLE | typeof LINE_START | typeof LINE_DOT | typeof LINE_DOT_CR | typeof AFTER_CR;

/** What has been found in a message so far. */
export interface Findings {
  /** The first forbidden byte met. */
  readonly fault: BodyFault | undefined;
  /** Dots that stuffing has added (RFC 5321 §4.5.2); they do not count for the size. */
  readonly stuffedDots: number;
}

export interface Scan {
  /** How many of the bytes belong to the message and are settled. */
  readonly message: number;
  /** Index behind the final dot's CRLF, or -1 where the message goes on. What lies between is held for the next call. */
  readonly end: number;
}

/**
 * Only <CRLF>.<CRLF> ends a message (RFC 5321 §4.1.1.4), a bare CR or LF ends nothing: after it the search goes on in the
 * same line, so that no other spelling of the end (CERT VU#302671, SMTP smuggling) is taken here for one.
 */
export class BodyScanner implements Findings {
  fault: BodyFault | undefined;
  stuffedDots = 0;
  #state: State = LINE_START;

  /**
   * A possible end that is cut by the end of the bytes ("." or ".CR" at the start of a line) is left out of `message`;
   * the caller hands it in again in front of the next bytes.
   */
  scan(bytes: Buffer): Scan {
    const length = bytes.length;
    const words = inWords(bytes);
    let state = this.#state;
    let at = 0;
    while (at < length) {
      const byte = bytes[at] as number;
      if (state === MIDDLE) {
        if (byte > CR) {
          at = skipText(words, at + 1);
          continue;
        }
        if (byte === CR) state = AFTER_CR;
        else if (byte === LF) this.fault ??= 'bare-line-ending';
        else if (byte === 0) this.fault ??= 'nul-byte';
      } else if (byte === LF) {
        if (state === LINE_DOT_CR) {
          this.#state = LINE_START;
          return { message: at - 2, end: at + 1 };
        }
        if (state === AFTER_CR) state = LINE_START;
        else {
          this.fault ??= 'bare-line-ending';
          state = MIDDLE;
        }
      } else {
        if (state === AFTER_CR || state === LINE_DOT_CR) this.fault ??= 'bare-line-ending';
        if (state === LINE_DOT && byte === DOT) this.stuffedDots += 1;
        if (byte === 0) this.fault ??= 'nul-byte';
        state = this.#next(state, byte);
      }
      at += 1;
    }
    return this.#cut(state, length);
  }

  #next(state: State, byte: number): State {
    if (byte === CR) return state === LINE_DOT ? LINE_DOT_CR : AFTER_CR;
    return state === LINE_START && byte === DOT ? LINE_DOT : MIDDLE;
  }

  #cut(state: State, length: number): Scan {
    const held = state === LINE_DOT ? 1 : state === LINE_DOT_CR ? 2 : 0;
    // The held bytes come again: as at the start of a line.
    this.#state = held > 0 ? LINE_START : state;
    return { message: length - held, end: -1 };
  }
}

/** The same bytes as words of four, from the first aligned one on; `shift` bytes lie before it. */
interface Words {
  readonly words: Int32Array;
  readonly shift: number;
}

function inWords(bytes: Buffer): Words {
  const shift = -bytes.byteOffset & 3;
  const count = Math.max(0, (bytes.length - shift) >> 2);
  return {
    words: count > 0 ? new Int32Array(bytes.buffer, bytes.byteOffset + shift, count) : NO_WORDS,
    shift,
  };
}

const NO_WORDS = new Int32Array(0);

/**
 * The bulk of every message: the first place from `at` on, or a little before it, where a byte up to CR may stand.
 * Between words it goes one byte on.
 */
function skipText({ words, shift }: Words, at: number): number {
  if (((at - shift) & 3) !== 0 || at < shift) return at;
  const first = (at - shift) >> 2;
  let index = first;
  while (index < words.length) {
    const word = words[index] as number;
    // Non-zero where one of the four bytes is less than 14 (the "hasless" test on a word).
    if (((word - 0x0e0e0e0e) & ~word & 0x80808080) !== 0) break;
    index += 1;
  }
  return at + ((index - first) << 2);
}
