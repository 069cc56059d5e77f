// Runs `postern token` as a process of its own, for the concurrency test: token-process.ts CONFIG-FOLDER

import { runToken } from '../../../src/command/token.ts';

const [folder = ''] = process.argv.slice(2);

process.exitCode = await runToken({
  options: {},
  surroundings: {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    environment: { XDG_CONFIG_HOME: folder },
    directory: folder,
  },
});
