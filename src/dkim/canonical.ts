// Owns the canonical forms of a message (RFC 6376 §3.4, relaxed/relaxed), which are nodemailer's.

import RelaxedBody from 'nodemailer/lib/dkim/relaxed-body';
import sign from 'nodemailer/lib/dkim/sign';

/** A field of a header, one character for each octet (latin1), its folding included. */
export interface RawField {
  /** In lower case. */
  readonly name: string;
  readonly line: string;
}

const CRLF = Buffer.from('\r\n');
const LF = 0x0a;
/** nodemailer takes twice as much memory for each piece; what is smaller than 4 KiB comes out of Node's pool, and is gone at once. */
const PIECE = 2_000;

/** The hash of a body that comes in pieces; what it holds does not grow, however long a line is. */
export class BodyHash {
  readonly #body = new RelaxedBody({ hashAlgo: 'sha256' });
  #last = LF;

  /** Octets of the body, dot-stuffing undone. */
  update(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += PIECE) this.#body.updateHash(bytes.subarray(at, at + PIECE));
    this.#last = bytes.at(-1) ?? this.#last;
  }

  /** As in `bh=`. */
  digest(): string {
    // §3.4.4: a body that does not end in CRLF gets one.
    if (this.#last !== LF) this.#body.updateHash(CRLF);
    return this.#body.bodyHash.digest('base64');
  }
}

/** §3.4.2; ends in CRLF. */
export function canonicalField({ name, line }: RawField): string {
  return sign.relaxedHeaders([{ key: name, line }], name).headers;
}

/** The fields of a header block, in their order. The block is well formed, which `policy/header.ts` sees to. */
export function cutHeader(block: string): RawField[] {
  return block
    .split(/\r\n(?![ \t])/)
    .filter((line) => line !== '')
    .map((line) => ({
      name: line
        .slice(0, line.indexOf(':'))
        .replace(/[ \t]+$/, '')
        .toLowerCase(),
      line,
    }));
}
