// Owns the last look at free text before it reaches the journal: length, control characters, anything shaped like a token.

/** Longest free text in one field; a peer decides its length otherwise. */
const MAX_TEXT = 500;
const MAX_STACK = 4000;
const MAX_CAUSES = 3;

// C0, DEL, C1 (terminal control sequences), line separators, and the marks that reorder text on a screen.
const UNPRINTABLE =
  /[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]+/g;
// A compact JWS or JWE, whole or cut short: every one starts with base64url of `{"`.
const TOKEN = /\beyJ[\w-]{8,}(?:\.[\w-]*)*/g;
const BEARER = /\b(Bearer|Basic)\s+[\w.~+/=-]{16,}/gi;
const SASL_COMMAND = /\b(AUTH\s+[\w-]+)\s+\S+/gi;
// Most texts hold none of it: one quick look saves three slow ones.
const SUSPICIOUS = new RegExp(`${UNPRINTABLE.source}|eyJ|bearer|basic`, 'i');
const LONG_RUN = /[\w+/=-]{40,}/g;

/** Free text made fit for one journal field: printable, one line, bounded, without tokens. Anything else passes as it is. */
export function scrubText(value: unknown): unknown {
  if (typeof value !== 'string') {
    return value;
  }
  return scrub(value, MAX_TEXT);
}

/** As {@link scrubText}, for the log lines of a protocol engine: also drops SASL responses and long unbroken runs. */
export function scrubEngineText(text: string): string {
  return scrub(
    text
      .slice(0, 4 * MAX_TEXT)
      .replace(SASL_COMMAND, '$1 [secret]')
      .replace(LONG_RUN, '[long]'),
    MAX_TEXT,
  );
}

interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorRecord;
}

/**
 * An error reduced to type, message, code, stack and causes. Libraries hang requests, responses and options on their
 * errors: those hold credentials and stay out.
 */
export function describeError(error: unknown, depth = 0): ErrorRecord {
  if (!(error instanceof Error)) {
    return { type: typeof error, message: scrub(textOf(error), MAX_TEXT) };
  }
  const code: unknown = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    message: scrub(error.message, MAX_TEXT),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: scrub(String(code), 100) } : {}),
    ...(error.stack === undefined ? {} : { stack: scrubStack(error.stack) }),
    ...(error.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** Only primitives are shown: an unknown object may hold anything. */
function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? '[object]' : String(value);
}

function scrubStack(stack: string): string {
  return stack
    .slice(0, MAX_STACK)
    .split('\n')
    .map((line) => scrub(line, MAX_TEXT))
    .join('\n');
}

function scrub(text: string, limit: number): string {
  const bounded = text.length > limit ? `${text.slice(0, limit)}…` : text;
  if (!SUSPICIOUS.test(bounded)) {
    return bounded;
  }
  return bounded.replace(UNPRINTABLE, ' ').replace(TOKEN, '[token]').replace(BEARER, '$1 [secret]');
}
