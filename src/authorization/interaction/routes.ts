// Owns the steps of an authorization request that a person sees: being sent to the identity provider, consent, refusal.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Client, errors, type Provider } from 'oidc-provider';
import { isRefusal } from '../../refusal.ts';
import { grantHandle } from '../../token/token-id.ts';
import { type DeviceTarget, deviceTarget } from '../device/target.ts';
import { type Door, readBrowser, sendPage, writeBrowser } from '../door.ts';
import { createFloodGate } from '../flood.ts';
import { type KnownAccount, knownAccount } from '../known-account.ts';
import { interactionPath } from '../oauth-routes.ts';
import { consentPage } from '../pages/consent.ts';
import { deadCodePage } from '../pages/device.ts';
import type { Page } from '../pages/document.ts';
import {
  expiredPage,
  identityProviderDownPage,
  oauthProblem,
  requestProblem,
  signInProblem,
  type WayBack,
} from '../pages/problem.ts';
import { allScopes, itemsFor, type RequestedScopes, saveGrant } from '../provider/grants.ts';
import { isFromOwnPage, peerOf } from '../received.ts';
import { type RedirectTarget, redirectTarget } from './redirect-target.ts';

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

interface Step {
  readonly door: Door;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly interaction: Interaction;
}

export function registerInteractions(app: FastifyInstance, door: Door): void {
  // Each look at one that waits for the sign-in leaves a row: one request of a program could be opened without end.
  const flood = createFloodGate();
  app.get<{ Params: { uid: string } }>('/interaction/:uid', async (request, reply) => {
    if (!flood.admits(peerOf(request.raw) ?? '')) return sendPage(reply, requestProblem(429), door.site);
    const interaction = await findInteraction(door, request, reply, request.params.uid);
    if (interaction === undefined) return sendPage(reply, expiredPage(), door.site);
    const step = { door, request, reply, interaction };
    return interaction.prompt.name === 'login' ? goToIdentityProvider(step) : askForConsent(step);
  });

  app.post<{ Params: { uid: string } }>('/interaction/:uid', async (request, reply) => {
    if (!isFromOwnPage(request.raw, door.issuer)) return sendPage(reply, requestProblem(403), door.site);
    const interaction = await findInteraction(door, request, reply, request.params.uid);
    if (interaction === undefined) return sendPage(reply, expiredPage(), door.site);
    const step = { door, request, reply, interaction };
    const answer = answerOf(request.body);
    if (answer === 'deny') return deny(step);
    if (answer === 'allow' && interaction.prompt.name === 'consent') return allow(step);
    return sendPage(reply, requestProblem(400), door.site);
  });
}

/** The way back into an interaction from a page that tells of a problem. */
export function wayBack({ uid, deviceCode, params }: Interaction): WayBack {
  const isForDevice = deviceCode !== undefined;
  return {
    action: interactionPath(uid),
    formAction: isForDevice ? undefined : redirectTarget(String(params['redirect_uri'])).formAction,
  };
}

export function clientIdOf(interaction: Interaction): string {
  return String(interaction.params['client_id']);
}

/**
 * The interaction, where this browser is the one it was begun in: the OAuth server looks at a cookie that is sent to this
 * path only, and the path must say the same.
 */
async function findInteraction(
  { provider }: Door,
  request: FastifyRequest,
  reply: FastifyReply,
  uid: string,
): Promise<Interaction | undefined> {
  try {
    const interaction = await provider.current().interactionDetails(request.raw, reply.raw);
    return interaction.uid === uid ? interaction : undefined;
  } catch (error) {
    if (error instanceof errors.SessionNotFound) return undefined;
    throw error;
  }
}

async function goToIdentityProvider({ door, request, reply, interaction }: Step): Promise<FastifyReply> {
  const peer = peerOf(request.raw);
  const client = clientIdOf(interaction);
  const browser = readBrowser(door, request, reply) ?? randomBytes(32).toString('base64url');
  const hint = interaction.params['login_hint'];
  const url = await door.signIn.start({
    interaction: interaction.uid,
    browser,
    loginHint: typeof hint === 'string' ? hint : undefined,
  });
  if (isRefusal(url)) {
    door.identityProviderHealth.down(url.reason);
    door.events.signInFailed({ peer, client, code: url.code, reason: url.reason });
    return sendPage(
      reply,
      identityProviderDownPage(door.site.identityProvider, wayBack(interaction)),
      door.site,
    );
  }
  door.identityProviderHealth.up();
  door.events.signInStarted({ peer, client });
  writeBrowser(door, request, reply, browser);
  return reply.redirect(url.href, 303);
}

async function askForConsent(step: Step): Promise<FastifyReply> {
  const { door, reply, interaction } = step;
  const asked = await whoAndWhat(step);
  if (isPage(asked)) return sendPage(reply, asked, door.site);
  const { clientId, clientName = clientId } = asked.client;
  const page = consentPage({
    client: { id: clientId, name: clientName, voucher: door.openClients.voucherOf(clientId) },
    target: asked.target,
    scopes: allScopes(asked.scopes),
    addresses: asked.account.addresses,
    action: interactionPath(interaction.uid),
    lifetime: door.grantLifetime,
  });
  return sendPage(reply, page, door.site);
}

async function allow(step: Step): Promise<FastifyReply> {
  const { door, request, reply } = step;
  const asked = await whoAndWhat(step);
  if (isPage(asked)) return sendPage(reply, asked, door.site);
  const { account, client, scopes, target } = asked;
  const provider = door.provider.current();
  const until =
    target.kind === 'device'
      ? Math.floor((Date.now() + door.grantLifetime) / 1000)
      : await door.consents.remember(
          account.accountId,
          client.clientId,
          itemsFor({ account, scopes, target }),
        );
  const { grantId } = await saveGrant(provider, {
    accountId: account.accountId,
    clientId: client.clientId,
    scopes,
    until,
  });
  await door.origins.rememberGrant(grantId, step.interaction.session?.uid);
  const next = await provider.interactionResult(request.raw, reply.raw, { consent: { grantId } });
  door.events.consentGiven({
    peer: peerOf(request.raw),
    client: client.clientId,
    user: account.addresses[0] ?? account.accountId,
    grant: grantHandle(grantId),
    scope: allScopes(scopes).join(' '),
    requestedFrom: requestedFrom(target),
  });
  return reply.redirect(next, 303);
}

async function deny(step: Step): Promise<FastifyReply> {
  const { door, request, reply, interaction } = step;
  const asked = interaction.prompt.name === 'consent' ? await whoAndWhat(step) : undefined;
  const next = await door.provider
    .current()
    .interactionResult(
      request.raw,
      reply.raw,
      { error: 'access_denied', error_description: 'the person did not allow it' },
      { mergeWithLastSubmission: false },
    );
  if (asked !== undefined && !isPage(asked)) {
    door.events.consentDenied({
      peer: peerOf(request.raw),
      client: asked.client.clientId,
      user: asked.account.addresses[0] ?? asked.account.accountId,
      scope: allScopes(asked.scopes).join(' '),
      requestedFrom: requestedFrom(asked.target),
    });
  }
  return reply.redirect(next, 303);
}

interface Asked {
  readonly account: KnownAccount;
  readonly client: Client;
  readonly scopes: RequestedScopes;
  readonly target: RedirectTarget | DeviceTarget;
}

function requestedFrom(target: Asked['target']): string | undefined {
  return target.kind === 'device' ? target.address : undefined;
}

/** Or a page, where the account was switched off since the sign-in, or the program or device does not wait any more. */
async function whoAndWhat({ door, interaction }: Step): Promise<Asked | Page> {
  const account = await knownAccount(door.accounts, interaction.session?.accountId ?? '');
  if (account === undefined) {
    return signInProblem('disabled', door.site.identityProvider, wayBack(interaction));
  }
  const client = await findClient(door, clientIdOf(interaction));
  if (isPage(client)) return client;
  const target = await findTarget(door, interaction);
  if (isPage(target)) return target;
  const { missingOIDCScope, missingResourceScopes } = interaction.prompt.details;
  return {
    account,
    client,
    scopes: {
      own: (missingOIDCScope ?? []) as string[],
      resources: (missingResourceScopes ?? {}) as Record<string, string[]>,
    },
    target,
  };
}

async function findTarget(door: Door, { params, deviceCode }: Interaction): Promise<Asked['target'] | Page> {
  if (deviceCode === undefined) return redirectTarget(String(params['redirect_uri']));
  const code = await door.provider.current().DeviceCode.find(deviceCode);
  return code === undefined || code.isExpired ? deadCodePage('expired') : deviceTarget(code);
}

/** What is known of a program may lie elsewhere: see open-clients/. */
async function findClient(door: Door, clientId: string): Promise<Client | Page> {
  try {
    const client = await door.provider.current().Client.find(clientId);
    if (client !== undefined) return client;
  } catch (cause) {
    if (!(cause instanceof errors.OIDCProviderError)) throw cause;
    const { status, error, error_description: description } = cause;
    return oauthProblem({ status, error, description });
  }
  return oauthProblem({ status: 400, error: 'invalid_client', description: undefined });
}

function isPage(value: object): value is Page {
  return 'main' in value;
}

function answerOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'answer' in body ? body.answer : undefined;
}
