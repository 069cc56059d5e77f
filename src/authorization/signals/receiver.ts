// Owns what happens to one security event, however it came: verified, acted on once, told to the journal.

import { isRefusal, type Refusal } from '../../refusal.ts';
import type { SecurityEventVerifier } from '../../token/withdrawal/security-event.ts';
import type { AuthorizationEvents } from '../events.ts';
import { type ActOptions, actOn, type Outcome, signalName } from './effect.ts';
import type { SignalMemory } from './memory.ts';

export interface Delivery {
  /** The transmitter it came from, or says it came from. */
  readonly issuer: string;
  readonly via: 'push' | 'poll';
  readonly peer?: string | undefined;
}

export interface SignalReceiver {
  /** A refusal is final, but for `issuer-unavailable`. Rejects where the store fails; the event may then be sent again. */
  receive(token: string, delivery: Delivery): Promise<Outcome | 'repeated' | Refusal>;
}

export function createSignalReceiver(
  options: ActOptions & {
    readonly verifier: Pick<SecurityEventVerifier, 'verify'>;
    readonly memory: SignalMemory;
    readonly events: Pick<AuthorizationEvents, 'signalReceived' | 'signalRefused'>;
  },
): SignalReceiver {
  const { verifier, memory, events } = options;
  return {
    async receive(token, { issuer, via, peer }) {
      const event = await verifier.verify(token, issuer);
      if (isRefusal(event)) {
        events.signalRefused({ peer, via, issuer, code: event.code, reason: event.reason });
        return event;
      }
      const outcome = await memory.once(event, () => actOn(event, options));
      const signal = signalName(event.type);
      events.signalReceived({ peer, via, issuer, signal, signalId: event.tokenId, outcome });
      return outcome;
    },
  };
}

/** The error codes of RFC 8935 §2.4, which RFC 8936 §2.6 shares. */
export function deliveryError({ code }: Refusal): { readonly err: string; readonly description: string } {
  return ERRORS[code] ?? { err: 'invalid_request', description: 'not a security event token of this kind' };
}

const ERRORS: Partial<Record<Refusal['code'], { err: string; description: string }>> = {
  'token-issuer': { err: 'invalid_issuer', description: 'the issuer is no transmitter known here' },
  'token-audience': { err: 'invalid_audience', description: 'the audience is not this receiver' },
  'token-key': { err: 'invalid_key', description: 'the issuer has no such key' },
  'token-algorithm': { err: 'invalid_key', description: 'the signature algorithm is not accepted' },
  'token-signature': { err: 'invalid_key', description: 'the signature fits no key of the issuer' },
  'token-client': {
    err: 'authentication_failed',
    description: 'the Authorization header is not the right one',
  },
  'token-expired': { err: 'invalid_request', description: 'the event is too old' },
  'token-not-yet-valid': { err: 'invalid_request', description: 'the event is from the future' },
};
