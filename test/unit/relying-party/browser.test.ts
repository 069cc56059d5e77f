// Which program opens the browser, and where none is started.

import { expect, it } from 'vitest';
import { browserCommand, openBrowser } from '../../../src/relying-party/browser.ts';

it.each([
  ['linux', { DISPLAY: ':0' }, 'xdg-open'],
  ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, 'xdg-open'],
  ['linux', { WSL_DISTRO_NAME: 'Debian' }, 'xdg-open'],
  ['linux', {}, undefined],
  ['linux', { DISPLAY: '' }, undefined],
  ['darwin', {}, 'open'],
  ['win32', {}, 'rundll32'],
] as const)('on %s with %j it is %s', (platform, environment, program) => {
  expect(browserCommand(platform, environment)?.[0]).toBe(program);
});

it('never hands anything but a web address to a program', async () => {
  expect(await openBrowser(new URL('file:///etc/passwd'))).toBe(false);
  expect(await openBrowser(new URL('javascript:alert(1)'))).toBe(false);
});
