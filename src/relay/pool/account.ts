// Owns as whom Postern signs in at an upstream for a message: connections and limits are counted by it.

import { createHash } from 'node:crypto';
import { addressKey } from '../../address.ts';
import { principalName } from '../../principal.ts';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { Secret } from '../../setting.ts';
import { identityOf } from '../announce/announce.ts';
import type { Origin } from '../origin.ts';
import type { UpstreamSettings } from '../settings.ts';

export interface Account {
  /** Messages of the same key go over the same connections. Holds no secret. */
  readonly key: string;
  /** Messages of the same one count against the same limits: a mailbox is one account, whatever opens it. An upstream that is not signed in to is one. */
  readonly limitKey: string;
  /** The mailbox signed in to, where it depends on the message: `user=` of XOAUTH2, the authorization identity of OAUTHBEARER. */
  readonly mailbox: string | undefined;
  /** Who the message is from, for a fair share of the connections. */
  readonly user: string;
  /** The user's own access token, for grants that rest on it. */
  readonly userToken: Secret | undefined;
}

/** Grants that turn the user's own token into the one the upstream gets. */
const BY_USER_TOKEN: ReadonlySet<string> = new Set(['pass-through', 'token-exchange', 'on-behalf-of']);

/** Whether an upstream needs the token that the client has signed in with. */
export function needsUserToken({ oauth }: UpstreamSettings): boolean {
  return oauth !== undefined && BY_USER_TOKEN.has(oauth.grant);
}

/** True where every message goes by one and the same account, which is known without any of them. */
export function hasOneAccount({ oauth }: UpstreamSettings): boolean {
  return oauth === undefined || (oauth.mailbox.includes('@') && !BY_USER_TOKEN.has(oauth.grant));
}

/** The one account of an upstream that has one, for a user; and for none, to ask whether it is there. */
export function oneAccount({ id, settings }: SignedInTo, user: string): Account {
  const { login, oauth, clientCertificate } = settings;
  const name = oauth?.mailbox ?? login?.user ?? (clientCertificate?.login && clientCertificate.certificate);
  return {
    key: '',
    limitKey: name ? limitKeyOf(name) : `\n${id}`,
    mailbox: oauth?.mailbox,
    user,
    userToken: undefined,
  };
}

const limitKeyOf = (name: string): string => addressKey(name) ?? name;

/** @returns `upstream-login` where the upstream needs the user's token and the client was let in without one */
export function accountFor(upstream: SignedInTo, given: Given): Account | Refusal {
  const account = signedInTo(upstream, given);
  const identity = identityOf(given.origin, upstream.settings);
  if (isRefusal(account) || identity === undefined) return account;
  // One that speaks for another client would have to be closed.
  return { ...account, key: `${account.key}\n${identity}` };
}

interface SignedInTo {
  readonly id: string;
  readonly settings: UpstreamSettings;
}

interface Given {
  readonly origin: Origin;
  /** Envelope sender. */
  readonly sender: string;
}

function signedInTo(upstream: SignedInTo, { origin, sender }: Given): Account | Refusal {
  const { principal, token } = origin;
  const user = principal ? `${principal.issuer} ${principal.subject}` : '';
  const { oauth } = upstream.settings;
  if (!oauth || hasOneAccount(upstream.settings)) return oneAccount(upstream, user);
  const name = principal ? principalName(principal) : '';
  const mailbox = oauth.mailbox.includes('@')
    ? oauth.mailbox
    : oauth.mailbox === 'sender' && sender !== ''
      ? sender
      : name;
  const limitKey = limitKeyOf(mailbox);
  const one = { key: limitKey, limitKey, mailbox, user, userToken: undefined };
  if (!BY_USER_TOKEN.has(oauth.grant)) return one;
  if (!token)
    return refuse('upstream-login', 'the upstream wants the user’s own token, and the client has none');
  // A connection lives no longer than the trust it rests on: another token of the same user gets its own.
  const digest = createHash('sha256').update(token.reveal()).digest('base64url');
  return { ...one, key: `${limitKey} ${digest}`, userToken: token };
}
