// Noun: the envelope of one message (RFC 5321 §2.3.1): sender, recipients, and their ESMTP parameters.

/** ESMTP parameters by upper-case keyword; `true` for a keyword without a value. Values are as the client sent them. */
export type EsmtpParameters = Readonly<Record<string, string | true>>;

/** A mailbox of the envelope with the parameters that came with it. */
export interface Path {
  /** The address without angle brackets; empty for the null reverse-path `<>`. */
  readonly address: string;
  readonly parameters: EsmtpParameters;
}

/** Sender and recipients that the upstream has accepted so far. */
export interface Envelope {
  readonly mailFrom: Path;
  readonly recipients: readonly Path[];
}
