// Owns xtext: any text as printable ASCII without space (RFC 3461 §4), so that no value can end a parameter, a line or a command.

/** Bytes of UTF-8 other than `!` to `~`, and `+` and `=`, become `+` and two upper-case hexadecimal digits. */
export function xtext(value: string): string {
  let text = '';
  for (const byte of Buffer.from(value, 'utf8')) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== PLUS && byte !== EQUALS;
    text += plain ? String.fromCharCode(byte) : `+${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

const PLUS = 0x2b;
const EQUALS = 0x3d;
