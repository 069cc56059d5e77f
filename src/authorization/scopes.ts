// Owns what a client may ask for: the scopes, and the names under which the submission service is known as a resource.

/** Either of these lets a token send mail; the first is the one interoperable clients ask for. */
export const MAIL_SCOPES = ['urn:ietf:params:oauth:scope:mail', 'smtp.submit'] as const;

/** What the metadata names as `scopes_supported` (RFC 8414 §2). */
export const SCOPES: readonly string[] = ['openid', 'offline_access', 'email', ...MAIL_SCOPES];

/** Taken where a client names no scope (RFC 6749 §3.3): a person's program may send, and an app the same. */
export const DEFAULT_SCOPE = MAIL_SCOPES[0];

const SUBMISSION_SCHEMES = new Set(['smtp:', 'smtps:', 'submission:', 'submissions:']);

/**
 * Whether a resource indicator (RFC 8707 §2) means the submission service: its audience, letter by letter, or its host
 * as `https://host`, `smtp://host`, `submission://host` and the like. The audience of the token is the same for all.
 */
export function isSubmissionResource(
  indicator: string,
  service: { readonly audience: string; readonly hostname: string },
): boolean {
  if (indicator === service.audience) return true;
  const url = URL.parse(indicator);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '') return false;
  if (url.hostname.toLowerCase() !== service.hostname.toLowerCase()) return false;
  if (url.pathname !== '' && url.pathname !== '/') return false;
  // Another port of the same host is the same service for mail, and some other one for the web.
  return SUBMISSION_SCHEMES.has(url.protocol) || (url.protocol === 'https:' && url.port === '');
}
