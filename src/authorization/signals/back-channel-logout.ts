// Owns the inlet for logouts at the identity provider (OpenID Connect Back-Channel Logout 1.0 §2.5 to §2.8).

import type { FastifyInstance } from 'fastify';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { LogoutToken, LogoutTokenVerifier } from '../../token/withdrawal/logout-token.ts';
import type { Access, Ended } from '../access/access.ts';
import type { AuthorizationEvents } from '../events.ts';
import { BACK_CHANNEL_LOGOUT_PATH } from '../oauth-routes.ts';
import { peerOf } from '../received.ts';
import type { SignalGate } from './gate.ts';
import { registerInlet } from './http.ts';
import type { SignalMemory } from './memory.ts';

export interface BackChannelLogoutOptions {
  readonly verifier: Pick<LogoutTokenVerifier, 'verify'>;
  readonly access: Pick<Access, 'endPerson' | 'endIdpSession'>;
  readonly memory: SignalMemory;
  readonly gate: SignalGate;
  readonly events: Pick<AuthorizationEvents, 'signalReceived' | 'signalRefused' | 'fault'>;
  /** Whether programs that were allowed to go on without the person end as well; see the setting. */
  readonly endMailSessions: boolean;
}

export async function registerBackChannelLogout(
  app: FastifyInstance,
  options: BackChannelLogoutOptions,
): Promise<void> {
  const { gate, events } = options;
  await registerInlet(app, {
    path: BACK_CHANNEL_LOGOUT_PATH,
    contentType: 'application/x-www-form-urlencoded',
    gate,
    events,
    via: 'logout',
    problem,
    async answer(request, reply, body) {
      const peer = peerOf(request.raw) ?? '';
      const refusal = await logOut(peer, body, options);
      if (refusal === undefined) {
        // §2.8: 200, and not to be cached; http.ts has seen to the latter.
        return reply.code(200).send();
      }
      events.signalRefused({ peer, via: 'logout', code: refusal.code, reason: refusal.reason });
      // §2.8: 400 for every failure.
      const isAway = refusal.code === 'issuer-unavailable';
      const answer = isAway
        ? { error: 'temporarily_unavailable', error_description: 'the keys of the issuer cannot be had now' }
        : problem(DESCRIPTIONS[refusal.code] ?? 'the logout token is not valid');
      return reply.code(400).send(answer);
    },
  });
}

async function logOut(
  peer: string,
  body: string,
  options: BackChannelLogoutOptions,
): Promise<Refusal | undefined> {
  const { verifier, gate, memory, events } = options;
  const tokens = new URLSearchParams(body).getAll('logout_token');
  const [token] = tokens;
  if (token === undefined || tokens.length > 1) {
    return refuse('token-missing', `expected one logout_token, found ${tokens.length}`);
  }
  const verified = await verifier.verify(token);
  if (isRefusal(verified)) return verified;
  gate.believe(peer);
  const ended = await memory.once(verified, () => end(verified, options));
  // §2.6: a second token with the same `jti` is somebody's copy.
  if (ended === 'repeated') return refuse('token-revoked', 'a logout token with this jti was used before');
  events.signalReceived({
    peer,
    via: 'logout',
    issuer: verified.issuer,
    signal: 'logout',
    signalId: verified.tokenId,
    outcome: ended.known ? 'ended' : 'nobody',
  });
  return undefined;
}

// §2.7. With a `sid` that session is meant, without one every session of the subject.
async function end(
  { issuer, subject, sessionId }: LogoutToken,
  { access, endMailSessions }: BackChannelLogoutOptions,
): Promise<Ended> {
  const why = { cause: `logout at ${issuer}`, spareOffline: !endMailSessions };
  if (sessionId !== undefined) {
    return access.endIdpSession({ idpIssuer: issuer, sid: sessionId, idpSubject: subject }, why);
  }
  return access.endPerson({ idpIssuer: issuer, idpSubject: subject ?? '' }, why);
}

function problem(description: string): object {
  return { error: 'invalid_request', error_description: description };
}

const DESCRIPTIONS: Partial<Record<Refusal['code'], string>> = {
  'token-missing': 'send one logout_token',
  'token-issuer': 'the issuer is not the identity provider of this relying party',
  'token-audience': 'the audience is not this relying party',
  'token-signature': 'the signature fits no key of the issuer',
  'token-key': 'the issuer has no such key',
  'token-expired': 'the logout token is too old',
  'token-not-yet-valid': 'the logout token is from the future',
  'token-revoked': 'the logout token was used before',
};
