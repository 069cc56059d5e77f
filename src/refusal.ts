// Noun: every expected "no". A refusal is a value with a public code and a private reason; faults are exceptions.
// What the peer is told for each code stands in one table per door; the reason goes to the journal only.

/** The closed list of refusals, grouped by the step that gives them. */
export const REFUSAL_CODES = [
  // SASL: the bytes of the exchange
  'sasl-malformed',
  'sasl-encoding',
  'sasl-cancelled',
  'sasl-line-too-long',
  'mechanism-unknown',
  // token: what the token itself says
  'token-missing',
  'token-malformed',
  'token-algorithm',
  'token-critical',
  'token-type',
  'token-issuer',
  'token-key',
  'token-signature',
  'token-audience',
  'token-expired',
  'token-not-yet-valid',
  'token-scope',
  'token-client',
  'token-bound',
  'token-revoked',
  'token-identity',
  'issuer-unavailable',
  // policy: who may send as whom
  'user-mismatch',
  'sender-not-owned',
  'header-from-missing',
  'header-from-ambiguous',
  'header-from-not-owned',
  'header-sender-not-owned',
  'header-malformed',
  // message: what was sent
  'header-too-large',
  'message-too-large',
  'line-too-long',
  'bare-line-ending',
  'nul-byte',
  'too-many-recipients',
  'no-valid-recipients',
  'address-syntax',
  'recipient-syntax',
  'sender-domain',
  'recipient-domain',
  'header-domain',
  'parameter-syntax',
  'parameter-unknown',
  'utf8-sender-unavailable',
  'utf8-recipient-unavailable',
  'eight-bit-unavailable',
  'binary-unavailable',
  'require-tls-unavailable',
  // session: order, time and limits
  'command-unknown',
  'command-not-implemented',
  'command-syntax',
  'command-order',
  'command-too-long',
  'command-line-ending',
  'chunk-size-unknown',
  'tls-required',
  'login-required',
  'login-twice',
  'network-not-trusted',
  'proxy-not-trusted',
  'rate-exceeded',
  'too-many-failures',
  'too-many-commands',
  'too-many-connections',
  'session-idle',
  'session-too-long',
  'transaction-too-long',
  'session-expired',
  'session-revoked',
  'shutting-down',
  // relay: the upstream
  'upstream-unavailable',
  'upstream-timeout',
  'upstream-lost',
  'upstream-busy',
  'upstream-limit',
  'upstream-login',
  'upstream-protocol',
  'upstream-refused',
  // dkim: where a message waits for its signature
  'spool-unavailable',
  // anything unforeseen, after it was logged as a fault
  'internal-error',
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** An expected "no": `code` decides what the peer is told, `reason` is for the operator and never leaves the journal. */
export interface Refusal {
  readonly refused: true;
  readonly code: RefusalCode;
  /** One line for the operator: what was expected, what was found. Never holds a token or a password. */
  readonly reason: string;
}

export function refuse(code: RefusalCode, reason: string): Refusal {
  return { refused: true, code, reason };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value && value.refused === true;
}
