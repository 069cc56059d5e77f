// Which upstreams somebody's mail may go to, over all listeners where one can sign in, for whoever asks.

import type { Settings } from '../config/schema.ts';
import type { Principal } from '../principal.ts';
import { routesOfSession } from '../relay/route.ts';

/** `id` of each, in the order of the settings; `upstream` for the one of that section. */
export function upstreamsOf(
  principal: Principal,
  {
    submission,
    upstream,
    upstreams,
    routes,
  }: Pick<Settings, 'submission' | 'upstream' | 'upstreams' | 'routes'>,
): readonly string[] {
  const all = [...(upstream ? ['upstream'] : []), ...upstreams.map(({ id }) => id)];
  const unrouted = upstream ? ['upstream'] : all;
  if (routes.length === 0) return unrouted;
  const found = submission.listeners
    .filter(({ access }) => access !== 'trusted-networks')
    .flatMap(({ name = '' }) => {
      const client = { address: '', port: undefined, name: undefined, protocol: 'ESMTP' as const };
      const routed = routesOfSession(routes, { listener: name, principal, client, token: undefined });
      return [...routed.upstreams, ...(routed.complete ? [] : unrouted)];
    });
  return all.filter((id) => found.includes(id));
}
