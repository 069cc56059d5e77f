// Owns what each event means, at which level it is written, and what its fields say; reference.ts makes docs/events.md from it.

import type { EventFields, EventName } from './event-fields.ts';
import type { Level } from './journal.ts';

interface Entry<Fields> {
  readonly level: Level;
  readonly says: string;
  /** Every field of the event, in the order of the docs; the compiler knows when one is missing. */
  readonly fields: { readonly [F in keyof Required<Fields>]: string };
}

const session = 'session id; the mail client reads the same one in every refusal';
const peer = 'address of the client, without its port';
const user = 'first address of the person or app';
const client = '`client_id`';
const tokenId = '`jti` of the access token';
const grant = 'handle of the grant; `jti` of its tokens begins with it';
const code = '[refusal code](refusals.md)';
const reason = 'why, for the operator';
const scope = 'scopes, separated by spaces';
const mechanism = 'SASL mechanism';
const why = 'why';
const grants = 'number of grants ended';
const browserSessions = 'number of browser sessions ended';
const identityProvider = 'identity provider';
const via = 'how it came: `logout`, `push`, `poll` or `global-revocation`';
const upstreamReply = 'reply of the upstream, code first';

export const EVENTS: { readonly [E in EventName]: Entry<EventFields[E]> } = {
  sessionOpened: {
    level: 'debug',
    says: 'A mail client connected.',
    fields: { session, peer, listener: 'listener it came to' },
  },
  loginSucceeded: {
    level: 'info',
    says: 'A mail client signed in with a token.',
    fields: {
      session,
      peer,
      mechanism,
      user,
      client,
      issuer: 'issuer of the token',
      tokenId,
      tls: 'TLS version and cipher suite',
    },
  },
  loginFailed: {
    level: 'warn',
    says: 'A login was refused.',
    fields: { session, peer, mechanism, userName: 'user name the client gave, not verified', code, reason },
  },
  discoveryAnswered: {
    level: 'info',
    says: 'A client without a token asked where to get one (RFC 7628 §4.3).',
    fields: { session, peer, mechanism },
  },
  messageAccepted: {
    level: 'info',
    says: 'The upstream took a message; from now on it is the upstream’s.',
    fields: {
      session,
      peer,
      user,
      client,
      tokenId,
      mailFrom: 'envelope sender',
      recipients: 'number of recipients the upstream took',
      bytes: 'size as sent by the client',
      upstreamReply,
      milliseconds: 'from MAIL to the reply',
    },
  },
  messageRefused: {
    level: 'warn',
    says: 'A message, or one of its recipients, was refused.',
    fields: {
      session,
      peer,
      user,
      client,
      stage: 'where: `mail`, `recipient`, `data`, `header`, `body` or `end`',
      code,
      reason,
      upstreamReply,
    },
  },
  sessionRevoked: {
    level: 'warn',
    says: 'Trust in a signed-in session ended; it is closed as its state allows.',
    fields: {
      session,
      peer,
      user,
      client,
      state: 'what the session was doing: `idle`, `in-transaction`, `in-message`',
      cause: 'what ended trust',
    },
  },
  sessionClosed: {
    level: 'info',
    says: 'A mail client’s connection ended.',
    fields: {
      session,
      peer,
      user,
      milliseconds: 'how long it lasted',
      messages: 'messages accepted',
      cause: 'who ended it and why',
    },
  },
  recheckFailed: {
    level: 'error',
    says: 'An issuer cannot be asked whether tokens of live sessions are still good; told once a minute.',
    fields: { issuer: 'issuer of the tokens', reason },
  },
  upstreamDown: {
    level: 'error',
    says: 'The upstream cannot be used; mail is deferred.',
    fields: { reason },
  },
  upstreamUp: { level: 'info', says: 'The upstream can be used again.', fields: {} },

  signInStarted: {
    level: 'debug',
    says: 'A browser was sent to the identity provider.',
    fields: { peer, client },
  },
  signInSucceeded: {
    level: 'info',
    says: 'A person came back from the identity provider, signed in.',
    fields: { peer, client, user, issuer: 'identity provider' },
  },
  signInFailed: {
    level: 'warn',
    says: 'A sign-in at the identity provider did not work out.',
    fields: { peer, client, code, reason },
  },
  consentGiven: {
    level: 'info',
    says: 'A person allowed a program to send mail for them.',
    fields: { peer, client, user, grant, scope },
  },
  consentDenied: {
    level: 'info',
    says: 'A person did not allow a program to send mail for them.',
    fields: { peer, client, user, scope },
  },
  tokenIssued: {
    level: 'info',
    says: 'An access token was issued.',
    fields: { peer, client, user, grantType: '`grant_type` of the request', grant, tokenId, scope },
  },
  tokenRefreshed: {
    level: 'info',
    says: 'An access token was issued for a refresh token.',
    fields: { peer, client, user, grant, tokenId, scope },
  },
  refreshTokenReused: {
    level: 'error',
    says: 'A refresh token was used a second time: it may be stolen, so its grant was ended.',
    fields: { peer, client, user, grant },
  },
  tokenRevoked: {
    level: 'info',
    says: 'A token was revoked.',
    fields: { peer, client, user, grant, tokenId, cause: 'why, where it was not the program itself' },
  },
  grantRevoked: {
    level: 'info',
    says: 'A grant was ended with every token of it.',
    fields: { peer, client, user, grant, cause: 'why' },
  },
  personEnded: {
    level: 'warn',
    says: 'A person’s access was ended: grants, refresh tokens, browser sessions and the access tokens issued until then.',
    fields: {
      user,
      issuer: identityProvider,
      cause: why,
      grants,
      browserSessions,
      disabled: '`true` where they cannot sign in again until enabled',
    },
  },
  personEnabled: {
    level: 'info',
    says: 'A person who was disabled may sign in again.',
    fields: { user, issuer: identityProvider, cause: why },
  },
  idpSessionEnded: {
    level: 'info',
    says: 'What came from one session at the identity provider was ended.',
    fields: { user, issuer: identityProvider, cause: why, grants, browserSessions },
  },
  clientEnded: {
    level: 'warn',
    says: 'Every grant and token of a client was ended.',
    fields: { client, cause: why, grants },
  },
  signalReceived: {
    level: 'info',
    says: 'Word of an end came from outside and was believed.',
    fields: {
      peer,
      via,
      issuer: 'who sent it',
      signal: 'what it says: last part of the event type',
      signalId: '`jti` of the event',
      outcome:
        '`ended`, `enabled`, `nobody` (it names nobody known here), `noted` (nothing to do) or `repeated` (seen before)',
    },
  },
  signalRefused: {
    level: 'warn',
    says: 'Word of an end came from outside and was not believed.',
    fields: { peer, via, issuer: 'who it says it is from', code, reason },
  },
  signalSourceDown: {
    level: 'error',
    says: 'A transmitter of signals cannot be asked; ends it knows of are not heard.',
    fields: { issuer: 'transmitter', reason },
  },
  signalSourceUp: {
    level: 'info',
    says: 'A transmitter of signals can be asked again.',
    fields: { issuer: 'transmitter' },
  },
  signedOut: { level: 'info', says: 'A person ended their browser session.', fields: { peer, client, user } },
  clientRefused: {
    level: 'warn',
    says: 'A request of an OAuth client was refused.',
    fields: { peer, client, error: 'OAuth error code', reason },
  },
  identityProviderDown: {
    level: 'error',
    says: 'The identity provider cannot be used; nobody new can sign in.',
    fields: { issuer: 'identity provider', reason },
  },
  identityProviderUp: {
    level: 'info',
    says: 'The identity provider can be used again.',
    fields: { issuer: 'identity provider' },
  },

  administrationUsed: {
    level: 'info',
    says: 'Somebody ended or gave back access over the local administration socket.',
    fields: {
      action: '`end-session`, `end-grant`, `end-client`, `end-person`, `disable-person` or `enable-person`',
      target: 'session id, handle of the grant, `client_id` or address',
      cause: 'why, in the words of who did it',
      found: 'whether anything by that name was known',
      grants: 'number of grants ended',
      sessions: 'number of sessions ended',
    },
  },

  started: {
    level: 'info',
    says: 'Postern takes mail.',
    fields: { version: 'version of Postern', issuer: 'its OAuth issuer', listeners: 'where it listens' },
  },
  stopping: {
    level: 'info',
    says: 'Postern is stopping: nothing new is taken.',
    fields: { cause: 'signal or fault' },
  },
  stopped: {
    level: 'info',
    says: 'Postern has stopped.',
    fields: { milliseconds: 'how long the stop took' },
  },
  keyRotated: {
    level: 'info',
    says: 'A new signing key was made.',
    fields: { keyId: '`kid` of the new key' },
  },
  dangerousSetting: {
    level: 'warn',
    says: 'A setting weakens protection; told at every start.',
    fields: { path: 'where it stands in the configuration', risk: 'what it opens' },
  },
  fault: {
    level: 'error',
    says: 'Something nobody expected; please report it.',
    fields: { where: 'part of the program', error: 'type, message, code, stack and causes', session },
  },
  refusalsSuppressed: {
    level: 'warn',
    says: 'One peer caused so many refusals in a second that some lines were left out; the metrics count all.',
    fields: { peer: 'address, or network of an IPv6 address', lines: 'lines left out' },
  },
};
