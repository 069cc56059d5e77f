// What the take-over of a connection from nodemailer rests on: fails when an upgrade moves it.

import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { expect, test } from 'vitest';

test('SMTPConnection has the members that connect.ts uses', () => {
  const connection = new SMTPConnection({ host: '127.0.0.1', port: 1 }) as unknown as Record<string, unknown>;
  for (const listener of [
    '_onSocketData',
    '_onSocketError',
    '_onSocketClose',
    '_onSocketEnd',
    '_onSocketTimeout',
  ]) {
    expect(typeof connection[listener], listener).toBe('function');
  }
  expect(connection).toHaveProperty('_socket');
  expect(connection).toHaveProperty('lastServerResponse', false);
  expect(connection).toHaveProperty('stage', 'init');
  expect(connection).toHaveProperty('secureConnection', false);
  expect(connection).toHaveProperty('_remainder', '');
  expect(connection).toHaveProperty('_responseQueue', []);
});
