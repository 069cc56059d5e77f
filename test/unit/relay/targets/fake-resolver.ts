// A zone in place of DNS, with a record of the questions; a name is answered as it is written in the zone.

import type { SystemLookup, TargetResolver } from '../../../../src/relay/targets/targets.ts';

/** Data as zone files have it: an address, `10 mx.example`, `0 1 465 mail.example`. */
export type Zone = Readonly<
  Record<string, { readonly [type in 'A' | 'AAAA' | 'MX' | 'SRV']?: readonly string[] }>
>;

export interface FakeResolver extends TargetResolver {
  /** A questions with everything that the name has, as getaddrinfo. */
  readonly system: SystemLookup;
  /** `MX example.org` */
  readonly questions: string[];
  zone: Zone;
  /** Code of the error that every question gets in place of its answer, or `silent` for none at all. */
  failure: string | undefined;
}

export function zoneResolver(zone: Zone): FakeResolver {
  const questions: string[] = [];
  async function ask(type: 'A' | 'AAAA' | 'MX' | 'SRV', name: string): Promise<readonly string[]> {
    questions.push(`${type} ${name}`);
    if (fake.failure === 'silent') return await new Promise(() => undefined);
    if (fake.failure !== undefined) throw Object.assign(new Error('fails'), { code: fake.failure });
    const known = fake.zone[name];
    const found = known?.[type];
    if (!found) throw Object.assign(new Error('none'), { code: known ? 'ENODATA' : 'ENOTFOUND' });
    return found;
  }
  const fake: FakeResolver = {
    questions,
    zone,
    failure: undefined,
    system: async (name) => (await ask('A', name)).map((address) => ({ address })),
    resolve4: async (name) => [...(await ask('A', name))],
    resolve6: async (name) => [...(await ask('AAAA', name))],
    resolveMx: async (name) =>
      (await ask('MX', name)).map((data) => ({
        priority: Number(data.split(' ', 1)[0]),
        exchange: data.slice(data.indexOf(' ') + 1),
      })),
    resolveSrv: async (name) =>
      (await ask('SRV', name)).map((data) => {
        const [priority = 0, weight = 0, port = 0] = data.split(' ').map(Number);
        return { priority, weight, port, name: data.split(' ')[3] ?? '' };
      }),
  };
  return fake;
}
