// Strict JSON object out of octets: UTF-8 without faults, one object, no member twice.

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object, or in one phrase what is wrong with it. */
export function parseJsonObject(octets: Uint8Array): Record<string, unknown> | string {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(octets);
  } catch {
    return 'not UTF-8';
  }
  try {
    value = JSON.parse(text);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'not a JSON object';
  // RFC 7515 §4, RFC 7519 §4: names must be unique. Two parsers that pick different ones of two `iss` are an attack.
  if (hasDuplicateMember(text)) return 'a JSON object with a member twice';
  return value as Record<string, unknown>;
}

/** Walks text that JSON.parse has accepted: string tokens and the braces around them are all that matters. */
function hasDuplicateMember(text: string): boolean {
  const tokens = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}]/g;
  const open: Set<string>[] = [];
  for (let match = tokens.exec(text); match; match = tokens.exec(text)) {
    const token = match[0];
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (match[1] !== undefined) {
      const name: string = JSON.parse(token.slice(0, token.length - match[1].length));
      const names = open.at(-1);
      if (names?.has(name)) return true;
      names?.add(name);
    }
  }
  return false;
}
