// The entry: hands the process to the command line and ends with its exit code.

import { reportFailure } from './command/failure.ts';
import { runProgram } from './command/program.ts';
import type { Surroundings } from './command/surroundings.ts';

const surroundings: Surroundings = {
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  environment: process.env,
  directory: process.cwd(),
};
const args = process.argv.slice(2);

// `postern config reference | head`: the reader has seen enough, which is no fault of anybody.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
}
process.on('uncaughtException', (error) => {
  process.exit(reportFailure(error, { surroundings, debug: args.includes('--debug') }));
});

process.exitCode = await runProgram(args, surroundings);
