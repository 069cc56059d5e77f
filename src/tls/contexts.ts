// Owns the TLS contexts of the listeners: made of certificates, settings and ticket keys, made anew when one of them changes.

import { constants, createHash } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Certificates } from './certificates.ts';
import { cipherList } from './ciphers.ts';
import type { Pair } from './pair.ts';
import type { TlsSettings } from './settings.ts';
import type { TicketKeys } from './ticket-keys.ts';

export interface ServerContexts {
  /** With which the handshake of every connection begins; asked for anew for each. */
  current(): SecureContext;
  /** For the SNICallback; undefined: the current one will do. */
  forName(serverName: string): SecureContext | undefined;
}

/** For listeners that ask for no client certificate. */
export interface TlsContexts extends ServerContexts {
  /**
   * For listeners that ask for a client certificate. Their sessions are never resumed: Node calls a resumed session of TLS 1.3
   * authorized even where the client never showed a certificate, and one that was revoked or has expired meanwhile would not
   * be looked at again. Undefined where there are no `clientAuthorities`.
   */
  readonly askingClients: ServerContexts | undefined;
  /** What an engine needs that makes a context of its own before it takes one of these. */
  readonly options: EngineTlsOptions;
  close(): void;
}

export interface EngineTlsOptions {
  readonly cert: string;
  readonly key: string;
  readonly minVersion: TlsSettings['minVersion'];
  readonly ciphers: string;
  readonly honorCipherOrder: true;
  readonly secureOptions: number;
}

export function createTlsContexts(options: {
  readonly settings: Partial<Pick<TlsSettings, 'minVersion' | 'ciphers'>>;
  readonly certificates: Certificates;
  readonly ticketKeys: TicketKeys;
}): TlsContexts {
  const { settings, certificates, ticketKeys } = options;
  let plain: ContextSet;
  let asking: ContextSet | undefined;

  function build(): void {
    const common = commonOptions(settings);
    const authorities = certificates.authorities();
    // `ca` is never left out: Node would trust every public authority instead. `sessionIdContext` is: should a listener ask for
    // client certificates with these by mistake, OpenSSL refuses to resume a session instead of believing in it.
    plain = makeSet(certificates, (pair) => ticketKeys.makeContext({ ...common, ...shown(pair), ca: [] }));
    asking =
      authorities === undefined
        ? undefined
        : makeSet(certificates, (pair) =>
            createSecureContext({
              ...common,
              ...shown(pair),
              ca: authorities,
              secureOptions: common.secureOptions | constants.SSL_OP_NO_TICKET,
              sessionIdContext: sessionIdContext(authorities),
            }),
          );
  }

  build();
  const deaf = [certificates.onChange(build), ticketKeys.onChange(build)];

  return {
    current: () => plain.first,
    forName: (serverName) => choose(plain, serverName),
    askingClients:
      asking === undefined
        ? undefined
        : {
            current: () => (asking as ContextSet).first,
            forName: (serverName) => choose(asking as ContextSet, serverName),
          },
    get options() {
      return { ...commonOptions(settings), ...shown(certificates.first()) };
    },
    close() {
      for (const end of deaf) end();
    },
  };

  function choose({ byPair }: ContextSet, serverName: string): SecureContext | undefined {
    const pair = certificates.forName(serverName);
    return pair === undefined ? undefined : byPair.get(pair);
  }
}

interface ContextSet {
  readonly first: SecureContext;
  readonly byPair: ReadonlyMap<Pair, SecureContext>;
}

function makeSet(certificates: Certificates, make: (pair: Pair) => SecureContext): ContextSet {
  const byPair = new Map(certificates.all().map((pair) => [pair, make(pair)]));
  return { first: byPair.get(certificates.first()) as SecureContext, byPair };
}

function shown({ certificate, key }: Pair): { cert: string; key: string } {
  return { cert: certificate, key };
}

function commonOptions(settings: Partial<Pick<TlsSettings, 'minVersion' | 'ciphers'>>) {
  return {
    minVersion: settings.minVersion ?? 'TLSv1.2',
    ciphers: cipherList(settings.ciphers),
    honorCipherOrder: true,
    // Of no use to a mail client, costly to a server; and the engine takes a second handshake for a new connection's.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  } satisfies SecureContextOptions;
}

/** SSL_CTX_set_session_id_context(3): only for contexts of one name a session is the same. Those above have none, see there. */
function sessionIdContext(authorities: string): string {
  return createHash('sha256').update(`postern ${authorities}`).digest('hex').slice(0, 32);
}
