// Owns the order of one SASL exchange: what the client may send next, and when it is over.

import type { Principal } from '../principal.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import { decodeBase64 } from './base64.ts';
import { failureChallenge, isAboutCredentials } from './failure.ts';
import type { ChallengeDetails, MechanismName } from './mechanism.ts';
import { parseOauthBearer } from './oauthbearer.ts';
import { parseXoauth2 } from './xoauth2.ts';

export type SaslStep =
  /** Send `334 ` and `data`, then hand the next line to `receive`. `data` is base64, or empty for the empty challenge. */
  | { readonly step: 'challenge'; readonly data: string }
  /** Verify the token and the user name's agreement with it, then call `decide`. `host` and `port` are the client's claims. */
  | {
      readonly step: 'verify';
      readonly token: string;
      readonly userName: string | undefined;
      readonly host: string | undefined;
      readonly port: number | undefined;
    }
  | { readonly step: 'done'; readonly principal: Principal }
  /** The final no. `countsAsFailure` is false where nobody tried to sign in, or where it was not the client's fault. */
  | { readonly step: 'refused'; readonly refusal: Refusal; readonly countsAsFailure: boolean };

/**
 * One AUTH command, from its line to its final reply. Each call returns what to do next; a call out of turn is a fault.
 *
 * A client may close the connection instead of answering a failure challenge (Angus Mail does): call `receive('')` then,
 * and journal the refusal it returns.
 */
export interface SaslExchange {
  /** The initial response as on the AUTH line; undefined or empty where there was none. */
  start(initialResponse: string | undefined): SaslStep;
  /** One line of the client, without its line end. */
  receive(line: string): SaslStep;
  /** The verdict on the credentials of the `verify` step. */
  decide(verdict: Principal | Refusal): SaslStep;
}

type State =
  | { readonly at: 'start' | 'response' | 'verdict' | 'over' }
  | { readonly at: 'failed'; readonly refusal: Refusal; readonly countsAsFailure: boolean };

const PARSERS = { OAUTHBEARER: parseOauthBearer, XOAUTH2: parseXoauth2 } as const;

export function startExchange(options: {
  mechanism: MechanismName;
  challenge: ChallengeDetails;
  /** RFC 7628 §3.2.2: the way to a token may differ by user. Undefined where `challenge` holds for this one too. */
  challengeFor?: (userName: string) => ChallengeDetails | undefined;
}): SaslExchange {
  const { mechanism, challenge, challengeFor } = options;
  let state: State = { at: 'start' };
  let named: string | undefined;

  function start(initialResponse: string | undefined): SaslStep {
    if (state.at !== 'start') throw outOfTurn('start', state);
    if (initialResponse !== undefined && initialResponse !== '') {
      // RFC 4954 §4: '=' stands for an initial response that is there but empty.
      return readResponse(initialResponse === '=' ? '' : initialResponse);
    }
    state = { at: 'response' };
    return { step: 'challenge', data: '' };
  }

  function receive(line: string): SaslStep {
    if (state.at === 'response') return readResponse(line);
    if (state.at === 'failed') return finish(line, state);
    throw outOfTurn('receive', state);
  }

  function decide(verdict: Principal | Refusal): SaslStep {
    if (state.at !== 'verdict') throw outOfTurn('decide', state);
    if (isRefusal(verdict)) return fail(verdict, true);
    state = { at: 'over' };
    return { step: 'done', principal: verdict };
  }

  function readResponse(line: string): SaslStep {
    if (line === '*') return end(refuse('sasl-cancelled', 'the client cancelled the exchange'), false);
    const message = decodeBase64(line);
    if (isRefusal(message)) return end(message, true);
    const bearer = PARSERS[mechanism](message);
    if (isRefusal(bearer)) return fail(bearer, true);
    const { token, userName, host, port } = bearer;
    named = userName;
    // RFC 7628 §4.3: an empty auth= asks which scope is needed and where. Nobody tried to sign in.
    if (token === undefined)
      return fail(refuse('token-missing', 'discovery probe: no token was sent'), false);
    state = { at: 'verdict' };
    return { step: 'verify', token, userName, host, port };
  }

  function fail(refusal: Refusal, countsAsFailure: boolean): SaslStep {
    // A fault of ours or of the issuer says nothing about the token: a failure challenge would make clients throw it away.
    if (!isAboutCredentials(refusal.code)) return end(refusal, false);
    state = { at: 'failed', refusal, countsAsFailure };
    const details = (named === undefined ? undefined : challengeFor?.(named)) ?? challenge;
    return { step: 'challenge', data: failureChallenge(mechanism, refusal.code, details) };
  }

  // RFC 7628 §3.2.3 wants AQ==, clients also send '=' or nothing. Whatever comes ends the exchange and is never read as
  // credentials again: the verdict has been given, and a second try needs a second AUTH, which is counted.
  function finish(line: string, failed: State & { at: 'failed' }): SaslStep {
    if (line !== '*') return end(failed.refusal, failed.countsAsFailure);
    const { code, reason } = failed.refusal;
    return end(refuse('sasl-cancelled', `cancelled after ${code}: ${reason}`), failed.countsAsFailure);
  }

  function end(refusal: Refusal, countsAsFailure: boolean): SaslStep {
    state = { at: 'over' };
    return { step: 'refused', refusal, countsAsFailure };
  }

  return { start, receive, decide };
}

function outOfTurn(call: string, state: State): Error {
  return new Error(`SASL exchange: ${call}() out of turn, at ${state.at}`);
}
