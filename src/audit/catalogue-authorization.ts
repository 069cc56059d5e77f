// Owns what the events of the browser’s door mean, and what their fields say.

import {
  browserSessions,
  type Catalogue,
  client,
  code,
  grant,
  grants,
  identityProvider,
  peer,
  reason,
  requestedFrom,
  scope,
  tokenId,
  user,
  via,
  why,
} from './catalogue-words.ts';
import type { AuthorizationEventFields } from './event-fields.ts';

export const AUTHORIZATION_EVENTS: Catalogue<AuthorizationEventFields> = {
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
    fields: { peer, client, user, grant, scope, requestedFrom },
  },
  consentDenied: {
    level: 'info',
    says: 'A person did not allow a program to send mail for them.',
    fields: { peer, client, user, scope, requestedFrom },
  },
  deviceGrantStarted: {
    level: 'info',
    says: 'A device without a browser was given a code for a person to enter.',
    fields: { peer: 'address of the device', client, scope },
  },
  deviceGrantRefused: {
    level: 'warn',
    says: 'A person entered the code of a device and refused, before signing in: they may have been asked for it by somebody else.',
    fields: { peer, client, requestedFrom },
  },
  deviceCodesLimited: {
    level: 'warn',
    says: 'More wrong codes were entered at the page for devices than one network or browser may: somebody may be guessing.',
    fields: { peer },
  },
  tokenIssued: {
    level: 'info',
    says: 'An access token was issued.',
    fields: { peer, client, user, grantType: '`grant_type` of the request', grant, tokenId, scope },
  },
  tokenRefreshed: {
    level: 'info',
    says: 'An access token was issued for a refresh token.',
    fields: {
      peer,
      client,
      user,
      grant,
      tokenId,
      scope,
      repeated: 'true where the refresh token had been used a moment ago (`authorization.refreshTokenGrace`)',
    },
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
  clientRegistered: {
    level: 'info',
    says: 'A program registered itself; nothing was stored for it.',
    fields: { peer, client, name: 'name that the program gave itself, not verified' },
  },
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
};
