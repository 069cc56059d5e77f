// Owns how grants and browser sessions are found and ended in the store when trust ends from outside of the OAuth server.

import type { ConsentMemory } from '../interaction/consents.ts';
import { MODELS_OF_A_GRANT } from '../provider/adapter.ts';
import type { ArtifactMark, ArtifactStore, ListedArtifact } from '../stores.ts';
import { GRANT_ORIGIN, SESSION_ORIGIN } from './origins.ts';
import type { AccessRevocations } from './revocations.ts';

/** Rows held in memory at once, however many a client has. */
const PAGE = 200;

export interface StoredGrant {
  /** Id of its row. */
  readonly id: string;
  readonly grantId: string | undefined;
  /** See token-id.ts. */
  readonly handle: string;
  readonly accountId: string | undefined;
  readonly clientId: string | undefined;
  /** Whether the person allowed it to go on without them (`offline_access`). */
  readonly isOffline: boolean;
}

export interface StoredAccess {
  /** The grants with a mark; those that are ended meanwhile do not disturb the listing. */
  grants(mark: ArtifactMark): AsyncIterable<StoredGrant>;
  /** The grants that were given in a session at the identity provider. */
  grantsFrom(idpSession: string): AsyncIterable<StoredGrant>;
  /** Whether it is known from which session at the identity provider a grant comes. */
  hasOrigin(grant: StoredGrant): Promise<boolean>;
  /**
   * Ends grants, but those to be spared, and returns the ended ones. `forget`: the program is not remembered, and the person
   * will be asked anew.
   */
  endGrants(grants: AsyncIterable<StoredGrant>, how: HowToEnd): Promise<readonly StoredGrant[]>;
  /** Ends the browser sessions of a person; returns how many. */
  endBrowserSessions(accountId: string): Promise<number>;
  /** Ends the browser sessions from a session at the identity provider; returns whose they were. */
  endBrowserSessionsFrom(idpSession: string): Promise<readonly string[]>;
}

export interface HowToEnd {
  readonly cause: string;
  readonly forget: boolean;
  readonly spare?: (grant: StoredGrant) => boolean | Promise<boolean>;
}

export function createStoredAccess(options: {
  readonly artifacts: ArtifactStore;
  readonly revocations: Pick<AccessRevocations, 'revokeGrant'>;
  readonly consents: Pick<ConsentMemory, 'forget'>;
  readonly now: () => number;
}): StoredAccess {
  const { artifacts, revocations, consents, now } = options;
  const seconds = () => Math.floor(now() / 1000);

  async function* listed(model: string, mark: ArtifactMark): AsyncGenerator<ListedArtifact> {
    let after = '';
    for (;;) {
      const rows = await artifacts.list(model, mark, { now: seconds(), after, limit: PAGE });
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      after = last.id;
    }
  }

  async function endGrant({ id, grantId, handle }: StoredGrant, cause: string): Promise<void> {
    // The access tokens first, for they are at work.
    await revocations.revokeGrant(handle, cause);
    // Then the grant: without it neither a code nor a refresh token is good for anything.
    await artifacts.remove('Grant', id);
    if (grantId !== undefined) {
      for (const model of MODELS_OF_A_GRANT) await artifacts.removeByGrant(model, grantId);
    }
    await artifacts.remove(GRANT_ORIGIN, id);
  }

  return {
    async *grants(mark) {
      for await (const row of listed('Grant', mark)) yield grantOf(row);
    },
    async *grantsFrom(idpSession) {
      for await (const { id } of listed(GRANT_ORIGIN, { idpSession })) {
        const row = await artifacts.find('Grant', id, seconds());
        if (row === undefined) await artifacts.remove(GRANT_ORIGIN, id);
        else yield grantOf({ ...row, id });
      }
    },
    hasOrigin: async ({ id }) => (await artifacts.find(GRANT_ORIGIN, id, seconds())) !== undefined,
    async endGrants(grants, { cause, forget, spare }) {
      const ended: StoredGrant[] = [];
      for await (const grant of grants) {
        if (await spare?.(grant)) continue;
        await endGrant(grant, cause);
        const { accountId, clientId } = grant;
        if (forget && accountId !== undefined && clientId !== undefined) {
          await consents.forget(accountId, clientId);
        }
        ended.push(grant);
      }
      return ended;
    },
    async endBrowserSessions(accountId) {
      let count = 0;
      for await (const { id } of listed('Session', { accountId })) {
        await artifacts.remove('Session', id);
        count += 1;
      }
      return count;
    },
    async endBrowserSessionsFrom(idpSession) {
      const people: string[] = [];
      // Its origin stays, until it expires: a request that is under way may write the browser session again.
      for await (const { id: uid } of listed(SESSION_ORIGIN, { idpSession })) {
        for await (const { id, accountId } of listed('Session', { uid })) {
          await artifacts.remove('Session', id);
          if (accountId !== undefined) people.push(accountId);
        }
      }
      return people;
    },
  };
}

function grantOf({ id, grantId, accountId, clientId, payload }: ListedArtifact): StoredGrant {
  const { openid } = JSON.parse(payload) as { openid?: { scope?: string } };
  const isOffline = openid?.scope?.split(' ').includes('offline_access') === true;
  return { id, grantId, handle: id.slice(0, 16), accountId, clientId, isOffline };
}
