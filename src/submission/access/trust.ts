// Owns the trust that a signed-in session rests on: whose it is, its entry in the registry, and how it ends.

import { type Principal, principalName } from '../../principal.ts';
import { type Refusal, type RefusalCode, refuse } from '../../refusal.ts';
import type { Recheck } from '../../token/introspection/recheck.ts';
import type { Door, Wire } from '../door.ts';
import { keepRechecking } from './recheck.ts';
import type { LiveSession, Registered } from './registry.ts';

/** What ending trust needs of the session. */
export interface Holder {
  readonly messages: number;
  readonly state: LiveSession['state'];
  /** Milliseconds since the epoch. */
  readonly since: number;
  /** Gives up the transaction in hand. True where the client hears it as the verdict on the message it is sending. */
  interrupt(refusal: Refusal): boolean;
  /** Closes with a 421. */
  end(code: RefusalCode): void;
}

/** A client in a transaction hears of a revocation at its next command, or after this many milliseconds. */
const GRACE = 5_000;
/** Longest delay that a timer takes. */
const MAX_TIMER = 2_147_483_647;

export class Trust implements Registered {
  readonly principal: Principal;
  /** Set once trust has ended: the code that every further command is answered with. */
  ended: RefusalCode | undefined;
  readonly #door: Door;
  readonly #wire: Wire;
  readonly #mechanism: string;
  readonly #holder: Holder;
  #timer: NodeJS.Timeout | undefined;
  /** Given up with the trust: it holds the token. */
  #recheck: Recheck | undefined;
  #stopRechecking: () => void = () => undefined;

  constructor(options: {
    principal: Principal;
    door: Door;
    wire: Wire;
    /** As the journal and the list of sessions call it. */
    mechanism: string;
    holder: Holder;
    recheck: Recheck | undefined;
  }) {
    this.principal = options.principal;
    this.#door = options.door;
    this.#wire = options.wire;
    this.#mechanism = options.mechanism;
    this.#holder = options.holder;
    this.#recheck = options.recheck;
  }

  get id(): string {
    return this.#wire.id;
  }

  begin(): void {
    const { sessions, isRevoked, settings, now, leeway } = this.#door;
    sessions.add(this);
    // Between its verification and this line the token may have been revoked: that was told before anybody listened here.
    if (isRevoked(this.principal)) return this.revoke('revoked during sign-in');
    this.#startRechecking();
    if (settings.tokenExpiry !== 'at-once') return;
    const rest = Math.min(this.principal.expiresAt * 1000 + leeway - now(), MAX_TIMER);
    this.#timer = setTimeout(() => this.revoke('token expired', 'session-expired'), rest).unref();
  }

  #startRechecking(): void {
    const recheck = this.#recheck;
    this.#recheck = undefined;
    if (!recheck) return;
    const until = this.principal.expiresAt * 1000;
    const onRefused = ({ reason }: Refusal) => this.revoke(reason);
    this.#stopRechecking = keepRechecking({ recheck, until, now: this.#door.now, onRefused });
  }

  /**
   * An idle client hears it at once, one in a transaction at its next command, one in mid-message when it has sent that to its
   * end; nothing of that message goes through. Once the final dot is out, the upstream's word still counts.
   */
  revoke(cause: string, code: RefusalCode = 'session-revoked'): void {
    if (this.ended) return;
    this.ended = code;
    this.#stopRechecking();
    this.#door.sessions.remove(this);
    const { state } = this.#holder;
    const { principal } = this;
    this.#door.audit.sessionRevoked({
      session: this.#wire.id,
      peer: this.#wire.peer,
      user: principalName(principal),
      client: principal.clientId,
      state,
      code,
      cause,
    });
    if (state === 'idle') return this.#holder.end(code);
    if (this.#holder.interrupt(refuse(code, cause))) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#holder.end(code), GRACE).unref();
  }

  describe(): LiveSession {
    const { principal } = this;
    return {
      id: this.#wire.id,
      user: principalName(principal),
      addresses: principal.addresses,
      client: principal.clientId,
      peer: this.#wire.peer,
      since: new Date(this.#holder.since).toISOString(),
      mechanism: this.#mechanism,
      issuer: principal.issuer,
      grant: principal.grantId,
      tokenId: principal.tokenId,
      messages: this.#holder.messages,
      state: this.#holder.state,
    };
  }

  /** The session is closed. */
  close(): void {
    clearTimeout(this.#timer);
    this.#stopRechecking();
    this.#door.sessions.remove(this);
  }
}
