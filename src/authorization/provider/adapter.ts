// Owns the mapping between the OAuth server's models and the ArtifactStore, and what must happen when a grant ends.

import { createHash } from 'node:crypto';
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type { Artifact, ArtifactStore } from '../stores.ts';
import type { RefreshGrace } from './refresh-grace.ts';

/** What a grant has brought forth and takes with it. */
export const MODELS_OF_A_GRANT = ['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'AccessToken'];

/** A grant that was taken back before its time. */
export interface EndedGrant {
  readonly grantId: string;
  /** Undefined where the grant had expired already. */
  readonly accountId: string | undefined;
  readonly clientId: string | undefined;
}

export interface AdapterOptions {
  readonly artifacts: ArtifactStore;
  /** Called first, and waited for: the access tokens of the grant live outside the store. */
  readonly onGrantEnded: (ended: EndedGrant) => Promise<void>;
  /** Whether what is looked up now was named by a page of ours, and not by a program. */
  readonly isOwnPage: () => boolean;
  /** Finds a client that is not configured; none is ever stored. */
  readonly findClient: (clientId: string) => Promise<AdapterPayload | undefined>;
  readonly refresh: {
    readonly grace: RefreshGrace;
    /** Whether what is looked up now is to be exchanged, and not asked about or revoked. */
    readonly isUnderWay: () => boolean;
    /** The refresh token in whose place one is kept now. */
    readonly replaces: () => string | undefined;
    readonly onRepeated: () => void;
  };
}

/** One adapter per model, as the OAuth server asks for them by name. */
export function createAdapterFactory(options: AdapterOptions): (model: string) => Adapter {
  return (model) => {
    const adapter = new ArtifactAdapter(model, options);
    return model === 'Client' ? Object.assign(adapter, { find: options.findClient }) : adapter;
  };
}

class ArtifactAdapter implements Adapter {
  readonly #model: string;
  readonly #artifacts: ArtifactStore;
  readonly #onGrantEnded: AdapterOptions['onGrantEnded'];
  readonly #isOwnPage: AdapterOptions['isOwnPage'];
  readonly #refresh: AdapterOptions['refresh'];

  constructor(model: string, { artifacts, onGrantEnded, isOwnPage, refresh }: AdapterOptions) {
    this.#model = model;
    this.#artifacts = artifacts;
    this.#onGrantEnded = onGrantEnded;
    this.#isOwnPage = isOwnPage;
    this.#refresh = refresh;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    const row = this.#rowOf(id);
    await this.#artifacts.put(this.#model, row, {
      payload: JSON.stringify({
        ...withoutCredentials(payload),
        ...(payload.userCode !== undefined && { reference: `${REFERENCE}${row}` }),
      }),
      // Its row is found by a digest; the grant's own id leads to what came of it.
      grantId: this.#model === 'Grant' ? id : payload.grantId,
      uid: this.#isRefreshToken ? this.#origin() : payload.uid,
      userCode: payload.userCode,
      accountId: payload.accountId,
      clientId: payload.clientId,
      expiresAt:
        expiresIn === undefined ? undefined : seconds() + expiresIn + (KEPT_LONGER[this.#model] ?? 0),
    });
    if (this.#model === 'ReplayDetection') await this.#claim(row);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    // A copy of the database holds references; as credentials they must be worth nothing.
    if (this.#isReference(id) && !this.#isOwnPage()) return undefined;
    const row = this.#rowOf(id);
    const payload = read(await this.#artifacts.find(this.#model, row, seconds()));
    if (payload?.['consumed'] !== undefined && (await this.#isCovered(row))) delete payload['consumed'];
    return payload && { ...payload, jti: id };
  }

  /** The id is not kept, so what comes back can be read but not saved again; nobody does. */
  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return read(await this.#artifacts.findByUid(this.#model, uid, seconds()));
  }

  /** The page at which a code is entered does save again, so it gets a reference to the row in place of the device code. */
  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const payload = read(await this.#artifacts.findByUserCode(this.#model, userCode, seconds()));
    return payload && { ...payload, jti: String(payload['reference']) };
  }

  /**
   * The OAuth server looks whether a code or refresh token was used, then marks it: two requests at once would both pass.
   * Here one of them loses, and as one of the two may be a thief's (RFC 9700 §4.14.2) the grant ends, but for
   * a refresh token within its grace.
   */
  async consume(id: string): Promise<void> {
    const row = rowId(id);
    const artifact = await this.#artifacts.find(this.#model, row, seconds());
    const isFirst = await this.#artifacts.consume(this.#model, row, seconds());
    if (isFirst ? !(await this.#hasUsedRival(row, artifact)) : await this.#isRepeated(row)) return;
    if (artifact?.grantId !== undefined) await this.#endGrant(artifact.grantId);
    throw new errors.InvalidGrant({ detail: `${USED_AGAIN[this.#model] ?? 'artifact'} already used` });
  }

  async destroy(id: string): Promise<void> {
    if (this.#model === 'Grant') await this.#announceEnd(id);
    await this.#artifacts.remove(this.#model, rowId(id));
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.#artifacts.removeByGrant(this.#model, grantId);
  }

  /** RFC 7523 §3: the OAuth server looks whether an assertion was seen, then notes it: many at once would all pass. */
  async #claim(row: string): Promise<void> {
    if (await this.#artifacts.consume(this.#model, row, seconds())) return;
    throw new errors.InvalidClientAuth('the assertion was used already');
  }

  get #isRefreshToken(): boolean {
    return this.#model === 'RefreshToken';
  }

  #origin(): string | undefined {
    const before = this.#refresh.replaces();
    return before === undefined ? undefined : rowId(before);
  }

  async #isCovered(row: string): Promise<boolean> {
    return this.#isRefreshToken && this.#refresh.isUnderWay() && this.#refresh.grace.covers(row);
  }

  async #isRepeated(row: string): Promise<boolean> {
    if (!this.#isRefreshToken || !(await this.#refresh.grace.repeat(row))) return false;
    this.#refresh.onRepeated();
    return true;
  }

  async #hasUsedRival(row: string, artifact: Pick<Artifact, 'uid'> | undefined): Promise<boolean> {
    return this.#isRefreshToken && artifact !== undefined && this.#refresh.grace.hasUsedRival(row, artifact);
  }

  async #endGrant(grantId: string): Promise<void> {
    await this.#announceEnd(grantId);
    for (const model of MODELS_OF_A_GRANT) await this.#artifacts.removeByGrant(model, grantId);
    await this.#artifacts.remove('Grant', rowId(grantId));
  }

  async #announceEnd(grantId: string): Promise<void> {
    const grant = read(await this.#artifacts.find('Grant', rowId(grantId), seconds()));
    await this.#onGrantEnded({ grantId, accountId: grant?.accountId, clientId: grant?.clientId });
  }

  /** The one model whose rows pages of ours name. */
  #isReference(id: string): boolean {
    return this.#model === 'DeviceCode' && id.startsWith(REFERENCE);
  }

  #rowOf(id: string): string {
    return this.#isReference(id) ? id.slice(REFERENCE.length) : rowId(id);
  }
}

const USED_AGAIN: Readonly<Record<string, string>> = {
  AuthorizationCode: 'authorization code',
  RefreshToken: 'refresh token',
  DeviceCode: 'device code',
};

/** Seconds: a program or person that comes too late is told so (RFC 8628 §3.5, `expired_token`; `token-expired` over SMTP). */
const KEPT_LONGER: Readonly<Record<string, number>> = {
  // Another successor of the same token must find it used, and may be younger by the grace.
  RefreshToken: 900,
  DeviceCode: 900,
  AccessToken: 900,
  ClientCredentials: 900,
};

// Codes, refresh tokens, opaque access tokens and session cookies are credentials, and their text is the id: a copy of the database must not
// hold one (RFC 6819 §5.1.4.1.3). They have 256 random bits, so a plain hash cannot be guessed back.
export function rowId(id: string): string {
  return createHash('sha256').update(id).digest('base64url');
}

// Begins what pages of ours name a row by. No code or token that the OAuth server makes has a colon.
const REFERENCE = 'row:';

/** Without its id, and without the session cookie that an interaction notes. */
function withoutCredentials({ jti: _id, ...payload }: AdapterPayload): AdapterPayload {
  const session: unknown = payload['session'];
  if (typeof session !== 'object' || session === null || !('cookie' in session)) return payload;
  const { cookie: _cookie, ...rest } = session;
  return { ...payload, session: rest } as AdapterPayload;
}

function read(
  artifact: { payload: string; consumedAt: number | undefined } | undefined,
): AdapterPayload | undefined {
  if (artifact === undefined) return undefined;
  const payload = JSON.parse(artifact.payload) as AdapterPayload;
  return artifact.consumedAt === undefined ? payload : { ...payload, consumed: artifact.consumedAt };
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
