// Owns the table of open-relay probes: each disguise in which a message for strangers has got past a server's relay check.
//
// The disguises are those of nmap's smtp-open-relay script (its 16 tests) and of the MAPS relay test that people reached with
// `telnet relay-test.mail-abuse.org` (quote test and tests 1 to 17); the last few come from how servers read RFC 5321 §4.1.2.

/** What the addresses of a probe are made of. */
export interface RelayWorld {
  /** The server's own name. */
  readonly host: string;
  /** Its address as a domain: `[192.0.2.1]`. */
  readonly literal: string;
  /** The stranger who gets the mail: local part and domain. */
  readonly user: string;
  readonly domain: string;
}

export interface Disguise {
  /** Stable: stands in the JSON. */
  readonly name: string;
  /** The address alone; empty for the empty sender. Only disguises of the sender have one. */
  readonly sender?: (world: RelayWorld) => string;
  /** What stands behind `RCPT TO:`. */
  readonly recipient: (world: RelayWorld) => string;
  /**
   * Where the address could also be read as a mailbox of the server's own: a nonsense mailbox of that kind. A server that takes
   * this one too takes everything there, and proves nothing.
   */
  readonly nonsense?: (world: RelayWorld) => string;
}

const SENDER = 'postern-check';
const NOBODY = 'postern-check-no-such-user';

const stranger = ({ user, domain }: RelayWorld): string => `<${user}@${domain}>`;
const nobodyAtHost = ({ host }: RelayWorld): string => `<${NOBODY}@${host}>`;
const nobodyAtLiteral = ({ literal }: RelayWorld): string => `<${NOBODY}@${literal}>`;
const nobodyLocal = (): string => `<${NOBODY}>`;

/** A stranger in the open; who sends is disguised. Tried in this order. */
export const SENDER_DISGUISES: readonly (Disguise & Required<Pick<Disguise, 'sender'>>)[] = [
  { name: 'none', sender: ({ domain }) => `${SENDER}@${domain}`, recipient: stranger },
  { name: 'empty sender', sender: () => '', recipient: stranger },
  { name: 'sender at the host', sender: ({ host }) => `${SENDER}@${host}`, recipient: stranger },
  { name: 'sender at the address', sender: ({ literal }) => `${SENDER}@${literal}`, recipient: stranger },
  { name: 'sender at localhost', sender: () => `${SENDER}@localhost`, recipient: stranger },
  { name: 'sender without domain', sender: () => SENDER, recipient: stranger },
];

/** Who gets it is disguised; the sender is the first one that the server takes. */
export const RECIPIENT_DISGUISES: readonly Disguise[] = [
  {
    name: 'percent hack',
    recipient: ({ user, domain, host }) => `<${user}%${domain}@${host}>`,
    nonsense: nobodyAtHost,
  },
  {
    name: 'percent hack at the address',
    recipient: ({ user, domain, literal }) => `<${user}%${domain}@${literal}>`,
    nonsense: nobodyAtLiteral,
  },
  {
    name: 'percent hack without domain',
    recipient: ({ user, domain }) => `<${user}%${domain}>`,
    nonsense: nobodyLocal,
  },
  { name: 'quoted', recipient: ({ user, domain }) => `<"${user}@${domain}">`, nonsense: nobodyLocal },
  {
    name: 'quoted percent hack',
    recipient: ({ user, domain }) => `<"${user}%${domain}">`,
    nonsense: nobodyLocal,
  },
  {
    name: 'quoted at the host',
    recipient: ({ user, domain, host }) => `<"${user}@${domain}"@${host}>`,
    nonsense: nobodyAtHost,
  },
  {
    name: 'quoted at the address',
    recipient: ({ user, domain, literal }) => `<"${user}@${domain}"@${literal}>`,
    nonsense: nobodyAtLiteral,
  },
  {
    name: 'two domains',
    recipient: ({ user, domain, host }) => `<${user}@${domain}@${host}>`,
    nonsense: nobodyAtHost,
  },
  {
    name: 'two domains, the second the address',
    recipient: ({ user, domain, literal }) => `<${user}@${domain}@${literal}>`,
    nonsense: nobodyAtLiteral,
  },
  { name: 'source route', recipient: ({ user, domain, host }) => `<@${host}:${user}@${domain}>` },
  {
    name: 'source route by the address',
    recipient: ({ user, domain, literal }) => `<@${literal}:${user}@${domain}>`,
  },
  { name: 'bang path', recipient: ({ user, domain }) => `<${domain}!${user}>`, nonsense: nobodyLocal },
  {
    name: 'bang path at the host',
    recipient: ({ user, domain, host }) => `<${domain}!${user}@${host}>`,
    nonsense: nobodyAtHost,
  },
  {
    name: 'bang path at the address',
    recipient: ({ user, domain, literal }) => `<${domain}!${user}@${literal}>`,
    nonsense: nobodyAtLiteral,
  },
  { name: 'source route by localhost', recipient: ({ user, domain }) => `<@localhost:${user}@${domain}>` },
  { name: 'domain with a final dot', recipient: ({ user, domain }) => `<${user}@${domain}.>` },
  // TEST-NET-1 (RFC 5737): a foreign address where others have a name.
  { name: 'foreign address as domain', recipient: ({ user }) => `<${user}@[192.0.2.25]>` },
  { name: 'no angle brackets', recipient: ({ user, domain }) => ` ${user}@${domain}` },
];
