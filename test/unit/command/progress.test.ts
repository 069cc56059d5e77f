// The progress bar: what it draws, and when it keeps silent.

import { describe, expect, it } from 'vitest';
import { drawBar, startProgress } from '../../../src/command/progress.ts';
import { surroundings } from './surroundings.ts';

const MEGABYTE = 1_000_000;

describe('the bar', () => {
  it.each([
    [0, 10, 50, 'sending [-----------------------]   0% of 10.0 MB'],
    [5, 10, 50, 'sending [############-----------]  50% of 10.0 MB'],
    [10, 10, 50, 'sending [#######################] 100% of 10.0 MB'],
    [12, 10, 50, 'sending [#######################] 100% of 10.0 MB'],
    [5, undefined, 50, 'sending 5.0 MB'],
  ])('for %s of %s MB', (octets, total, width, expected) => {
    const bar = drawBar({
      octets: octets * MEGABYTE,
      total: total === undefined ? undefined : total * MEGABYTE,
      width,
    });
    expect(bar).toBe(expected);
  });

  it.each([5, 20, 40, 80, 200])('never fills a terminal of %s columns, which would wrap it', (width) => {
    const bar = drawBar({ octets: MEGABYTE, total: 10 * MEGABYTE, width });
    expect(bar.length).toBeLessThan(width);
  });
});

describe('progress', () => {
  it('is silent where nobody watches, and for what is over at once', () => {
    const pipe = surroundings();
    startProgress({ errors: pipe.errors, total: 10 * MEGABYTE }).advance(5 * MEGABYTE);
    const terminal = surroundings({ terminalWidth: 80 });
    const progress = startProgress({ errors: terminal.errors, total: 1000 });
    progress.advance(1000);
    progress.end();
    expect(pipe.told() + terminal.told()).toBe('');
  });

  it('is not drawn more often than a person can see', () => {
    const terminal = surroundings({ terminalWidth: 80 });
    let now = 0;
    const progress = startProgress({ errors: terminal.errors, total: 10 * MEGABYTE, now: () => now });
    for (now = 0; now < 1000; now++) progress.advance(5 * MEGABYTE);
    expect(terminal.told().split('\r')).toHaveLength(11);
  });
});
