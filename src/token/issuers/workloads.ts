// For whom the token of a job speaks: the entry of the configuration that its subject and claims fit.

import { canonicalAddress } from '../../address.ts';
import { type Refusal, refuse } from '../../refusal.ts';
import { shown } from '../shown.ts';
import { namesAt } from './claim-path.ts';
import { claimPattern } from './claim-pattern.ts';
import type { Claims } from './identity.ts';
import type { WorkloadSettings } from './workload-settings.ts';

/** Compiles the entries once. The function gives the addresses of the first that fits, or `token-identity`. */
export function createWorkloads(
  entries: readonly WorkloadSettings[],
): (claims: Claims) => string[] | Refusal {
  const workloads = entries.map(({ subject, where = [], sendAs }) => ({
    fitsSubject: claimPattern(subject),
    conditions: where.map(({ claim, anyOf }) => ({ claim, patterns: anyOf.map(claimPattern) })),
    addresses: sendAs.map(canonicalAddress).filter((address) => address !== undefined),
  }));

  return (claims) => {
    const subject = String(claims['sub']);
    const named = workloads.filter(({ fitsSubject }) => fitsSubject(subject));
    if (named.length === 0)
      return refuse('token-identity', `no entry of workloads fits sub ${shown(subject)}`);
    const missed: string[] = [];
    for (const { conditions, addresses } of named) {
      const failed = conditions.find(
        ({ claim, patterns }) =>
          !namesAt(claims, claim).some((value) => patterns.some((fits) => fits(value))),
      );
      if (!failed) return addresses;
      missed.push(`${failed.claim} is ${shown(namesAt(claims, failed.claim))}`);
    }
    const why = missed.slice(0, 3).join('; ');
    return refuse(
      'token-identity',
      `sub ${shown(subject)} fits, but not what else workloads ask for: ${why}`,
    );
  };
}
