// Owns what the events of the mail client’s door mean, and what their fields say.

import {
  type Catalogue,
  client,
  code,
  mechanism,
  peer,
  reason,
  session,
  tokenId,
  upstream,
  upstreamReply,
  user,
} from './catalogue-words.ts';
import type { SubmissionEventFields } from './event-fields.ts';

export const SUBMISSION_EVENTS: Catalogue<SubmissionEventFields> = {
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
      upstream,
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
      upstream,
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
  proxyRefused: {
    level: 'warn',
    says: 'A load balancer of `proxyProtocol.from` connected without a valid PROXY header.',
    fields: { peer, reason },
  },
  recheckFailed: {
    level: 'error',
    says: 'An issuer cannot be asked whether tokens of live sessions are still good; told once a minute.',
    fields: { issuer: 'issuer of the tokens', reason },
  },
  upstreamDown: {
    level: 'error',
    says: 'An upstream cannot be used; mail goes to others, or is deferred.',
    fields: { upstream, reason },
  },
  upstreamTokenTrouble: {
    level: 'warn',
    says: 'An access token for an upstream could not be renewed, or a new refresh token not be written; mail still goes by the old one.',
    fields: { upstream, reason },
  },
  upstreamUp: { level: 'info', says: 'An upstream can be used again.', fields: { upstream } },
};
