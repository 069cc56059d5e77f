// Owns the way to a connection that takes mail: one target after the other, TLS, sign-in; one attempt for all while it fails.

import { isRefusal, type Refusal } from '../../refusal.ts';
import { signIn } from '../login/sign-in.ts';
import type { TokenSource } from '../login/token-source.ts';
import type { Account } from '../pool/account.ts';
import type { UpstreamSettings } from '../settings.ts';
import { createTargets, type Targets } from '../targets/targets.ts';
import { connectUpstream } from './connect.ts';
import type { UpstreamDialogue } from './dialogue.ts';

/** Each may cost a client `connectTimeout`; those that fail go to the end for the next one. */
const MAX_ATTEMPTS = 3;

export interface OpeningOptions {
  readonly settings: UpstreamSettings;
  /** Given in EHLO. */
  readonly name: string;
  readonly tokens: TokenSource | undefined;
  /** True while the upstream is known to fail. */
  readonly down: () => boolean;
}

/** The server is there, and does not let this account in: says no, has enough of it, or breaks off. */
export interface SignInRefusal extends Refusal {
  readonly atSignIn: true;
}

export const isAtSignIn = (refusal: Refusal): refusal is SignInRefusal => 'atSignIn' in refusal;

export class Opening {
  readonly #options: OpeningOptions;
  readonly #targets: Targets;
  #attempt: Promise<UpstreamDialogue | Refusal> | undefined;

  constructor(options: OpeningOptions) {
    this.#options = options;
    this.#targets = createTargets({ settings: options.settings });
  }

  /** A connection that is signed in to the account. Refuses `upstream-unavailable`, `-timeout`, and {@link SignInRefusal}. */
  async open(account: Account): Promise<UpstreamDialogue | Refusal | SignInRefusal> {
    const dialogue = await this.connect();
    if (isRefusal(dialogue)) return dialogue;
    const { settings, tokens } = this.#options;
    const refusal = await signIn(dialogue, { settings, account, tokens });
    if (!refusal) return dialogue;
    dialogue.quit();
    // So long the upstream counts it: who is refused tries again with another one.
    await dialogue.closed();
    return { ...refusal, atSignIn: true };
  }

  /** The same, not signed in. */
  async connect(): Promise<UpstreamDialogue | Refusal> {
    // A thousand clients would knock a thousand times at a door that is shut, and each wait for it.
    if (this.#attempt && this.#options.down()) {
      const other = await this.#attempt;
      if (isRefusal(other)) return other;
    }
    const attempt = this.#connect();
    this.#attempt = attempt;
    const outcome = await attempt;
    if (this.#attempt === attempt) this.#attempt = undefined;
    return outcome;
  }

  async #connect(): Promise<UpstreamDialogue | Refusal> {
    const candidates = await this.#targets.candidates();
    if (isRefusal(candidates)) return candidates;
    let last: Refusal | undefined;
    for (const target of candidates.slice(0, MAX_ATTEMPTS)) {
      const { settings, name } = this.#options;
      const outcome = await connectUpstream({ settings, name, target });
      if (!isRefusal(outcome)) {
        this.#targets.succeeded(target);
        return outcome;
      }
      if (outcome.code !== 'upstream-busy') this.#targets.failed(target);
      last = outcome;
    }
    return last as Refusal;
  }
}
