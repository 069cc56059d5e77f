#!/usr/bin/env node
// The `postern` command of the package: the built program where there is one, else the source as it is.
import { existsSync } from 'node:fs';

const built = new URL('../dist/main.js', import.meta.url);
await import(existsSync(built) ? built.href : new URL('./main.ts', import.meta.url).href);
