// What vitest's JSON reports say, for .ci/run: `failed-files REPORT` lists what to run once more, `summary FOLDER` adds all up.

import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** More than that is no bad moment of the machine. */
const MAX_FAILED_FILES = 3;

const [act, where] = process.argv.slice(2);
if (act === 'failed-files') failedFiles(read(where));
else if (act === 'summary') summary(where);
else throw new Error('usage: results.mjs failed-files REPORT | summary FOLDER');

function failedFiles({ testResults }) {
  const files = testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);
  // None: vitest itself failed, or an error came up that no test waited for. Neither goes away by running a file alone.
  if (files.length === 0 || files.length > MAX_FAILED_FILES) {
    console.error(`${files.length} files failed: nothing is run again`);
    process.exit(1);
  }
  console.log(files.map((name) => relative(process.cwd(), name)).join(' '));
}

function summary(folder) {
  let passed = 0;
  for (const name of ['test', 'interop']) {
    const first = read(join(folder, `${name}.json`)).testResults;
    const again = join(folder, `${name}-again.json`);
    const second = existsSync(again) ? read(again).testResults : [];
    // The second attempt's word on a file counts instead of the first's.
    const files = new Map([...first, ...second].map((file) => [file.name, file]));
    const tests = [...files.values()].flatMap(({ assertionResults }) => assertionResults);
    if ([...files.values()].some(({ status }) => status === 'failed'))
      throw new Error(`${name}: not all passed`);
    if (tests.some(({ status }) => status !== 'passed'))
      throw new Error(`${name}: a test was skipped, and a skipped test has not passed`);
    for (const file of second) console.log(`passed at the second attempt only, mend it: ${file.name}`);
    passed += tests.length;
  }
  console.log(`${passed} passed, 0 failed`);
}

function read(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
