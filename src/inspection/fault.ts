// Owns what can go wrong between us and a server: each kind of failure with a line that names it.

export type FaultKind =
  | 'no-such-host'
  | 'unreachable'
  | 'refused'
  | 'timeout'
  | 'closed'
  | 'malformed'
  | 'too-long'
  | 'handshake'
  /** This side's own TLS library will not try it. */
  | 'untried'
  /** More connections to one port than are decent. */
  | 'too-many'
  /** The time for the whole port is over. */
  | 'used-up';

/** A dialogue cannot go on. `code` is that of the system or of OpenSSL, where there is one. */
export class DialogueFault extends Error {
  readonly kind: FaultKind;
  readonly code: string | undefined;

  constructor(kind: FaultKind, message: string, code?: string) {
    super(message);
    this.name = 'DialogueFault';
    this.kind = kind;
    this.code = code;
  }
}

/** A failed connection in words. */
export function connectionFault(error: NodeJS.ErrnoException): DialogueFault {
  const code = error.code ?? innerCode(error) ?? '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_NODATA')
    return new DialogueFault('no-such-host', 'the name does not resolve to an address', code);
  if (code === 'ECONNREFUSED')
    return new DialogueFault('refused', 'nothing listens there (connection refused)', code);
  if (code === 'ECONNRESET' || code === 'EPIPE')
    return new DialogueFault('closed', 'the server broke the connection off', code);
  if (code === 'ETIMEDOUT') return new DialogueFault('timeout', 'no answer to the connection attempt', code);
  if (code.startsWith('ERR_SSL'))
    return new DialogueFault('closed', `the server broke TLS off (${code})`, code);
  return new DialogueFault('unreachable', `not reachable (${code || 'unknown error'})`, code);
}

/** Node tells of several addresses tried in one AggregateError. */
function innerCode(error: Error): string | undefined {
  const [first] = error instanceof AggregateError ? error.errors : [];
  return (first as NodeJS.ErrnoException | undefined)?.code;
}

/** A failed handshake: ours to be blamed, or the server's no. */
export function handshakeFault(error: NodeJS.ErrnoException): DialogueFault {
  const code = error.code ?? '';
  if (OWN_LIBRARY.test(code))
    return new DialogueFault('untried', `this machine's OpenSSL does not do it (${code})`, code);
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return new DialogueFault('handshake', 'the server does not speak TLS at this point', code);
  return new DialogueFault('handshake', `the TLS handshake failed (${code || 'connection closed'})`, code);
}

/** Told before a byte is sent: versions or ciphers that are built out, or forbidden by this machine's policy. */
const OWN_LIBRARY =
  /^ERR_SSL_(NO_PROTOCOLS_AVAILABLE|NO_CIPHERS_AVAILABLE|NO_CIPHER_MATCH|UNSUPPORTED_SSL_VERSION)$|^ERR_TLS_(PROTOCOL_VERSION_CONFLICT|INVALID_PROTOCOL_VERSION)$/;
