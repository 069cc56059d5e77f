// Owns the cutting of a raw header block into fields (RFC 5322 §2.2). Whatever is odd is refused: the next program might cut elsewhere.

import { type Refusal, refuse } from '../refusal.ts';

export interface HeaderField {
  /** As written, without the colon. */
  readonly name: string;
  /** What follows the colon, one character for each octet (latin1), line breaks of folding included, the last one not. */
  readonly value: string;
}

/** A field and where it stands in its block, in octets: from its name to behind the CRLF of its last line. */
export interface PlacedField extends HeaderField {
  readonly start: number;
  readonly end: number;
}

/** Fields that say who sent a message; their names must be written exactly. */
const ORIGINATOR_NAMES = new Set(['from', 'sender', 'resent-from', 'resent-sender']);

// RFC 5322 §2.2: printable US-ASCII without the colon.
const FIELD_NAME = /^[!-9;-~]+$/;
const ONLY_WHITE_SPACE = /^[ \t]*$/;

/** Cuts the header block of a message: lines that end in CRLF, without the empty line after it. Refuses `header-malformed`. */
export function parseHeader(block: Buffer): PlacedField[] | Refusal {
  if (block.includes(0)) return malformed('it has a NUL');
  const text = block.toString('latin1');
  const fields: PlacedField[] = [];
  let fieldStart = 0;
  let lineStart = 0;
  let lineNumber = 1;

  while (lineStart < text.length) {
    const lineEnd = endOfLine(text, lineStart);
    if (lineEnd === undefined) return malformed(`line ${lineNumber} has a bare CR or LF`);
    const fault = lineFault(text, lineStart, lineEnd);
    if (fault !== undefined) return malformed(`line ${lineNumber} ${fault}`);

    const next = lineEnd + 2;
    if (!isWhiteSpace(text.charCodeAt(next))) {
      const field = readField(text, fieldStart, lineEnd);
      if (typeof field === 'string') return malformed(`the field that ends at line ${lineNumber} ${field}`);
      fields.push(field);
      fieldStart = field.end;
    }
    lineStart = next;
    lineNumber += 1;
  }
  return fields;
}

// The end of the block ends the last line too.
function endOfLine(text: string, start: number): number | undefined {
  const lineFeed = text.indexOf('\n', start);
  const carriageReturn = text.indexOf('\r', start);
  if (lineFeed < 0) return carriageReturn < 0 ? text.length : undefined;
  return carriageReturn === lineFeed - 1 ? carriageReturn : undefined;
}

function lineFault(text: string, start: number, end: number): string | undefined {
  if (start === end) return 'is empty';
  if (!isWhiteSpace(text.charCodeAt(start))) return undefined;
  // A first line that is folded belongs to whatever header a server puts in front of it ("Composition Kills", A7).
  if (start === 0) return 'continues a field that is not there';
  // RFC 5322 §3.2.2 forbids it, for some programs take such a line for the end of the header.
  return ONLY_WHITE_SPACE.test(text.slice(start, end)) ? 'has nothing but white space' : undefined;
}

function readField(text: string, start: number, end: number): PlacedField | string {
  const colon = text.indexOf(':', start);
  if (colon < 0 || colon >= end) return 'has no colon';
  const written = text.slice(start, colon);
  const name = withoutTrailingWhiteSpace(written);
  if (!FIELD_NAME.test(name)) return 'has a name that is not printable ASCII';
  // RFC 5322 §4.5 let old programs write `From :`; some read it as From, some as an unknown field, some as the body's start.
  if (name !== written && ORIGINATOR_NAMES.has(name.toLowerCase())) {
    return `has white space between ${name} and the colon`;
  }
  return { name, value: text.slice(colon + 1, end), start, end: Math.min(end + 2, text.length) };
}

// Not trimEnd(): it would also take NBSP and other octets that are no white space in a header.
function withoutTrailingWhiteSpace(text: string): string {
  let end = text.length;
  while (end > 0 && isWhiteSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function malformed(what: string): Refusal {
  return refuse('header-malformed', `the header cannot be read in one way only: ${what}`);
}
