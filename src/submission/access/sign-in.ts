// Owns one AUTH exchange of a session: SASL messages in, a Principal or a refusal out (RFC 4954, RFC 7628).

import { setTimeout } from 'node:timers/promises';
import { checkUserName } from '../../policy/policy.ts';
import { type Principal, principalName } from '../../principal.ts';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { Reply } from '../../relay/connection/reply.ts';
import { type SaslExchange, type SaslStep, startExchange } from '../../sasl/exchange.ts';
import { MECHANISM_NAMES, type MechanismName } from '../../sasl/mechanism.ts';
import { Secret } from '../../setting.ts';
import { describeToken, type TokenDescription } from '../../token/description.ts';
import type { Recheck } from '../../token/introspection/recheck.ts';
import type { Door, Wire } from '../door.ts';
import { ownReply, replyTo } from '../replies.ts';

/** How an exchange stands after a line: it goes on, or it is over one way or the other. */
export type SignInStep =
  | { readonly state: 'open'; readonly reply: Reply }
  | Accepted
  | { readonly state: 'failed'; readonly reply: Reply; readonly countsAsFailure: boolean };

export interface Accepted {
  readonly state: 'accepted';
  readonly reply: Reply;
  readonly principal: Principal;
  /** Where the issuer is to be asked about the token while the session lives. */
  readonly recheck: Recheck | undefined;
  /** What it signed in with; kept only where some upstream needs it. */
  readonly token: Secret | undefined;
}

export class SignIn {
  readonly #door: Door;
  readonly #wire: Wire;
  readonly #mechanism: MechanismName;
  readonly #exchange: SaslExchange;
  #userName: string | undefined;
  #recheck: Recheck | undefined;
  #token: Secret | undefined;
  /** Of the token that was refused. */
  #description: TokenDescription = {};
  #reported = false;

  constructor(options: { door: Door; wire: Wire; mechanism: MechanismName }) {
    this.#door = options.door;
    this.#wire = options.wire;
    this.#mechanism = options.mechanism;
    const { challenge, challengeFor } = options.door;
    this.#exchange = startExchange({
      mechanism: options.mechanism,
      challenge,
      ...(challengeFor && { challengeFor }),
    });
  }

  start(initialResponse: string | undefined): Promise<SignInStep> {
    return this.#go(this.#exchange.start(initialResponse));
  }

  receive(line: string): Promise<SignInStep> {
    return this.#go(this.#exchange.receive(line));
  }

  async #go(step: SaslStep): Promise<SignInStep> {
    switch (step.step) {
      case 'challenge':
        return { state: 'open', reply: { code: 334, lines: [step.data] } };
      case 'verify': {
        this.#userName = step.userName;
        const verdict = await this.#verify(step.token, step.userName);
        // Here and not at the end of the exchange: some clients hang up on the challenge.
        if (isRefusal(verdict)) {
          this.#description = describeToken(step.token);
          this.#report(verdict);
          await this.#pay(verdict);
        }
        return this.#go(this.#exchange.decide(verdict));
      }
      case 'done':
        return this.#accept(step.principal);
      case 'refused':
        this.#report(step.refusal);
        return {
          state: 'failed',
          reply: replyTo(step.refusal, this.#wire.id),
          countsAsFailure: step.countsAsFailure,
        };
    }
  }

  async #verify(token: string, userName: string | undefined): Promise<Principal | Refusal> {
    try {
      const verdict = await this.#door.verifier.verify(token, this.#wire.clientCertificate());
      if (isRefusal(verdict)) return verdict;
      this.#recheck = this.#door.verifier.recheck(token, verdict);
      if (this.#door.relay.needsUserToken) this.#token = new Secret(token);
      return checkUserName(verdict, userName) ?? verdict;
    } catch (error) {
      // Thrown on, it would leave the exchange open, and the client's next command would be read as a part of it.
      this.#door.audit.fault({ where: 'sign-in', error, session: this.#wire.id });
      return refuse('issuer-unavailable', 'the token could not be verified, see the fault before');
    }
  }

  /** Before the challenge, which a client that tries one token after the other waits for. */
  async #pay({ code }: Refusal): Promise<void> {
    // Neither who asks where to sign in nor an identity provider that is down is a failure of the client's. That goes for a key
    // which may be newer than those held, too: while an issuer changes its keys, everybody behind one address hears that, and
    // every answer that waited would keep a place. Who forges such tokens costs a look for the key, at most one check of a
    // signature, as often as `maxUnauthenticatedCommands` and Admission let him try.
    if (code === 'token-missing' || code === 'issuer-unavailable') return;
    this.#wire.signInFailed();
    const delay = this.#door.penalty.failed(this.#wire.peer);
    if (delay > 0) await setTimeout(delay, undefined, { ref: false });
  }

  #accept(principal: Principal): SignInStep {
    const tls = this.#wire.tls();
    this.#door.audit.loginSucceeded({
      session: this.#wire.id,
      peer: this.#wire.peer,
      mechanism: this.#mechanism,
      user: principalName(principal),
      client: principal.clientId,
      issuer: principal.issuer,
      tokenId: principal.tokenId,
      tls: tls && `${tls.version} ${tls.cipher}`,
    });
    const reply = ownReply(235, '7.0', 'Authentication successful');
    return { state: 'accepted', reply, principal, recheck: this.#recheck, token: this.#token };
  }

  #report(refusal: Refusal): void {
    if (this.#reported) return;
    this.#reported = true;
    const of = { session: this.#wire.id, peer: this.#wire.peer, mechanism: this.#mechanism };
    if (refusal.code === 'token-missing') return this.#door.audit.discoveryAnswered(of);
    this.#door.audit.loginFailed({
      ...of,
      userName: this.#userName,
      code: refusal.code,
      reason: refusal.reason,
      ...this.#description,
    });
  }
}

/** What else stands in the place of a name may be a password. */
const KNOWN_MECHANISMS =
  /^(?:PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|SCRAM-SHA-[0-9]{1,3}(?:-PLUS)?|NTLM|GSSAPI|EXTERNAL|ANONYMOUS|XOAUTH2?|OAUTHBEARER)$/i;

/** The arguments of AUTH (RFC 4954 §4). */
export function readAuthCommand(
  line: string,
  offered: readonly MechanismName[],
): { mechanism: MechanismName; initialResponse: string | undefined } | Refusal {
  const [, name, initialResponse] = /^AUTH +([!-~]{1,20})(?: +([!-~]+))? *$/i.exec(line) ?? [];
  if (!name) return refuse('command-syntax', 'expected AUTH and a mechanism');
  const mechanism = MECHANISM_NAMES.find((known) => known === name.toUpperCase());
  const shown = KNOWN_MECHANISMS.test(name) ? name.toUpperCase() : 'another';
  if (!mechanism || !offered.includes(mechanism))
    return refuse('mechanism-unknown', `expected ${offered.join(' or ')}, found ${shown}`);
  return { mechanism, initialResponse };
}
