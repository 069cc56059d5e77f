// Owns what a person allowed a program: asked once, remembered until the grant lifetime is over.
//
// RFC 8252 §8.6 would have the person asked each time, as another program may pose as a native client. Here a consent is
// remembered all the same (mail clients come back often, and a page seen daily is no longer read), within limits: it needs
// the person's own browser session, it holds for no more than the page said (scopes, addresses, kind of place the answer
// goes to), and it ends when a grant of it is revoked. PKCE is no help here: who begins the request has the verifier.
//
// Two ways that no mail program takes are shut (`mayBeForged` in provider/grants.ts): a page of another site that has the browser
// bring a code to where somebody else listens (another user of the same computer on a port of it, an app with the same scheme),
// and `prompt=none`, with which nobody sees that anything was asked. There the person is asked, or the answer is
// `consent_required`. What is left is whoever can open the person's browser from outside it: a program that runs as the person,
// and could read the mail program's own tokens; a link in a mail, on a computer with somebody else's listener.

import type { ArtifactStore } from '../stores.ts';

const MODEL = 'Consent';

/** One line of what the consent page said. */
export type ConsentItem = `scope ${string}` | `address ${string}` | `target ${string}`;

export interface ConsentMemory {
  /** Until when all of it is allowed, in seconds since the epoch; undefined where the person must be asked. */
  recall(accountId: string, clientId: string, items: readonly ConsentItem[]): Promise<number | undefined>;
  /** Adds to what was allowed before; returns until when, in seconds since the epoch. */
  remember(accountId: string, clientId: string, items: readonly ConsentItem[]): Promise<number>;
  forget(accountId: string, clientId: string): Promise<void>;
}

export function consentItems(said: {
  readonly scopes: Iterable<string>;
  readonly addresses: readonly string[];
  readonly target: string;
}): ConsentItem[] {
  return [
    ...[...said.scopes].map((scope) => `scope ${scope}` as const),
    ...said.addresses.map((address) => `address ${address}` as const),
    `target ${said.target}`,
  ];
}

export function createConsentMemory(options: {
  readonly artifacts: ArtifactStore;
  /** Milliseconds. */
  readonly lifetime: number;
}): ConsentMemory {
  const { artifacts, lifetime } = options;

  /** Each item with the second until which it is allowed. */
  async function read(id: string): Promise<Map<string, number>> {
    const artifact = await artifacts.find(MODEL, id, seconds());
    const entries = artifact === undefined ? [] : (JSON.parse(artifact.payload) as [string, number][]);
    return new Map(entries.filter(([, until]) => until > seconds()));
  }

  return {
    async recall(accountId, clientId, items) {
      const allowed = await read(rowId(accountId, clientId));
      const ends = items.map((item) => allowed.get(item) ?? 0);
      const until = Math.min(...ends);
      return until > seconds() ? until : undefined;
    },
    async remember(accountId, clientId, items) {
      const id = rowId(accountId, clientId);
      const until = seconds() + Math.floor(lifetime / 1000);
      const allowed = await read(id);
      for (const item of items) allowed.set(item, until);
      await artifacts.put(MODEL, id, {
        payload: JSON.stringify([...allowed]),
        grantId: undefined,
        uid: undefined,
        userCode: undefined,
        expiresAt: until,
      });
      return until;
    },
    async forget(accountId, clientId) {
      await artifacts.remove(MODEL, rowId(accountId, clientId));
    },
  };
}

// An account id holds no colon.
function rowId(accountId: string, clientId: string): string {
  return `${accountId}:${clientId}`;
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
