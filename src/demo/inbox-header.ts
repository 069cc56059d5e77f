// Owns what the inbox pages show of a message's header. It is for people to read; nothing is decided by it.

export interface HeaderSummary {
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly date: string;
}

/** Where the search for the end of a header ends. */
export const HEADER_BYTES = 32 * 1024;

/** @param file a file of the inbox, or its beginning: envelope lines, then the message as received */
export function summarize(file: Buffer): HeaderSummary {
  const lines = unfoldedLines(file.subarray(0, HEADER_BYTES).toString('utf8'));
  const ownLines = lines.findIndex((line) => !/^X-Envelope-(From|To):/.test(line));
  const envelope = ownLines === -1 ? lines : lines.slice(0, ownLines);
  const header = ownLines === -1 ? [] : lines.slice(ownLines);
  const values = (from: readonly string[], name: string) =>
    from
      .filter((line) => line.toLowerCase().startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).trim());
  const shown = (name: string) => values(header, name).map(decodeWords).join(', ');
  return {
    mailFrom: values(envelope, 'x-envelope-from')[0] ?? '',
    recipients: values(envelope, 'x-envelope-to'),
    from: shown('from'),
    to: shown('to'),
    subject: shown('subject'),
    date: shown('date'),
  };
}

function unfoldedLines(text: string): string[] {
  const end = text.search(/\r?\n\r?\n/);
  return (end === -1 ? text : text.slice(0, end)).replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/);
}

// RFC 2047 §2: =?charset?encoding?text?=, with a language after the charset (RFC 2231 §5).
const WORD = /=\?([\w!#$%&'+^`{}~-]+)(?:\*[\w-]*)?\?([bq])\?([!->@-~]*)\?=/gi;

function decodeWords(text: string): string {
  // RFC 2047 §6.2: the space between two encoded words is not part of the text.
  const joined = text.replace(/(\?=)[ \t]+(?==\?)/g, '$1');
  return joined.replace(WORD, (word: string, charset: string, encoding: string, content: string) => {
    const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(content, 'base64') : quotedBytes(content);
    try {
      return new TextDecoder(charset).decode(bytes);
    } catch {
      return word;
    }
  });
}

/** RFC 2047 §4.2. */
function quotedBytes(content: string): Buffer {
  const text = content
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, 'latin1');
}
