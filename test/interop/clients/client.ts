// What a test asks of any mail client, and what it learns: one shape for all of them.

import type { MechanismName } from '../../../src/sasl/mechanism.ts';
import type { Letter } from '../letter.ts';

export interface Attempt {
  /** Port on `localhost`. */
  readonly port: number;
  readonly tls: 'starttls' | 'implicit';
  /** PEM file of the authority to trust. */
  readonly ca: string;
  readonly user: string;
  readonly token: string;
  readonly mechanism: MechanismName;
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  readonly letter: Letter;
  /** Where the client's own files go. */
  readonly folder: string;
}

export interface Outcome {
  /** The client says that it was delivered to everyone. */
  readonly delivered: boolean;
  /** Everything the client said, with its trace of the dialogue where it has one. */
  readonly told: string;
  /** The message as it says that it has sent it, where it writes it itself and tells. */
  readonly sent?: Buffer;
}

export interface MailClient {
  readonly name: string;
  /** The mechanisms that can be asked for. */
  readonly mechanisms: readonly MechanismName[];
  /** Those whose failure challenge makes it hang up, before the 535. */
  readonly hangsUpAtChallenge?: readonly MechanismName[];
  submit(attempt: Attempt): Promise<Outcome>;
}

/** Every client with each of these mechanisms that it can be asked for, on both ports. */
export function waysOf(
  clients: readonly MailClient[],
  mechanisms: readonly MechanismName[] = ['OAUTHBEARER', 'XOAUTH2'],
) {
  return clients.flatMap((client) =>
    client.mechanisms
      .filter((mechanism) => mechanisms.includes(mechanism))
      .flatMap((mechanism) =>
        (['starttls', 'implicit'] as const).map((tls) => ({ name: client.name, client, mechanism, tls })),
      ),
  );
}

/** The failure challenges in a client's trace, decoded: the JSON objects of RFC 7628 §3.2.2 and of Google's XOAUTH2. */
export function challengesIn(told: string): unknown[] {
  return [...told.matchAll(/334[ -]?(eyJ[A-Za-z0-9+/=]+)/g)].map(([, text = '']) =>
    JSON.parse(Buffer.from(text, 'base64').toString()),
  );
}
