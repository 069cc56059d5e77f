// Owns the end of a person's access and of one of their sessions at the identity provider.

import type { Account } from '../../token/account.ts';
import type { Access, AccessParts, Ended, PersonReference } from './access.ts';
import type { StoredGrant } from './grants.ts';
import { idpSessionKey } from './origins.ts';

export const NOTHING_ENDED: Ended = { known: false, people: 0, grants: 0, browserSessions: 0 };

type EndOfPerson = Parameters<Access['endPerson']>[1];
type EndOfSession = Parameters<Access['endIdpSession']>[1];

export async function endPerson(parts: AccessParts, who: PersonReference, end: EndOfPerson): Promise<Ended> {
  const accounts = await accountsOf(parts, who);
  if (accounts.length === 0) return endStranger(parts, who, end);
  let all = NOTHING_ENDED;
  for (const account of accounts) all = sum(all, await endAccount(parts, account, end));
  return all;
}

export async function enablePerson(
  parts: AccessParts,
  who: PersonReference,
  { cause, by }: Parameters<Access['enablePerson']>[1],
): Promise<Ended> {
  const accounts = await accountsOf(parts, who);
  let people = 0;
  for (const account of accounts) {
    if (!(await parts.disabledBy.enable(account.id, by))) continue;
    people += 1;
    parts.events.personEnabled({ user: nameOf(account), issuer: account.idpIssuer, cause });
  }
  return { ...NOTHING_ENDED, known: accounts.length > 0, people };
}

export async function endIdpSession(
  parts: AccessParts,
  { idpIssuer, sid, idpSubject }: Parameters<Access['endIdpSession']>[0],
  end: EndOfSession,
): Promise<Ended> {
  const { stored, revocations, accounts, events, origins } = parts;
  const { cause } = end;
  await origins.rememberEnd({ idpIssuer, sid });
  const key = idpSessionKey({ idpIssuer, sid });
  const how = { cause, forget: false };
  const ended = await stored.endGrants(stored.grantsFrom(key), { ...how, spare: isSpared(end) });
  const signedOut = await stored.endBrowserSessionsFrom(key);
  const [accountId] = [...signedOut, ...ended.map((grant) => grant.accountId)];
  const account = accountId === undefined ? undefined : await accounts.find(accountId);
  const subject = idpSubject ?? account?.idpSubject;
  // The identity provider's own tokens do not tell us their session.
  const isTrusted = subject !== undefined && revocations.trusts(idpIssuer) && end.spareOffline !== true;
  if (isTrusted) await revocations.revokeSubject(idpIssuer, subject, cause);
  const unmarked = idpSubject === undefined ? [] : await endUnmarked(parts, { idpIssuer, idpSubject }, end);

  const counts = { grants: ended.length + unmarked.length, browserSessions: signedOut.length };
  if (!isTrusted && counts.grants + counts.browserSessions === 0) return NOTHING_ENDED;
  events.idpSessionEnded({ user: account && nameOf(account), issuer: idpIssuer, cause, ...counts });
  return { known: true, people: 1, ...counts };
}

async function accountsOf({ accounts }: AccessParts, who: PersonReference): Promise<readonly Account[]> {
  if ('address' in who) return accounts.findByAddress(who.address);
  const one =
    'accountId' in who
      ? await accounts.find(who.accountId)
      : await accounts.findByPerson(who.idpIssuer, who.idpSubject);
  return one === undefined ? [] : [one];
}

/** Live tokens first, then whatever would make new ones. */
async function endAccount(parts: AccessParts, account: Account, end: EndOfPerson): Promise<Ended> {
  const { stored, revocations, disabledBy, events, issuer } = parts;
  const { cause, disable = false, spareOffline = false } = end;
  const { id, idpIssuer, idpSubject } = account;
  if (!spareOffline) {
    await revocations.revokeSubject(issuer, id, cause);
    if (revocations.trusts(idpIssuer)) await revocations.revokeSubject(idpIssuer, idpSubject, cause);
  }
  if (disable) await disabledBy.disable(id, end.by);
  const browserSessions = await stored.endBrowserSessions(id);
  const how = { cause, forget: !spareOffline, spare: isSpared(end) };
  const { length: grants } = await stored.endGrants(stored.grants({ accountId: id }), how);
  events.personEnded({
    user: nameOf(account),
    issuer: idpIssuer,
    cause,
    grants,
    browserSessions,
    disabled: disable,
  });
  return { known: true, people: 1, grants, browserSessions };
}

/** Somebody who never signed in here may still hold the identity provider's own tokens. */
async function endStranger(parts: AccessParts, who: PersonReference, { cause }: EndOfPerson): Promise<Ended> {
  if (!('idpSubject' in who) || !parts.revocations.trusts(who.idpIssuer)) return NOTHING_ENDED;
  const { idpIssuer: issuer, idpSubject: user } = who;
  await parts.revocations.revokeSubject(issuer, user, cause);
  const counts = { grants: 0, browserSessions: 0 };
  parts.events.personEnded({ user, issuer, cause, ...counts, disabled: false });
  return { known: true, people: 1, ...counts };
}

/** The grants of a person from sign-ins at which the identity provider named no session: any of them may be the one. */
async function endUnmarked(
  { stored, accounts }: AccessParts,
  who: { readonly idpIssuer: string; readonly idpSubject: string },
  end: EndOfSession,
): Promise<readonly StoredGrant[]> {
  const account = await accounts.findByPerson(who.idpIssuer, who.idpSubject);
  if (account === undefined) return [];
  const spare = async (grant: StoredGrant) => isSpared(end)(grant) || (await stored.hasOrigin(grant));
  const grants = stored.grants({ accountId: account.id });
  return stored.endGrants(grants, { cause: end.cause, forget: false, spare });
}

function isSpared({ spareOffline = false }: { readonly spareOffline?: boolean }) {
  return ({ isOffline }: StoredGrant) => spareOffline && isOffline;
}

function nameOf(account: Account): string {
  return account.addresses[0] ?? account.id;
}

function sum(one: Ended, other: Ended): Ended {
  return {
    known: one.known || other.known,
    people: one.people + other.people,
    grants: one.grants + other.grants,
    browserSessions: one.browserSessions + other.browserSessions,
  };
}
