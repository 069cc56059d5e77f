// Owns whom the upstream is told that the next message is from: its client for XCLIENT, a line of its log for XFORWARD.

import { isRefusal, type Refusal } from '../../refusal.ts';
import type { UpstreamDialogue } from '../connection/dialogue.ts';
import type { Origin } from '../origin.ts';
import type { UpstreamSettings } from '../settings.ts';
import { attributesOf, hasSignedIn } from './attributes.ts';
import { identityIn, tellClient } from './xclient.ts';
import { tellLog } from './xforward.ts';

/**
 * Before each MAIL, on new and on kept connections, after the sign-in. Two round trips where XCLIENT has to be said, none for
 * the next message of the same client; one for XFORWARD each time. Sets `announced` and `capabilities` of the dialogue.
 *
 * Refuses `upstream-login` where the upstream does not let itself be told, `upstream-busy` where it takes no further connection
 * of this client, `upstream-protocol`, `upstream-timeout`, `upstream-lost`: only the last three say anything of the upstream's
 * health. Also `upstream-lost` where a kept connection speaks for another client and cannot be given to this one: a fresh one
 * will do. After any refusal the connection is closed, so that no message goes over one that is half somebody else's.
 *
 * @param options.name of Postern, in EHLO
 */
export async function announce(
  dialogue: UpstreamDialogue,
  options: Announcement,
): Promise<Refusal | undefined> {
  const refusal = await tell(dialogue, options);
  if (refusal) dialogue.quit();
  return refusal;
}

export interface Announcement {
  readonly settings: Pick<UpstreamSettings, 'identity' | 'replyTimeout'>;
  readonly name: string;
  readonly origin: Origin;
}

async function tell(
  dialogue: UpstreamDialogue,
  { settings, name, origin }: Announcement,
): Promise<Refusal | undefined> {
  const { xclient, xforward } = settings.identity;
  if (xclient === 'off' && xforward === 'off') return undefined;
  const attributes = attributesOf(origin);
  if (isRefusal(attributes)) return attributes;
  const told = { dialogue, attributes, timeout: settings.replyTimeout };
  const helo = { own: name, client: origin.client.name };
  const refusal = xclient === 'off' ? undefined : await tellClient({ ...told, helo, demand: xclient });
  if (refusal || xforward === 'off') return refusal;
  return tellLog({ ...told, demand: xforward });
}

/**
 * For the choice among kept connections: what `announced` must be for one to go on without a word. One of which it is undefined
 * can be told, any other would most likely be closed. Undefined where it makes no difference.
 */
export function identityOf(
  origin: Origin,
  { identity }: Pick<UpstreamSettings, 'identity'>,
): string | undefined {
  if (identity.xclient === 'off') return undefined;
  const attributes = attributesOf(origin);
  return isRefusal(attributes) ? undefined : identityIn(attributes);
}

/**
 * The address that MAIL names in AUTH= (RFC 4954 §5), for `parametersFor`; undefined where nobody is vouched for: the operator has
 * not asked for it, nobody has signed in, or the address is not one that AUTH= can hold (RFC 6531 does not extend it).
 */
export function submitterOf(
  origin: Origin,
  { identity }: Pick<UpstreamSettings, 'identity'>,
): string | undefined {
  if (!identity.mailFromAuth || !hasSignedIn(origin.principal)) return undefined;
  const [address] = origin.principal.addresses;
  return address !== undefined && /^[\x20-\x7e]+$/.test(address) ? address : undefined;
}
