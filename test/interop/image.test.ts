// The image's steps by hand, for want of a container engine: npm ci, build, prune; then the demo from dist/ with nothing else there.

import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { nodemailer } from './clients/nodemailer.ts';
import { DEMO } from './demo.ts';
import { execForm, readDockerfile, type Stage } from './dockerfile.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { fetchAppToken } from './gate.ts';
import { composeLetter, expectIntact } from './letter.ts';
import { programEnvironment, runProgram } from './program.ts';
import { startServerProcess } from './server-process.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const [build, image] = readDockerfile(readFileSync(join(PROJECT, 'Dockerfile'), 'utf8')) as [Stage, Stage];

test('what the Dockerfile builds serves mail', async () => {
  const [builder, app] = [makeFolder('builder'), makeFolder('image')];
  onTestFinished(() => [builder, app].forEach(removeFolder));
  await takeBuildSteps(builder);
  takeCopies(builder, app);

  const packages = readdirSync(join(app, 'node_modules'));
  expect(packages).toContain('oidc-provider');
  for (const name of ['node', 'vitest', 'typescript']) expect(packages).not.toContain(name);

  const node = commandOf(image, 'ENTRYPOINT');
  const version = await runProgram(process.execPath, [...node, '--version'], { folder: app });
  expect(version.text).toBe(`${JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')).version}\n`);

  expect(execForm(image, 'CMD').slice(0, 2)).toEqual(['serve', '--config']);
  cpSync(join(PROJECT, 'config'), join(app, 'config'), { recursive: true });
  const server = await startServerProcess(
    process.execPath,
    [...node, 'serve', '--config', 'config/demo.yaml'],
    { folder: app, environment: environmentOf(app), isReady: (line) => line.includes('"event":"started"') },
  );
  onTestFinished(() => server.end('SIGKILL'));
  const health = () => runProgram(process.execPath, commandOf(image, 'HEALTHCHECK'), { folder: app });
  expect((await health()).code).toBe(0);

  const letter = composeLetter({ from: DEMO.sender, to: ['alice@example.org'] });
  const { delivered, told } = await nodemailer.submit({
    port: DEMO.implicit,
    tls: 'implicit',
    ca: join(app, 'data/demo/ca.pem'),
    user: DEMO.sender,
    token: await fetchAppToken(DEMO),
    mechanism: 'XOAUTH2',
    mailFrom: DEMO.sender,
    recipients: ['alice@example.org'],
    letter,
    folder: app,
  });
  expect(delivered, told).toBe(true);
  const inbox = join(app, 'data/demo/inbox');
  const [file = ''] = readdirSync(inbox);
  expectIntact(readFileSync(join(inbox, file)), letter, ['X-Envelope-From', 'X-Envelope-To', 'Received']);

  await server.end('SIGTERM');
  expect((await health()).code).toBe(1);
}, 300_000);

async function takeBuildSteps(folder: string): Promise<void> {
  for (const { word, rest } of build.instructions) {
    if (word === 'COPY') copy(rest, PROJECT, folder);
    if (word !== 'RUN') continue;
    const { code, text } = await runProgram('sh', ['-ec', rest], {
      folder,
      // The machine's own way to its packages: home folder, registry, authorities.
      environment: process.env as Record<string, string>,
      timeLimit: 200_000,
    });
    expect(code, `${rest}\n${text}`).toBe(0);
  }
}

/** The copies of the last stage: `COPY --from=build /app/dist ./dist`. */
function takeCopies(from: string, to: string): void {
  for (const { word, rest } of image.instructions) {
    if (word === 'COPY')
      copy(
        rest.replace(/^--from=build (\S+)/, (_all, path) => path.slice(5)),
        from,
        to,
      );
  }
}

function copy(rest: string, from: string, to: string): void {
  const paths = rest.split(/ +/);
  const target = paths.pop() as string;
  for (const path of paths) {
    const into = target === './' ? join(to, path) : join(to, target);
    if (from === PROJECT) expect(isInContext(path), `${path} is left out by .dockerignore`).toBe(true);
    cpSync(join(from, path), into, { recursive: true, verbatimSymlinks: true });
  }
}

/** What .dockerignore lets through: everything is left out but the lines with an exclamation mark. */
function isInContext(path: string): boolean {
  const lines = readFileSync(join(PROJECT, '.dockerignore'), 'utf8').trim().split('\n');
  return lines[0] === '*' && lines.includes(`!${path}`);
}

/** Without the word `node` at its front, which here is the Node of the tests. */
function commandOf(stage: Stage, word: string): string[] {
  const [program, ...rest] = execForm(stage, word);
  expect(program).toBe('node');
  return rest;
}

function environmentOf(folder: string): Record<string, string> {
  const values = image.instructions.filter(({ word }) => word === 'ENV').map(({ rest }) => rest.split('='));
  return programEnvironment(folder, Object.fromEntries(values));
}
