// The other process of the store tests: writes rows and says which were acknowledged, until it is killed.

import { writeSync } from 'node:fs';
import { openStore } from '../../src/store/open.ts';

const [task, settings = '', id = ''] = process.argv.slice(2);
const store = await openStore({ settings: JSON.parse(settings) });

if (task === 'first-key') {
  process.stdout.write(`${await store.keys.addUnlessNewer({ id, privateJwk: '{}', createdAt: 100 }, 50)}\n`);
  await store.close();
} else {
  await writeForEver();
}

async function writeForEver(): Promise<never> {
  const late = 4_000_000_000;
  await store.accounts.upsert(
    {
      idpIssuer: 'i',
      idpSubject: 's',
      addresses: ['a@example.org'],
      groups: [],
      name: undefined,
      updatedAt: 1,
    },
    'account',
  );
  for (let i = 0; ; i++) {
    const row = `row-${i}`;
    await store.artifacts.put('Token', row, {
      payload: JSON.stringify({ filler: 'x'.repeat(2_000) }),
      grantId: 'g',
      uid: undefined,
      userCode: undefined,
      expiresAt: late,
    });
    await store.artifacts.consume('Token', row, 1);
    await store.revocations.add({ kind: 'token', id: row, expiresAt: late });
    writeSync(1, `${row}\n`);
  }
}
