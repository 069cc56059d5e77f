// Owns the reading of DER (X.690): elements, object identifiers, bits; whatever may be read in two ways is not read at all.

/** One element; `value` and `whole` are views, not copies. */
export interface Element {
  /** Identifier octet: class, constructed or not, number below 31. */
  readonly tag: number;
  readonly value: Buffer;
  /** With its identifier and length. */
  readonly whole: Buffer;
}

/** The bytes are no DER, or not what belongs at their place. */
export class NotDer extends Error {}

export const TAG = {
  boolean: 0x01,
  bits: 0x03,
  octets: 0x04,
  identifier: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  ia5: 0x16,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The elements one after the other, to the last byte. @throws NotDer */
export function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    // X.690 §8.1.2.4: nothing in a certificate has a number that takes more octets.
    if ((tag & 0x1f) === 0x1f) throw new NotDer('a tag of several octets');
    const { start, length } = lengthAt(bytes, at + 1);
    const end = start + length;
    if (end > bytes.length) throw new NotDer('an element that is cut off');
    elements.push({ tag, value: bytes.subarray(start, end), whole: bytes.subarray(at, end) });
    at = end;
  }
  return elements;
}

/** What stands in the element, which must be of that kind. @throws NotDer */
export function contentsOf(element: Element | undefined, tag: number): Element[] {
  return elementsOf(octetsOf(element, tag));
}

/** @throws NotDer */
export function octetsOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new NotDer('an element of another kind');
  return element.value;
}

/** Bytes that are one element of that kind, and nothing else. @throws NotDer */
export function only(bytes: Buffer, tag: number): Buffer {
  const [element, more] = elementsOf(bytes);
  if (more !== undefined) throw new NotDer('more than one element');
  return octetsOf(element, tag);
}

/** Dotted numbers. @throws NotDer */
export function identifierOf(element: Element | undefined): string {
  const bytes = octetsOf(element, TAG.identifier);
  const arcs: bigint[] = [];
  let arc = 0n;
  let isOpen = false;
  for (const byte of bytes) {
    // X.690 §8.19.2: an arc does not begin with a zero.
    if (!isOpen && byte === 0x80) throw new NotDer('an object identifier with a leading zero');
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    isOpen = (byte & 0x80) !== 0;
    if (isOpen) continue;
    arcs.push(arc);
    arc = 0n;
  }
  const [first] = arcs;
  if (isOpen || first === undefined) throw new NotDer('an object identifier that is cut off');
  // X.690 §8.19.4: the first two share one.
  const top = first < 80n ? first / 40n : 2n;
  return [top, first - top * 40n, ...arcs.slice(1)].join('.');
}

/** @throws NotDer */
export function isTrue(element: Element): boolean {
  const value = octetsOf(element, TAG.boolean);
  // X.690 §11.1.
  if (value.length !== 1 || (value[0] !== 0xff && value[0] !== 0))
    throw new NotDer('a boolean of neither kind');
  return value[0] === 0xff;
}

/** X.690 §10.1: a definite length in the fewest octets. */
function lengthAt(bytes: Buffer, at: number): { start: number; length: number } {
  const first = bytes[at];
  if (first === undefined) throw new NotDer('an element without a length');
  if (first < 0x80) return { start: at + 1, length: first };
  const count = first & 0x7f;
  if (count === 0 || count > 4 || at + 1 + count > bytes.length)
    throw new NotDer('a length of no definite size');
  const length = bytes.readUIntBE(at + 1, count);
  const isShort = length < 0x80 || (count > 1 && length < 2 ** (8 * (count - 1)));
  if (isShort) throw new NotDer('a length in more octets than it needs');
  return { start: at + 1 + count, length };
}
