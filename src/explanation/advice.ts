// What the operator changes after each refusal: one table. Settings stand in it as docs/configuration.md has them.

import type { RefusalCode } from '../refusal.ts';

const CLIENT_SPEAKS_WRONG =
  'Nothing to change here: the program does not speak SMTP as the standards have it. Update it, or tell whoever makes it the reason.';
const UPSTREAM_LOG = 'Look for the same moment in the log of the mail server behind (`upstream`).';

/** One or two sentences: which setting, on which side. */
export const ADVICE = {
  'sasl-malformed':
    'Set the program to OAuth2 (XOAUTH2 or OAUTHBEARER) with an access token; this is what a password in its place, or a token without `Bearer`, looks like.',
  'sasl-encoding': CLIENT_SPEAKS_WRONG,
  'sasl-cancelled':
    'The program, or the person, gave up; a reason that says `cancelled after` names the refusal before it, and that one is to be mended.',
  'sasl-line-too-long':
    'Let the issuer write smaller tokens, for example without the list of groups: 32 KB of base64 are read.',
  'mechanism-unknown':
    'Set the program to OAuth2, with one of `submission.mechanisms` (or of `submission.listeners[].mechanisms`, where that is set). Passwords (PLAIN, LOGIN) are not taken.',

  'token-missing':
    'The program asked where to get a token and sent none. If it stops there, sign in again in it, or check that it can read the discovery document that it is told of.',
  'token-malformed':
    'Check that the whole access token is handed over, alone and in one line: no refresh token, no JSON around it, nothing cut off. An opaque token needs `verification: introspection` in the entry of its issuer in `token.trustedIssuers`.',
  'token-algorithm':
    'Let the issuer sign with one of the algorithms that are expected, or add the one found to `token.trustedIssuers[].algorithms`. `none` and HS256 cannot be allowed.',
  'token-critical':
    'Let the issuer leave out the header `crit`: what it names as critical is unknown to Postern.',
  'token-type':
    'Let the program send its access token, not the ID token or the refresh token. If the issuer marks its access tokens otherwise, add the `typ` found to `token.trustedIssuers[].types`, or to `token.trustedIssuers[].claimedTypes` where it is a claim.',
  'token-issuer':
    'Let the program sign in at one of the issuers that are expected, or add the one found to `token.trustedIssuers`. Both must be the same to the letter: `https`, port and a slash at the end count.',
  'token-key':
    'Get a new token: this one was signed with a key that the issuer does not publish, or no longer. If new ones fail too, check that `token.trustedIssuers[].jwksUri` belongs to that issuer.',
  'token-signature':
    'Get a new token from the issuer itself: this one was changed on its way, cut off, or made by somebody else. If new ones fail too, check that `token.trustedIssuers[].jwksUri` belongs to that issuer.',
  'token-audience':
    'Let the program ask the issuer for a token for this service (`token.audience`; at the issuer: audience, API or resource), or add the `aud` found to `token.trustedIssuers[].audiences` if it means this service alone.',
  'token-expired':
    'Let the program renew its token before it sends; sign in again where it cannot. If the token is fresh, one of the clocks is wrong (`token.leeway` is what they may differ by).',
  'token-not-yet-valid':
    'Set the clocks of the issuer and of this machine by NTP; `token.leeway` is what they may differ by.',
  'token-scope':
    'Let the program ask for one of the scopes that are expected and the issuer grant it, or give the person the role. What is expected stands in `token.trustedIssuers[].scopes` and `token.trustedIssuers[].require`.',
  'token-client':
    'Let the program use one of the clients that are expected, or add the `client_id` found to `token.trustedIssuers[].clients`.',
  'token-bound':
    'A token bound to a certificate needs that certificate in the TLS connection: set `submission.listeners[].clientCertificate` and `submission.tls.clientAuthorities`, and the certificate in the program. For DPoP, let the issuer give this client bearer tokens.',
  'token-revoked':
    'Sign in again: the token, its grant or the access of its person or program has ended (`postern revoke`, a logout, or the word of the issuer).',
  'token-identity':
    'Let the issuer put a verified mail address into the access token (`token.trustedIssuers[].identity.addresses`, `token.trustedIssuers[].identity.requireVerified`, `token.trustedIssuers[].domains`, for jobs `token.trustedIssuers[].workloads`). For a token of Postern’s own the account must be there and enabled (`postern revoke --enable ADDRESS`), an app must have `authorization.clients[].sendAs`.',
  'issuer-unavailable':
    'Check from this machine that the issuer answers: discovery, `token.trustedIssuers[].jwksUri` or `token.trustedIssuers[].introspection.endpoint`, within `token.jwks.timeout`. The token may be good, and the client tries again by itself. Where the reason says that it is too early to fetch keys again, wait `token.jwks.cooldown` and ask once more: then the token is good, or its signature is not that issuer’s.',

  'user-mismatch':
    'Put an address of the token as user name into the program, or leave it empty; if the program has several accounts, it took the token of another one.',
  'sender-not-owned':
    'Set the sender address in the program to one of the person’s own, or let the identity provider name this one too (`token.trustedIssuers[].identity.addresses`); an app has `authorization.clients[].sendAs`, a network `submission.trustedNetworks[].sendAs`.',
  'header-from-missing': 'Let the program write a From field into the message.',
  'header-from-ambiguous': 'Let the program write one From field with one address in it.',
  'header-from-not-owned':
    'Set From in the program to an address of the person’s own, or let the identity provider name this one too (`token.trustedIssuers[].identity.addresses`, `authorization.clients[].sendAs`, `submission.trustedNetworks[].sendAs`).',
  'header-sender-not-owned':
    'As for From: Sender and Resent-From must be addresses of the person’s own; most programs need neither.',
  'header-malformed':
    'Nothing to change here: the program writes a header that can be read in two ways. The reason says which field.',

  'header-too-large': 'Raise `submission.maxHeaderBytes`, if such headers are wanted.',
  'message-too-large':
    'Raise `submission.maxMessageBytes`, if the mail server behind takes messages of that size, or send a link in place of the file.',
  'line-too-long': CLIENT_SPEAKS_WRONG,
  'bare-line-ending': CLIENT_SPEAKS_WRONG,
  'nul-byte': CLIENT_SPEAKS_WRONG,
  'too-many-recipients':
    'Raise `submission.maxRecipients` (for a network `submission.trustedNetworks[].maxRecipients`), or send in several messages.',
  'no-valid-recipients': 'Every recipient was refused; the refusals before this one say why.',
  'address-syntax': 'Correct the sender address in the program.',
  'recipient-syntax': 'Correct the recipient’s address.',
  'sender-domain': 'Write the whole domain, or allow short ones with `submission.qualifiedDomains`: `any`.',
  'recipient-domain':
    'Write the whole domain, or allow short ones with `submission.qualifiedDomains`: `any`.',
  'header-domain': 'Write the whole domain, or allow short ones with `submission.qualifiedDomains`: `any`.',
  'parameter-syntax': CLIENT_SPEAKS_WRONG,
  'parameter-unknown':
    'The program used an extension that is not offered, because the mail server behind has it not either.',
  'utf8-sender-unavailable': 'Use an address in ASCII, or switch SMTPUTF8 on at the mail server behind.',
  'utf8-recipient-unavailable': 'Use an address in ASCII, or switch SMTPUTF8 on at the mail server behind.',
  'eight-bit-unavailable': 'Switch 8BITMIME on at the mail server behind.',
  'binary-unavailable': 'Nothing to change: the program can send the message in another encoding.',
  'require-tls-unavailable':
    'Switch REQUIRETLS on at the mail server behind, or let the program not ask for it.',

  'command-unknown': CLIENT_SPEAKS_WRONG,
  'command-not-implemented': CLIENT_SPEAKS_WRONG,
  'command-syntax': CLIENT_SPEAKS_WRONG,
  'command-order': CLIENT_SPEAKS_WRONG,
  'command-too-long': CLIENT_SPEAKS_WRONG,
  'command-line-ending': CLIENT_SPEAKS_WRONG,
  'chunk-size-unknown': CLIENT_SPEAKS_WRONG,
  'tls-required': 'Switch STARTTLS on in the program, or let it use the port with implicit TLS.',
  'login-required':
    'Switch sign-in by OAuth2 on in the program. A device that cannot sign in needs a listener whose `submission.listeners[].access` is `trusted-networks`.',
  'login-twice': CLIENT_SPEAKS_WRONG,
  'network-not-trusted':
    'Add the address of the server to `submission.trustedNetworks[].networks`, or let it sign in on another listener.',
  'proxy-not-trusted':
    'Add the load balancer’s address to `submission.listeners[].proxyProtocol.from`, or let it send no PROXY header.',
  'rate-exceeded':
    'Raise `submission.trustedNetworks[].maxMessagesPerMinute` if so much mail is wanted; else see what sends it.',
  'too-many-failures':
    'Mend what was refused before; the program must not try the same token again and again.',
  'too-many-commands':
    'See in the journal what the program tried; the limits are `submission.maxUnauthenticatedCommands` and `submission.maxCommandErrors`.',
  'too-many-connections':
    'See with `postern sessions` who holds them; the limits are `submission.maxConnections`, `submission.maxConnectionsPerAddress`, `submission.maxSessionsPerUser` and `submission.trustedNetworks[].maxConnections`.',
  'session-idle':
    'Nothing to change as a rule: programs connect again. The limits are `submission.loginTimeout`, `submission.idleTimeout` and `submission.minBytesPerSecond`.',
  'session-too-long': 'Nothing to change: the program connects again; the limit is `submission.maxSession`.',
  'transaction-too-long':
    'The connection may be too slow for the message; the limit is `submission.maxTransaction`.',
  'session-expired':
    'Nothing to change: the program connects again with a new token; when sessions end is `submission.tokenExpiry`.',
  'session-revoked':
    'Sign in again, if the person or program may; the reason says what ended access (`postern revoke`, a logout, the word of the issuer).',
  'shutting-down': 'Nothing to change: the program connects again when Postern is back.',

  'upstream-unavailable':
    'Check from this machine that the mail server answers at `upstream.host` and `upstream.port`, and its certificate.',
  'upstream-timeout': `${UPSTREAM_LOG} The limits are \`upstream.replyTimeout\` and \`upstream.finalReplyTimeout\`.`,
  'upstream-lost': UPSTREAM_LOG,
  'upstream-busy':
    'Every connection to the mail server was taken for `upstream.maxWait`; raise `upstream.maxConnections` if it bears more.',
  'upstream-limit':
    'The account at the mail server has had its share (`upstream.maxMessagesPerMinute`); mail goes on by itself in a minute.',
  'upstream-login':
    'Correct the account of Postern’s own at the mail server: `upstream.login`, `upstream.oauth` or `upstream.clientCertificate`.',
  'upstream-protocol': `${UPSTREAM_LOG} Something that is no mail server may answer at \`upstream.host\`.`,
  'upstream-refused': `The mail server behind said no; its words stand with the refusal. ${UPSTREAM_LOG}`,

  'spool-unavailable':
    'Make room on the disk of `dkim.spoolFolder`, where a message waits for its signature.',

  'internal-error':
    'Find the `fault` of the same session in the journal; it is a mistake in Postern, worth a report.',
} as const satisfies Record<RefusalCode, string>;
