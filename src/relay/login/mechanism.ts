// Owns what is said in each mechanism, and which of those that the upstream offers is taken.

import { type Refusal, refuse } from '../../refusal.ts';
import type { Secret } from '../../setting.ts';
import type { LoginSettings } from '../login-settings.ts';
import { afterFailure, type TokenMechanism, toBase64, tokenMessage } from './token-words.ts';

/** One mechanism with what is said in it. */
export interface SignIn {
  readonly mechanism: string;
  /** For the journal: as whom. */
  readonly user: string;
  /** The client's messages in their order, in base64. */
  readonly messages: readonly string[];
  /** Whether the first of them may stand in the AUTH command (RFC 4954 §4). */
  readonly startsAtOnce: boolean;
  /** As it stands on the wire: the answer to a challenge after the last message, which asks for the final reply. */
  readonly lastWord?: string;
  /** What the upstream may echo and the journal must not hold, besides `messages`. */
  readonly secrets: readonly Secret[];
}

/** The mechanisms that an EHLO keyword AUTH lists, in upper case; none where there is no such keyword. */
export function offeredMechanisms(keywords: ReadonlyMap<string, string>): string[] {
  return [...new Set((keywords.get('AUTH') ?? '').toUpperCase().split(/[\s=]+/))].filter(Boolean);
}

export function choosePassword(offered: readonly string[], login: LoginSettings): SignIn | Refusal {
  const wanted = login.mechanism ? [login.mechanism] : (['PLAIN', 'LOGIN'] as const);
  const mechanism = wanted.find((each) => offered.includes(each));
  const { user, password } = login;
  if (!mechanism) return nothingInCommon(offered, wanted, 'login.mechanism');
  // RFC 4616 §2: a NUL would end the user name early and be taken for another one's.
  if (/\0/.test(user + password.reveal())) return refuse('upstream-login', 'login: a NUL can’t be sent');
  const said =
    mechanism === 'PLAIN'
      ? // Without an authorization identity: that of the user.
        { messages: [toBase64(`\0${user}\0${password.reveal()}`)], startsAtOnce: true }
      : { messages: [toBase64(user), toBase64(password.reveal())], startsAtOnce: false };
  return { mechanism, user, ...said, secrets: [password] };
}

export function chooseToken(
  offered: readonly string[],
  { wanted, mailbox }: { wanted: TokenMechanism | undefined; mailbox: string },
): TokenMechanism | Refusal {
  const order: readonly TokenMechanism[] = wanted ? [wanted] : ['OAUTHBEARER', 'XOAUTH2'];
  // A control character would begin another field of the message: a second `auth=`, or another user.
  if (mailbox === '' || UNSPEAKABLE.test(mailbox))
    return refuse(
      'upstream-login',
      'there is no mailbox to sign in to, or its name holds control characters',
    );
  return order.find((each) => offered.includes(each)) ?? nothingInCommon(offered, order, 'oauth.mechanism');
}

export function withToken(
  mechanism: TokenMechanism,
  { mailbox, token }: { mailbox: string; token: Secret },
): SignIn | Refusal {
  if (token.reveal() === '' || /[^\x21-\x7e]/.test(token.reveal()))
    return refuse('upstream-login', 'the access token holds characters that none may hold (RFC 6750 §2.1)');
  return {
    mechanism,
    user: mailbox,
    messages: [toBase64(tokenMessage(mechanism, { mailbox, token }))],
    startsAtOnce: true,
    lastWord: afterFailure(mechanism),
    secrets: [token],
  };
}

/** RFC 4422 appendix A: an empty message asks for the identity that the certificate stands for. */
export function chooseCertificate(offered: readonly string[]): SignIn | Refusal {
  if (!offered.includes('EXTERNAL')) return nothingInCommon(offered, ['EXTERNAL'], undefined);
  return {
    mechanism: 'EXTERNAL',
    user: 'the client certificate',
    messages: [''],
    startsAtOnce: true,
    lastWord: '',
    secrets: [],
  };
}

const UNSPEAKABLE = /[\x00-\x1f\x7f]/;

function nothingInCommon(
  offered: readonly string[],
  wanted: readonly string[],
  setting: string | undefined,
): Refusal {
  const list = offered.map((name) => name.replace(/[^A-Z0-9_-]/g, '?').slice(0, 20)).slice(0, 20);
  const has = (...names: string[]): boolean => names.some((name) => offered.includes(name));
  const offers = list.length === 0 ? 'no AUTH at all' : `AUTH ${list.join(' ')}`;
  return refuse('upstream-login', `upstream offers ${offers}, not ${wanted.join(' or ')}; ${advice()}`);

  function advice(): string {
    if (offered.length === 0)
      return 'it may take sign-ins on another port (587, 465) or only over TLS, or need none';
    if (wanted.includes('EXTERNAL'))
      return 'it did not ask for a client certificate or did not believe it, or takes that alone: set `clientCertificate.login: false`';
    const ours = setting === 'login.mechanism' ? ['PLAIN', 'LOGIN'] : ['OAUTHBEARER', 'XOAUTH2'];
    if (has(...ours)) return `set \`${setting}\` to one of those, or leave it out`;
    if (has('OAUTHBEARER', 'XOAUTH2')) return 'it takes access tokens: set `oauth` in place of `login`';
    if (has('PLAIN', 'LOGIN')) return 'it takes a password: set `login` in place of `oauth`';
    if (has('EXTERNAL')) return 'it takes a client certificate: set `clientCertificate` with `login: true`';
    return 'one of these must be switched on there';
  }
}
