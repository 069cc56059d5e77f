// Owns the browser's return from the identity provider.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { isDenied } from '../../relying-party/identity-provider.ts';
import { type Door, readBrowser, sendPage } from '../door.ts';
import { expiredPage, identityProviderDownPage, signInProblem } from '../pages/problem.ts';
import { peerOf } from '../received.ts';
import { clientIdOf, type Interaction, wayBack } from './routes.ts';
import { CALLBACK_PATH, isSignInFailure, type SignedInAccount, type SignInFailure } from './sign-in.ts';

interface Return {
  readonly door: Door;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly interaction: Interaction;
}

export function registerCallback(app: FastifyInstance, door: Door): void {
  app.get<{ Querystring: { state?: string | string[] } }>(CALLBACK_PATH, async (request, reply) => {
    const { state } = request.query;
    const browser = readBrowser(door, request, reply);
    const taken = await door.signIn.take({ state: typeof state === 'string' ? state : undefined, browser });
    if (isRefusal(taken)) return notOurs(door, request, reply, taken);
    const interaction = await door.provider.current().Interaction.find(taken.interaction);
    if (interaction === undefined) {
      return notOurs(
        door,
        request,
        reply,
        refuse('session-expired', 'the request of the program is too old'),
      );
    }
    const back = { door, request, reply, interaction };
    const callbackUrl = new URL(request.raw.url ?? '', door.issuer);
    const finished = await door.signIn.finish({ taken, callbackUrl });
    if (isSignInFailure(finished)) return signInFailed(back, finished);
    door.identityProviderHealth.up();
    if (isDenied(finished)) return signInDenied(back);
    if (finished.account.disabled) return signInDisabled(back);
    return signedIn(back, finished);
  });
}

function notOurs(
  { events, site }: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  { code, reason }: Refusal,
): FastifyReply {
  events.signInFailed({ peer: peerOf(request.raw), code, reason });
  return sendPage(reply, expiredPage(), site);
}

function signInFailed(back: Return, { failed, refusal }: SignInFailure): FastifyReply {
  const { door, reply, interaction } = back;
  reportFailure(back, refusal);
  const name = door.site.identityProvider;
  if (failed === 'unavailable') {
    door.identityProviderHealth.down(refusal.reason);
    return sendPage(reply, identityProviderDownPage(name, wayBack(interaction)), door.site);
  }
  return sendPage(reply, signInProblem(failed, name, wayBack(interaction)), door.site);
}

/** The person said no over there: that is an answer to the program, too. */
async function signInDenied(back: Return): Promise<FastifyReply> {
  const { reply, interaction } = back;
  reportFailure(back, refuse('token-identity', 'the person cancelled the sign-in at the identity provider'));
  interaction.result = {
    error: 'access_denied',
    error_description: 'the person did not sign in',
  };
  await interaction.persist();
  return reply.redirect(interaction.returnTo, 303);
}

function signInDisabled(back: Return): FastifyReply {
  const { door, reply, interaction } = back;
  reportFailure(back, refuse('token-identity', 'the account is switched off'));
  const page = signInProblem('disabled', door.site.identityProvider, wayBack(interaction));
  return sendPage(reply, page, door.site);
}

async function signedIn(back: Return, { account, sessionId }: SignedInAccount): Promise<FastifyReply> {
  const { door, request, reply, interaction } = back;
  const idpSession = sessionId === undefined ? undefined : { idpIssuer: account.idpIssuer, sid: sessionId };
  const browserSession = interaction.session?.uid;
  const signedInAt = await door.freshStart.ofSignIn(account.id, [
    ...(idpSession ? [idpSession] : []),
    ...(browserSession === undefined ? [] : [{ browserSession }]),
  ]);
  if (interaction.session !== undefined && interaction.session.accountId !== account.id) {
    await endOtherSession(back, interaction.session.accountId);
    interaction.session = undefined;
  }
  // `remember: false`: the cookie goes when the browser is closed.
  interaction.result = {
    ...interaction.lastSubmission,
    login: {
      accountId: account.id,
      remember: false,
      // From now on, not from when the browser comes back with it: held back, it would outlive a revocation.
      ts: signedInAt,
      ...(idpSession && { idpSession }),
    },
  };
  await interaction.persist();
  door.events.signInSucceeded({
    peer: peerOf(request.raw),
    client: clientIdOf(interaction),
    user: account.addresses[0] ?? account.id,
    issuer: account.idpIssuer,
  });
  return reply.redirect(interaction.returnTo, 303);
}

/** Somebody else signed in in this browser: the session of the one before ends, nothing of it passes on. */
async function endOtherSession({ door, request, reply }: Return, accountId: string): Promise<void> {
  const provider = door.provider.current();
  const session = await provider.Session.get(provider.createContext(request.raw, reply.raw));
  if (session.accountId !== accountId) return;
  await session.destroy();
  const before = await door.accounts.find(accountId);
  door.events.signedOut({ peer: peerOf(request.raw), user: before?.addresses[0] });
}

function reportFailure({ door, request, interaction }: Return, { code, reason }: Refusal): void {
  door.events.signInFailed({ peer: peerOf(request.raw), client: clientIdOf(interaction), code, reason });
}
