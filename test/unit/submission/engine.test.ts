// What is hooked in smtp-server, and what is relied on not to be there: fails when an upgrade moves it.

import { readFileSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js';
import { expect, test } from 'vitest';

test('the hooked methods are there', () => {
  for (const method of [
    'init',
    'send',
    'close',
    'upgrade',
    '_setListeners',
    '_createParser',
    '_onTimeout',
    '_onClose',
    '_armTimeout',
    '_whenWritable',
  ]) {
    expect(typeof (SMTPConnection.prototype as unknown as Record<string, unknown>)[method], method).toBe(
      'function',
    );
  }
  for (const method of ['_write', '_flushData']) {
    expect(typeof (SMTPStream.prototype as unknown as Record<string, unknown>)[method], method).toBe(
      'function',
    );
  }
  expect(typeof SMTPServer.prototype.connect).toBe('function');
});

const source = readFileSync(new URL(import.meta.resolve('smtp-server/lib/smtp-connection.js')), 'utf8');

test('commands reach the engine through the parser only, which is replaced', () => {
  // Whatever calls these behind our back would bring back the engine's own commands, its jokes among them.
  expect(source.match(/this\._onCommand\(/g)).toHaveLength(1);
  expect(source.match(/_onCommand\(command, callback\)/g)?.length).toBeGreaterThan(0);
  expect(source).toMatch(
    /parser\.oncommand = \(command, callback\) => this\._onCommand\(command, callback\)/,
  );
});

test('STARTTLS retires the parser that holds what came in clear text', () => {
  expect(source).toMatch(/this\._parser\.isClosed = true;\s*this\._parser = this\._createParser\(\);/);
});
