// How a value that came from outside is written into a refusal's reason: short, one line, no control characters.

/** Long enough for what differs in its last letters, as the issuers of Entra ID's two versions may, of 75 characters. */
const MAX_SHOWN = 128;

/** Text for the operator: strings quoted and cut to 128 characters, lists to three members, anything else by its type. */
export function shown(value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'string') return `"${cleaned(value)}"`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null) return 'null';
  if (!Array.isArray(value)) return 'an object';
  const some = value.slice(0, 3).map((item) => (Array.isArray(item) ? 'a list' : shown(item)));
  return value.length === 0 ? 'an empty list' : `${some.join(', ')}${value.length > 3 ? ', …' : ''}`;
}

/** A time of a claim (seconds since the epoch) as people read it. */
export function shownTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString().replace('.000Z', 'Z');
}

// Controls would forge lines of the journal, format characters (bidi overrides) would turn its text around.
function cleaned(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').replaceAll('"', "'");
}
