// Which upstreams somebody's mail may go to, over all listeners where one can sign in, for whoever asks.

import type { Settings } from '../config/schema.ts';
import type { Principal } from '../principal.ts';
import { createRouting, listUpstreams } from '../relay/route.ts';

/** `id` of each, in the order of the settings; `upstream` for the one of that section. */
export function upstreamsOf(
  principal: Principal,
  settings: Pick<Settings, 'submission' | 'upstream' | 'upstreams' | 'routes'>,
): readonly string[] {
  const routing = createRouting(settings);
  const client = { address: '', port: undefined, name: undefined, protocol: 'ESMTP' as const };
  const found = settings.submission.listeners
    .filter(({ access }) => access !== 'trusted-networks')
    .flatMap(({ name = '' }) => routing.ofSession({ listener: name, principal, client, token: undefined }));
  return listUpstreams(settings)
    .map(({ id }) => id)
    .filter((id) => found.includes(id));
}
