// Opens the person's browser, where the machine has one.

import { spawn } from 'node:child_process';

/** Hands the address to the desktop's browser. False where there is no desktop or no such program; never throws. */
export function openBrowser(url: URL): Promise<boolean> {
  const command = browserCommand(process.platform, process.env);
  // The address becomes an argument of a program: nothing but web addresses may get there.
  if (command === undefined || !/^https?:$/.test(url.protocol)) return Promise.resolve(false);
  const [program, ...parameters] = command;
  return new Promise((resolve) => {
    const child = spawn(program, [...parameters, url.href], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => resolve(true));
    child.unref();
  });
}

/** The program and its parameters before the address; undefined where no window could appear. */
export function browserCommand(
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>,
): readonly [string, ...string[]] | undefined {
  if (platform === 'darwin') return ['open'];
  // Not `start`: it is a word of cmd.exe, which would read the & of a query as its own.
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler'];
  const hasDesktop =
    environment['DISPLAY'] || environment['WAYLAND_DISPLAY'] || environment['WSL_DISTRO_NAME'];
  return hasDesktop ? ['xdg-open'] : undefined;
}
