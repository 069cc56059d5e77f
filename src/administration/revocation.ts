// Owns the order of an act: access ends at its source first, then the sessions that still live on it.

import type { AccessControl, AdministrationDoor, Ended, LiveSession } from './door.ts';
import {
  type ActResult,
  type EnableRequest,
  isOfPerson,
  type RevokeRequest,
  type Target,
} from './messages.ts';

type Parts = Pick<AdministrationDoor, 'sessions' | 'access'>;

export async function revoke(target: Target, request: RevokeRequest, parts: Parts): Promise<ActResult> {
  const { cause, disable } = request;
  const concerned = async (): Promise<LiveSession[]> =>
    (await parts.sessions.list()).filter((session) => concerns(target, session));

  const before = await concerned();
  const ended = await endAccess({ target, request, access: parts.access });
  // Asked again, so that a session that began meanwhile is not left. The revocation may have reached them all by now, but
  // not those with the token of another issuer, which knows no grant here.
  const left = await concerned();
  if (target.kind !== 'session')
    await Promise.all(left.map((session) => endForeignToken(session, cause, parts)));
  await Promise.all(left.map(({ id }) => parts.sessions.end(id, cause)));
  const sessions = [...new Map([...left, ...before].map((session) => [session.id, session])).values()];
  return {
    action: disable === true ? 'disable-person' : (`end-${target.kind}` as const),
    target: target.name,
    found: ended.known || sessions.length > 0,
    isKnown: target.kind === 'session' ? sessions.length > 0 : ended.known,
    grants: ended.grants,
    sessions,
  };
}

export async function enable({ person, cause }: EnableRequest, parts: Parts): Promise<ActResult> {
  const { known, grants } = await parts.access.enablePerson({ address: person }, { cause });
  return { action: 'enable-person', target: person, found: known, isKnown: known, grants, sessions: [] };
}

function concerns({ kind, name }: Target, session: LiveSession): boolean {
  switch (kind) {
    case 'session':
      return session.id === name;
    case 'grant':
      return session.grant === name;
    case 'client':
      return session.client === name;
    case 'person':
      return isOfPerson(session, name);
  }
}

async function endAccess(given: {
  target: Target;
  request: RevokeRequest;
  access: AccessControl;
}): Promise<Ended> {
  const { target, request, access } = given;
  const { cause } = request;
  switch (target.kind) {
    case 'session':
      return { known: false, grants: 0 };
    case 'grant':
      return access.endGrant(target.name, { cause });
    case 'client':
      return access.endClient(target.name, { cause });
    case 'person':
      return access.endPerson(
        { address: target.name },
        request.disable === true ? { cause, disable: true } : { cause },
      );
  }
}

async function endForeignToken(
  { grant, issuer, tokenId }: LiveSession,
  cause: string,
  { access }: Parts,
): Promise<void> {
  if (grant === undefined && tokenId !== undefined) await access.endToken({ issuer, tokenId }, { cause });
}
