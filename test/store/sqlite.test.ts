// The store suite against SQLite.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeSuite } from './suite.ts';

storeSuite('SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-store-'));
  return {
    settings: { sqlite: join(folder, 'postern.sqlite') },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
});
