// Owns the dots that SMTP adds in front of lines (RFC 5321 §4.5.2): put in and taken out of a stream in pieces of any size.

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const LINE_DOT = Buffer.from('\r\n.');

/**
 * Only CRLF begins a line, in both directions: so that one undoes the other, whatever the octets are.
 * A piece without such a dot is given back as it is, not copied.
 */
class LineDots {
  /** True where the next octet begins a line. */
  lineStart = true;
  #afterCr = false;

  /** Where in the piece a line begins with a dot. */
  protected find(piece: Buffer): number[] {
    const found: number[] = [];
    if (this.lineStart && piece[0] === DOT) found.push(0);
    if (this.#afterCr && piece[0] === LF && piece[1] === DOT) found.push(1);
    for (let at = piece.indexOf(LINE_DOT); at !== -1; at = piece.indexOf(LINE_DOT, at + 3))
      found.push(at + 2);
    this.#advance(piece);
    return found;
  }

  #advance(piece: Buffer): void {
    const { length } = piece;
    if (length === 0) return;
    const afterCr = length > 1 ? piece[length - 2] === CR : this.#afterCr;
    this.lineStart = afterCr && piece[length - 1] === LF;
    this.#afterCr = piece[length - 1] === CR;
  }
}

export class DotStuffer extends LineDots {
  /** Dots put in so far. */
  added = 0;

  stuff(piece: Buffer): Buffer {
    const dots = this.find(piece);
    this.added += dots.length;
    if (dots.length === 0) return piece;
    const stuffed = Buffer.allocUnsafe(piece.length + dots.length);
    let from = 0;
    dots.forEach((at, index) => {
      // Up to and with the dot; the next round, or the rest below, begins with the same dot again.
      piece.copy(stuffed, from + index, from, at + 1);
      from = at;
    });
    piece.copy(stuffed, from + dots.length, from);
    return stuffed;
  }
}

export class DotUnstuffer extends LineDots {
  unstuff(piece: Buffer): Buffer {
    const dots = this.find(piece);
    if (dots.length === 0) return piece;
    const plain = Buffer.allocUnsafe(piece.length - dots.length);
    let from = 0;
    dots.forEach((at, index) => {
      piece.copy(plain, from - index, from, at);
      from = at + 1;
    });
    piece.copy(plain, from - dots.length, from);
    return plain;
  }
}
