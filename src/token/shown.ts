// How a value that came from outside is written into a refusal's reason: short, one line, no control characters.

const MAX_SHOWN = 64;
/** Of a name that was found, and of each in a list of those expected: both fit into one field of the journal (audit/scrub.ts). */
const MAX_NAME = 200;
const MAX_NAME_IN_LIST = 80;

// What issuers, audiences, clients and addresses of theirs are written in, without the places where secrets stand in a URL:
// user information, query, fragment.
const NAME = /^(?![a-z]+:\/\/[^/]*@)[\w.~:/@+-]+$/i;
// A token: a JWT in full or in part, or a run of characters that no name has.
const SECRET = /eyJ|[\w~+]{65}/;

/** Text for the operator: strings quoted and cut to 64 characters, lists to three members, anything else by its type. */
export function shown(value: unknown): string {
  return written(value, (text) => `"${cleaned(cut(text, MAX_SHOWN))}"`);
}

/**
 * The same for the name of an issuer, an audience or a client, or an address: one that looks like it is shown up to 200
 * characters, for an operator has to compare it to the letter. What may be a secret is cut as anything else.
 */
export function shownName(value: unknown): string {
  const most = Array.isArray(value) ? MAX_NAME_IN_LIST : MAX_NAME;
  return written(value, (text) =>
    NAME.test(text) && !SECRET.test(text) ? `"${cut(text, most)}"` : shown(text),
  );
}

/** A time of a claim (seconds since the epoch) as people read it. */
export function shownTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString().replace('.000Z', 'Z');
}

function written(value: unknown, quoted: (text: string) => string): string {
  if (value === undefined) return 'none';
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null) return 'null';
  if (!Array.isArray(value)) return 'an object';
  const some = value.slice(0, 3).map((item) => (Array.isArray(item) ? 'a list' : written(item, quoted)));
  return value.length === 0 ? 'an empty list' : `${some.join(', ')}${value.length > 3 ? ', …' : ''}`;
}

function cut(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

// Controls would forge lines of the journal, format characters (bidi overrides) would turn its text around.
function cleaned(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').replaceAll('"', "'");
}
