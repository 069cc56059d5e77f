#!/usr/bin/env -S node --max-semi-space-size=4
// The `postern` command of the package: the built program where there is one, else the source as it is.
// The option keeps V8's young generation small: read buffers of messages under way are freed with it, and so stay few.
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);
await import(existsSync(built) ? built.href : new URL('./main.ts', import.meta.url).href);
