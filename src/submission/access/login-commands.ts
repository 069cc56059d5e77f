// Owns AUTH (RFC 4954 §4): when it may run, and the exchange that a session has in hand.

import { isRefusal, refuse } from '../../refusal.ts';
import type { Reply } from '../../relay/connection/reply.ts';
import type { MechanismName } from '../../sasl/mechanism.ts';
import type { Outcome } from '../command-table.ts';
import type { Door, Wire } from '../door.ts';
import { type Accepted, readAuthCommand, SignIn, type SignInStep } from './sign-in.ts';

/** What AUTH asks of the session it belongs to. */
export interface LoginHost {
  /** True once the client has said EHLO. */
  readonly extended: boolean;
  readonly signedIn: boolean;
  accepted(accepted: Accepted, mechanism: MechanismName): void;
  failed(reply: Reply, countsAsFailure: boolean): void;
}

export class LoginCommands {
  readonly #door: Door;
  readonly #wire: Wire;
  readonly #host: LoginHost;
  #exchange: { readonly signIn: SignIn; readonly mechanism: MechanismName } | undefined;

  constructor(options: { door: Door; wire: Wire; host: LoginHost }) {
    this.#door = options.door;
    this.#wire = options.wire;
    this.#host = options.host;
  }

  /** True while the client's next line belongs to the exchange. */
  get open(): boolean {
    return this.#exchange !== undefined;
  }

  async authenticate(line: string): Promise<Outcome> {
    const offered = offeredMechanisms(this.#door, this.#wire);
    if (offered.length === 0) return refuse('command-not-implemented', 'AUTH where nobody signs in');
    if (!this.#wire.secure) return refuse('tls-required', 'AUTH in clear text');
    if (this.#host.signedIn) return refuse('login-twice', 'AUTH after AUTH');
    if (!this.#host.extended) return refuse('command-order', 'AUTH before EHLO');
    const command = readAuthCommand(line, offered);
    if (isRefusal(command)) return command;
    const { mechanism } = command;
    const signIn = new SignIn({ door: this.#door, wire: this.#wire, mechanism });
    this.#exchange = { signIn, mechanism };
    this.#step(await signIn.start(command.initialResponse), mechanism);
    return undefined;
  }

  /** The client's next line of the exchange. */
  async receive(line: string): Promise<void> {
    const exchange = this.#exchange;
    if (exchange) this.#step(await exchange.signIn.receive(line), exchange.mechanism);
  }

  /** The exchange is lost: one of its lines could not be read. */
  drop(): void {
    this.#exchange = undefined;
  }

  #step(step: SignInStep, mechanism: MechanismName): void {
    if (step.state === 'open') return this.#wire.reply(step.reply);
    this.#exchange = undefined;
    if (step.state === 'accepted') return this.#host.accepted(step, mechanism);
    this.#host.failed(step.reply, step.countsAsFailure);
  }
}

/** Best first; none on a listener that knows its clients by their network. */
export function offeredMechanisms({ settings }: Door, { listener }: Wire): readonly MechanismName[] {
  if (listener.access === 'trusted-networks') return [];
  return listener.mechanisms ?? settings.mechanisms;
}
