// The access tokens that a scripted token endpoint has given out, as its mail server knows them.

export class IssuedTokens {
  readonly #mailboxes = new Map<string, string | undefined>();
  #count = 0;

  /** @param mailbox the one it is for; undefined: the mail server decides */
  issue(mailbox: string | undefined): string {
    this.#count += 1;
    const token = `token-${this.#count}.of-the-provider`;
    this.#mailboxes.set(token, mailbox);
    return token;
  }

  isFor(token: string, mailbox: string): boolean {
    return this.#mailboxes.has(token) && (this.#mailboxes.get(token) ?? mailbox) === mailbox;
  }

  /** As when an administrator takes the consent back: whatever was given out is of no more use. */
  revokeAll(): void {
    this.#mailboxes.clear();
  }

  get count(): number {
    return this.#count;
  }
}
