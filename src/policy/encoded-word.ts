// Owns the reading of encoded words (RFC 2047) in display names, to see what a mail program would show for them.

// Charset, with the language of RFC 2231 §5 if there, encoding, text. Each part ends at the next '?': linear.
const ENCODED_WORD = /=\?([^?*\s]*)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=/gi;

/** The text with its encoded words decoded, wherever they stand: many programs decode them even where RFC 2047 §5 says not to. */
export function decodeEncodedWords(text: string): string {
  if (!text.includes('=?')) return text;
  return text.replace(ENCODED_WORD, (_word, charset: string, encoding: string, content: string) =>
    decodeBytes(charset, encoding.toLowerCase() === 'b' ? Buffer.from(content, 'base64') : decodeQ(content)),
  );
}

// RFC 2047 §4.2.
function decodeQ(content: string): Buffer {
  const text = content
    .replace(/_/g, ' ')
    .replace(/=([0-9A-F]{2})/gi, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, 'latin1');
}

function decodeBytes(charset: string, bytes: Buffer): string {
  try {
    return new TextDecoder(charset, { ignoreBOM: true }).decode(bytes);
  } catch {
    // A charset nobody knows: its bytes, as programs show them that do not know it either.
    return bytes.toString('latin1');
  }
}
