// Checks of what the presets of upstreams cannot fill in: who Postern is to a provider that knows nobody by their address.

import { SETTINGS_SCHEMA } from '../schema.ts';
import type { Check, CheckInput } from './check.ts';
import { upstreamsOf } from './upstreams.ts';

export const PRESET_CHECKS: readonly Check[] = [
  {
    reads: ['preset', 'host', 'login', 'oauth', 'clientCertificate']
      .map((name) => `upstream.${name}`)
      .concat('upstreams'),
    run: checkSignIn,
  },
];

/** A preset that names a host is of a public provider; there nobody may send without an account. */
function checkSignIn({ settings, findings }: CheckInput): void {
  for (const { place, upstream } of upstreamsOf(settings)) {
    const { preset = '', host, login, oauth, clientCertificate } = upstream;
    const brought = SETTINGS_SCHEMA.properties?.['upstream']?.['x-presets']?.[preset] ?? {};
    if (brought['host'] !== host || (login ?? oauth ?? clientCertificate) !== undefined) continue;
    const way = 'oauth' in brought ? 'oauth' : 'login';
    findings.fault(
      [...place, way],
      `is missing: ${host} takes mail from its own accounts only; docs/upstreams/${preset}.md says what to write`,
    );
  }
}
