// What a real process keeps through `kill -9`: its keys, and above all what was revoked.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { session } from '../../load/client.ts';
import { type MeasuredGateway, startMeasuredGateway } from '../../load/gateway.ts';

let gateway: MeasuredGateway;

beforeAll(async () => {
  // Nobody sends a message here: the upstream's port may be closed.
  gateway = await startMeasuredGateway(9);
});
afterAll(() => gateway.close());

const signIn = (token: string) =>
  session({ port: gateway.implicit, ca: gateway.ca, user: gateway.sender, token }, undefined, 0);

test('a token revoked right before stays refused, one that was not stays good', async () => {
  const [revoked, kept] = [await gateway.token(), await gateway.token()];
  await signIn(revoked);
  await gateway.revoke(revoked);
  await gateway.killAndRestart();
  await expect(signIn(revoked)).rejects.toThrow('expected 235, got 334');
  await signIn(kept);
});
