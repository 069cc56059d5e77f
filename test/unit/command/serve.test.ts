// `postern serve`: what it starts, how it stops, what it says when it does not start.

import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type StartGateway, serve } from '../../../src/command/serve.ts';
import type { Given } from '../../../src/gateway.ts';
import { SOUND } from '../config/configuration.ts';
import { surroundings } from './surroundings.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postern-serve-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function start(startGateway: StartGateway, text = SOUND) {
  const file = join(directory, 'postern.yaml');
  writeFileSync(file, text);
  const around = surroundings({ directory });
  const signals = new EventEmitter();
  const exit = vi.fn();
  const ended = serve({
    file: 'postern.yaml',
    surroundings: around,
    startGateway,
    process: Object.assign(signals, { exit }),
  });
  return { ended, exit, file, signals, told: around.told };
}

/** A gateway that does as it is told. */
const RUNNING = {
  welcome: undefined,
  stop: async () => {},
  reload: async () => {},
  refuseReload: () => {},
};

describe('serve', () => {
  it.each(['SIGTERM', 'SIGINT'])('starts with the settings and stops in good order at %s', async (signal) => {
    const stop = vi.fn(async () => {});
    const started = Promise.withResolvers<Parameters<StartGateway>[0]>();
    const { ended, signals } = start(async (given) => {
      started.resolve(given);
      return { ...RUNNING, stop };
    });
    const given = await started.promise;
    expect(given.settings.submission.hostname).toBe('localhost');
    expect(given.dangers.join()).toContain('demo');
    expect(given.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(stop).not.toHaveBeenCalled();
    signals.emit(signal, signal);
    expect(await ended).toBe(0);
    expect(stop).toHaveBeenCalledExactlyOnceWith(signal);
    expect(signals.eventNames()).toEqual([]);
  });

  it('hands on what the gateway has to say to the person who started it', async () => {
    const { ended, signals, told } = start(async () => ({ ...RUNNING, welcome: 'Try this next.' }));
    await expect.poll(told).toBe('Try this next.\n');
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(0);
  });

  it('stops also when asked while it still starts', async () => {
    const stop = vi.fn(async () => {});
    const beginning = Promise.withResolvers<void>();
    const { ended, signals } = start(async () => {
      signals.emit('SIGTERM', 'SIGTERM');
      beginning.resolve();
      return { ...RUNNING, stop };
    });
    await beginning.promise;
    expect(await ended).toBe(0);
    expect(stop).toHaveBeenCalledOnce();
  });

  it('ends at once at the second signal', async () => {
    const stopping = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const { ended, signals, exit } = start(async () => ({
      ...RUNNING,
      stop: () => {
        stopping.resolve();
        return release.promise;
      },
    }));
    await expect.poll(() => signals.listenerCount('SIGTERM')).toBe(1);
    signals.emit('SIGTERM', 'SIGTERM');
    await stopping.promise;
    expect(exit).not.toHaveBeenCalled();
    signals.emit('SIGINT', 'SIGINT');
    expect(exit).toHaveBeenCalledExactlyOnceWith(1);
    release.resolve();
    await ended;
  });

  it('reads the file again at SIGHUP and hands the new settings on', async () => {
    const reload = vi.fn(async (_given: Given) => {});
    const { ended, signals, file } = start(async () => ({ ...RUNNING, welcome: 'Running.', reload }));
    await expect.poll(() => signals.listenerCount('SIGHUP')).toBe(1);
    await vi.waitFor(() => {
      writeFileSync(file, SOUND.replace('hostname: localhost', 'hostname: other.example.org'));
      signals.emit('SIGHUP', 'SIGHUP');
      expect(reload.mock.lastCall?.[0].settings.submission.hostname).toBe('other.example.org');
    }, 20_000);
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(0);
    expect(signals.eventNames()).toEqual([]);
  });

  it('goes on as before where the file has faults by then, and tells each of them', async () => {
    const reload = vi.fn(async () => {});
    const refuseReload = vi.fn((_faults: readonly string[]) => {});
    const running = { ...RUNNING, welcome: 'Running.', reload, refuseReload };
    const { ended, signals, file, told } = start(async () => running);
    await expect.poll(told).toContain('Running.');
    writeFileSync(file, SOUND.replace('tls: starttls', 'tls: none'));
    signals.emit('SIGHUP', 'SIGHUP');
    await expect.poll(told).toContain('Postern goes on as before.');
    expect(told()).toContain('submission.listeners[0].tls');
    expect(refuseReload.mock.lastCall?.[0].join()).toContain('submission.listeners[0].tls');
    expect(reload).not.toHaveBeenCalled();
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(0);
  });

  it.each([
    [
      'faults of the new settings',
      Object.assign(new Error('one'), { faults: [{ path: 'store', message: 'has changed' }] }),
      /^postern\.yaml: store: has changed\n1 fault\. Postern goes on as before\.\n$/,
    ],
    [
      'a fault of its own',
      new TypeError('x is not a function'),
      /^postern\.yaml: TypeError: x is not a function; the journal has more\n1 fault\. Postern goes on as before\.\n$/,
    ],
  ])('goes on as before where the gateway cannot reload for %s', async (_what, error, words) => {
    const running = { ...RUNNING, reload: () => Promise.reject(error) };
    const started = Promise.withResolvers<void>();
    const { ended, signals, told } = start(async () => {
      started.resolve();
      return running;
    });
    await started.promise;
    await vi.waitFor(() => {
      if (told() === '') signals.emit('SIGHUP', 'SIGHUP');
      expect(told()).toMatch(words);
    }, 20_000);
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(0);
  });

  it('starts nothing with a faulty configuration, and names every fault', async () => {
    const startGateway = vi.fn();
    const { ended, told } = start(
      startGateway,
      SOUND.replace('tls: starttls', 'tls: none').replace('sqlite:', 'slqite:'),
    );
    expect(await ended).toBe(1);
    expect(startGateway).not.toHaveBeenCalled();
    expect(told()).toMatch(/^postern\.yaml:6: submission\.listeners\[0\]\.tls: /);
    expect(told()).toMatch(/\n3 faults\. Postern did not start\.\n$/);
  });

  it('names every fault of the start with its path', async () => {
    const { ended, told, signals } = start(async () => {
      throw Object.assign(new Error('2 faults'), {
        faults: [
          { path: 'submission.listeners[0].listen', message: 'the port is in use' },
          { path: 'store.sqlite', message: 'not a database' },
        ],
      });
    });
    expect(await ended).toBe(1);
    expect(told()).toBe(
      'postern.yaml: submission.listeners[0].listen: the port is in use\n' +
        'postern.yaml: store.sqlite: not a database\n' +
        '2 faults. Postern did not start.\n',
    );
    expect(signals.eventNames()).toEqual([]);
  });

  it('does not take a fault of the program for one of the operator', async () => {
    const { ended } = start(async () => {
      throw new TypeError('x is not a function');
    });
    await expect(ended).rejects.toThrow('x is not a function');
  });
});
