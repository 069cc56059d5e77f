// Owns how much one session puts up with: commands that lead nowhere, errors in a row, failed sign-ins.

import type { SubmissionSettings } from './settings.ts';

/** NOOP, RSET, EHLO and the like between two messages. */
const MAX_IDLE_COMMANDS = 100;

export class Patience {
  readonly #settings: SubmissionSettings;
  #commands = 0;
  #maxCommands: number;
  #errors = 0;
  #failures = 0;

  constructor(settings: SubmissionSettings) {
    this.#settings = settings;
    this.#maxCommands = settings.maxUnauthenticatedCommands;
  }

  /** False where this command is one too many. */
  admitsCommand(): boolean {
    this.#commands += 1;
    return this.#commands <= this.#maxCommands;
  }

  /** Something worth the commands so far was done: a message, a TLS handshake. */
  begunAnew(): void {
    this.#commands = 0;
  }

  signedIn(): void {
    this.#commands = 0;
    this.#failures = 0;
    this.#maxCommands = MAX_IDLE_COMMANDS;
  }

  /** False where this reply is one error too many in a row. */
  admitsReply(code: number): boolean {
    this.#errors = code >= 500 ? this.#errors + 1 : 0;
    return this.#errors < this.#settings.maxCommandErrors;
  }

  /** False where this failed sign-in is one too many; RFC 4954 §9: not before the third. */
  admitsFailure(): boolean {
    this.#failures += 1;
    return this.#failures < this.#settings.maxLoginFailures;
  }
}
