// `postern serve`: what it starts, how it stops, what it says when it does not start.

import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type StartGateway, serve } from '../../../src/command/serve.ts';
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
  writeFileSync(join(directory, 'postern.yaml'), text);
  const around = surroundings({ directory });
  const signals = new EventEmitter();
  const exit = vi.fn();
  const ended = serve({
    file: 'postern.yaml',
    surroundings: around,
    startGateway,
    process: Object.assign(signals, { exit }),
  });
  return { ended, exit, signals, told: around.told };
}

describe('serve', () => {
  it.each(['SIGTERM', 'SIGINT'])('starts with the settings and stops in good order at %s', async (signal) => {
    const stop = vi.fn(async () => {});
    const started = Promise.withResolvers<Parameters<StartGateway>[0]>();
    const { ended, signals } = start(async (given) => {
      started.resolve(given);
      return { stop, welcome: undefined };
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
    const { ended, signals, told } = start(async () => ({ stop: async () => {}, welcome: 'Try this next.' }));
    await vi.waitFor(() => expect(told()).toBe('Try this next.\n'));
    signals.emit('SIGTERM', 'SIGTERM');
    expect(await ended).toBe(0);
  });

  it('stops also when asked while it still starts', async () => {
    const stop = vi.fn(async () => {});
    const beginning = Promise.withResolvers<void>();
    const { ended, signals } = start(async () => {
      signals.emit('SIGTERM', 'SIGTERM');
      beginning.resolve();
      return { stop, welcome: undefined };
    });
    await beginning.promise;
    expect(await ended).toBe(0);
    expect(stop).toHaveBeenCalledOnce();
  });

  it('ends at once at the second signal', async () => {
    const stopping = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const { ended, signals, exit } = start(async () => ({
      welcome: undefined,
      stop: () => {
        stopping.resolve();
        return release.promise;
      },
    }));
    await vi.waitFor(() => expect(signals.listenerCount('SIGTERM')).toBe(1));
    signals.emit('SIGTERM', 'SIGTERM');
    await stopping.promise;
    expect(exit).not.toHaveBeenCalled();
    signals.emit('SIGINT', 'SIGINT');
    expect(exit).toHaveBeenCalledExactlyOnceWith(1);
    release.resolve();
    await ended;
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
