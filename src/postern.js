#!/usr/bin/env -S node --max-semi-space-size=4
// The `postern` command of the package: the built program where there is one, else the source as it is.
// The option keeps V8's young generation small: read buffers of messages under way are freed with it, and so stay few.
import { existsSync } from 'node:fs';

if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`postern needs Node 24 or newer; this is Node ${process.versions.node}\n`);
  process.exit(1);
}
const built = new URL('../dist/main.js', import.meta.url);
await import(existsSync(built) ? built.href : new URL('./main.ts', import.meta.url).href);
