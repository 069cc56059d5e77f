// Where somebody's mail may go: by person, group and listener, and what no route names.

import { expect, test } from 'vitest';
import { upstreamsOf } from '../../../src/gateway/upstreams-of.ts';
import { verifierSituation } from '../../support/verifier-situation.ts';

type Given = Parameters<typeof upstreamsOf>[1];

async function idsFor(groups: string[], changes: object): Promise<readonly string[]> {
  const tokens = await verifierSituation({
    trusted: { identity: { addresses: ['email'], requireVerified: true, groups: 'groups' } },
  });
  const principal = await tokens.accept(tokens.mintTrusted({ groups }));
  tokens.close();
  const listeners = [{ name: 'people' }, { name: 'apps' }, { name: 'printers', access: 'trusted-networks' }];
  return upstreamsOf(principal, {
    submission: { listeners },
    upstreams: [],
    routes: [],
    ...changes,
  } as unknown as Given);
}

const THREE = [{ id: 'one' }, { id: 'two' }, { id: 'three' }];

test('one upstream is called as the journal calls it', async () => {
  expect(await idsFor([], { upstream: {} })).toEqual(['upstream']);
});

test('without routes it is all of them', async () => {
  expect(await idsFor([], { upstreams: THREE })).toEqual(['one', 'two', 'three']);
});

test('a route of the person’s own takes all', async () => {
  const routes = [{ groups: ['staff'], upstreams: ['two'] }, { upstreams: ['one'] }];
  expect(await idsFor(['staff'], { upstreams: THREE, routes })).toEqual(['two']);
  expect(await idsFor(['guests'], { upstreams: THREE, routes })).toEqual(['one']);
});

test('what depends on the listener or the sender is told with the rest', async () => {
  const routes = [
    { listeners: ['apps'], upstreams: ['two'] },
    { listeners: ['printers'], upstreams: ['three'] },
  ];
  expect(await idsFor([], { upstreams: THREE, upstream: {}, routes })).toEqual(['upstream', 'two']);
  const bySender = [{ senders: ['*@example.org'], upstreams: ['three'] }, { upstreams: ['one'] }];
  expect(await idsFor([], { upstreams: THREE, routes: bySender })).toEqual(['one', 'three']);
});
