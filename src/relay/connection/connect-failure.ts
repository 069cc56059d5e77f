// Owns what an operator is told when no connection to the upstream comes about: what happened, and which setting to look at.

import type { PeerCertificate } from 'node:tls';
import { type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Target } from '../targets/targets.ts';

/** What was waited for. */
export type ConnectPhase = 'connecting' | 'handshake' | 'greeting' | 'dialogue';

interface About {
  readonly settings: UpstreamSettings;
  readonly target: Target;
  readonly phase: ConnectPhase;
}

/** As nodemailer and Node make them. */
interface ConnectError extends Error {
  readonly code?: string;
  readonly originalCode?: string;
  readonly response?: string;
  readonly cert?: PeerCertificate;
}

export function timeoutFailure({ settings, target, phase }: About): Refusal {
  const what = {
    connecting: 'does not answer; a firewall on the way, or the wrong host or port',
    handshake: 'does not go on with the TLS handshake',
    greeting:
      settings.tls === 'implicit'
        ? 'does not greet'
        : 'does not greet; where it speaks TLS from the first byte, as on port 465, set `tls: implicit`',
    dialogue: 'does not answer EHLO or STARTTLS',
  }[phase];
  const within = `within ${settings.connectTimeout} ms`;
  return refuse('upstream-timeout', `connecting took too long: ${placeOf(target)} ${what} (${within})`);
}

/** The upstream's own words are passed on as one line of printable characters. */
export function connectFailure(error: ConnectError, about: About): Refusal {
  const where = placeOf(about.target);
  if (error.code === 'ETIMEDOUT' && error.originalCode === undefined) return timeoutFailure(about);
  const cause = error.originalCode ?? error.code ?? '';
  const said =
    certificateFailure(cause, error, about) ??
    alertFailure(cause, about) ??
    handshakeFailure(cause, about) ??
    spoken(error, about) ??
    networkFailure(cause, about) ??
    `: ${[cause, error.message].filter(Boolean).join(': ')}`;
  return refuse('upstream-unavailable', oneLine(`${where}${said}`));
}

/** What Node says of a certificate that it does not believe. */
function certificateFailure(
  cause: string,
  error: ConnectError,
  { settings, target }: About,
): string | undefined {
  const { ca } = settings;
  if (cause === 'CERT_HAS_EXPIRED') {
    return ': its certificate, or that of an authority above it, has expired (CERT_HAS_EXPIRED); it must be renewed there';
  }
  if (cause === 'CERT_NOT_YET_VALID') {
    return ': its certificate is not valid yet (CERT_NOT_YET_VALID); compare the clocks';
  }
  if (cause === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = error.cert?.subjectaltname ?? `CN=${error.cert?.subject?.CN}`;
    return `: its certificate is for ${names.slice(0, 200)}, not for ${target.serverName}; if that is the server meant, set \`serverName\` to a name of its`;
  }
  if (UNKNOWN_AUTHORITY.test(cause)) {
    const by = ca === undefined ? 'no authority that this machine trusts' : `no authority in ${ca}`;
    return `: its certificate is signed by ${by} (${cause}); set \`ca\` to the PEM file of its authority, or \`fingerprints\` to that of the certificate`;
  }
  if (/^(CERT_|CRL_|INVALID_|ERR_TLS_CERT_|PATH_LENGTH|HOSTNAME_MISMATCH)/.test(cause)) {
    return `: its certificate is not believed (${cause}: ${error.message})`;
  }
  return undefined;
}

const UNKNOWN_AUTHORITY =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE|CERT_UNTRUSTED)$/;

/** Alerts of the upstream (RFC 8446 §6.2), in OpenSSL's names. */
function alertFailure(cause: string, { settings }: About): string | undefined {
  const [, alert] = /^ERR_SSL_.*ALERT_([A-Z_]+)$/.exec(cause) ?? [];
  if (alert === undefined) return undefined;
  const own = settings.clientCertificate;
  if (alert === 'CERTIFICATE_REQUIRED' || (alert === 'HANDSHAKE_FAILURE' && !own)) {
    // TLS 1.3 has an alert of its own for it; before that it is one of the things that "handshake failure" means.
    const sure =
      alert === 'CERTIFICATE_REQUIRED' ? 'wants' : 'refuses the TLS handshake, as one does that wants';
    return ` ${sure} a client certificate (${cause}); set \`clientCertificate\`${own ? ' to one of an authority that it names' : ''}`;
  }
  if (own && OF_CERTIFICATE.test(alert)) {
    return ` does not take the client certificate ${own.certificate} (${cause}); it must be valid, for client use, and of an authority that the upstream trusts`;
  }
  if (alert === 'PROTOCOL_VERSION') return ` speaks no TLS 1.2 or newer (${cause})`;
  return ` broke the TLS handshake off (${cause})`;
}

const OF_CERTIFICATE =
  /^(UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(EXPIRED|REVOKED|UNKNOWN)|ACCESS_DENIED|DECRYPT_ERROR|HANDSHAKE_FAILURE)$/;

function handshakeFailure(cause: string, { settings, phase }: About): string | undefined {
  if (!cause.startsWith('ERR_SSL_')) return undefined;
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|RECORD_LAYER_FAILURE|HTTP_REQUEST/.test(cause)) {
    return settings.tls === 'implicit' && phase === 'handshake'
      ? ` does not speak TLS from the first byte (${cause}); where it greets in clear text, as on ports 25 and 587, set \`tls: starttls\``
      : ` speaks no TLS after STARTTLS (${cause})`;
  }
  if (/UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW/.test(cause)) return ` speaks no TLS 1.2 or newer (${cause})`;
  return `: no TLS (${cause})`;
}

/** The upstream spoke SMTP, and said no. */
function spoken(error: ConnectError, { settings, phase }: About): string | undefined {
  const { response, code } = error;
  if (response === undefined) {
    return phase === 'handshake' && code === 'ETLS'
      ? ' closed the connection in the TLS handshake'
      : undefined;
  }
  if (code === 'ETLS') {
    const elsewhere = '`tls: implicit` with the port for that (465), or the port for submission (587)';
    const now = /^4/.test(response) ? 'takes no STARTTLS just now' : 'offers no STARTTLS';
    return ` ${now}, which \`tls: ${settings.tls}\` wants; it said: ${response}; try ${elsewhere}`;
  }
  return phase === 'greeting' || /greeting/i.test(error.message)
    ? ` greets with ${response}`
    : ` said ${response}`;
}

function networkFailure(cause: string, { settings, phase }: About): string | undefined {
  if (cause === 'ECONNREFUSED') return ': nothing listens there (ECONNREFUSED)';
  if (cause === 'EHOSTUNREACH' || cause === 'ENETUNREACH') return `: there is no way to it (${cause})`;
  if (!/^(ECONNRESET|EPIPE|ECONNECTION|ETLS)$/.test(cause)) return undefined;
  const secured =
    settings.tls === 'implicit' ? phase === 'greeting' : phase === 'dialogue' && settings.tls !== 'none';
  // RFC 8446 §4.4.2.4: with TLS 1.3 the upstream looks at the client's certificate when the handshake is over for the client.
  const hint = secured ? '; servers do so too that want a client certificate, or another one' : '';
  return ` closed the connection ${WHEN[phase]} (${cause})${hint}`;
}

const WHEN = {
  connecting: 'at once',
  handshake: 'in the TLS handshake',
  greeting: 'instead of greeting',
  dialogue: 'instead of answering',
} satisfies Record<ConnectPhase, string>;

/** For the operator: which server it was. */
export const placeOf = ({ host, port }: Target): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const oneLine = (text: string): string => text.replace(/[^\x20-\x7e’–…]+/g, ' ').slice(0, 600);
