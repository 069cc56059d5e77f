// Owns where the programs lie whose packages cannot be installed beside Postfix's: run.sh unpacks them into a folder.

import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A program of a package that run.sh has unpacked, by its path in the package. */
export function unpacked(path: string): string {
  const root = process.env['POSTERN_INTEROP_PACKAGES'] ?? '';
  const program = join(root, path);
  if (root === '' || !existsSync(program))
    throw new Error(`${path} is not unpacked; npm run test:interop does it`);
  return program;
}
