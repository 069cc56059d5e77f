// The interfaces through which the OAuth server keeps its state; store/ fulfils them.

import type { Account, AccountDirectory } from '../token/account.ts';

/** What a person's sign-in at the identity provider tells. */
export type SignedInPerson = Omit<Account, 'id' | 'disabled'>;

export interface AccountStore extends AccountDirectory {
  /** Finds the account of (idpIssuer, idpSubject) and brings it up to date, or makes one with the given new id. */
  upsert(person: SignedInPerson, newId: string): Promise<Account>;
  findByPerson(idpIssuer: string, idpSubject: string): Promise<Account | undefined>;
  /** Everybody with this mailbox among their addresses; compared as `address.ts` does. */
  findByAddress(address: string): Promise<readonly Account[]>;
  /** Whether that changed anything: false where it was so already, or there is no such account. */
  setDisabled(id: string, disabled: boolean): Promise<boolean>;
}

/** A row of the OAuth server's own models (session, interaction, grant, code, refresh token, …). */
export interface Artifact {
  /** JSON text. */
  readonly payload: string;
  readonly grantId: string | undefined;
  readonly uid: string | undefined;
  readonly userCode: string | undefined;
  /** Whose it is, which client's, and from which session at the identity provider: by these it is found when trust ends. */
  readonly accountId?: string | undefined;
  readonly clientId?: string | undefined;
  readonly idpSession?: string | undefined;
  /** Seconds since the epoch; undefined for rows that do not expire. */
  readonly expiresAt: number | undefined;
  /** Seconds since the epoch. */
  readonly consumedAt: number | undefined;
}

export interface ListedArtifact extends Artifact {
  readonly id: string;
}

/** One thing that rows have in common. */
export type ArtifactMark =
  | { readonly accountId: string }
  | { readonly clientId: string }
  | { readonly idpSession: string }
  | { readonly uid: string }
  /** The first 16 characters of the id. */
  | { readonly idBeginning: string };

/** Keyed by model name and id. Expired rows are not returned. */
export interface ArtifactStore {
  put(model: string, id: string, artifact: Omit<Artifact, 'consumedAt'>): Promise<void>;
  find(model: string, id: string, now: number): Promise<Artifact | undefined>;
  findByUid(model: string, uid: string, now: number): Promise<Artifact | undefined>;
  findByUserCode(model: string, userCode: string, now: number): Promise<Artifact | undefined>;
  /** At most `limit` rows with that mark, in the order of their ids, those after the id `after`. */
  list(
    model: string,
    mark: ArtifactMark,
    page: { readonly now: number; readonly after: string; readonly limit: number },
  ): Promise<readonly ListedArtifact[]>;
  /** Marks as used; false where it was used already or is gone, decided in one statement so that two uses cannot both win. */
  consume(model: string, id: string, now: number): Promise<boolean>;
  remove(model: string, id: string): Promise<void>;
  removeByGrant(model: string, grantId: string): Promise<void>;
  removeExpired(now: number): Promise<number>;
}
