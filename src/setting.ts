// Noun: the kinds of value an operator may write in the configuration file, beyond what JSON Schema knows.
// Each folder's settings.ts is written in these; config/load.ts reads the `x-kind` marks and turns text into values.

import Type, { type TUnsafe } from 'typebox';

/** A password, client secret or key. Prints as `[secret]` wherever it lands by mistake. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The text itself; call it only where it leaves for the peer it is meant for. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

/** Address and port of a listener or a peer. */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

interface Note {
  readonly description: string;
  /** Written as the operator would write it. */
  readonly default?: string;
  readonly examples?: readonly string[];
}

/** `"500ms"`, `"30s"`, `"15m"`, `"12h"`, `"90d"`; a number of milliseconds once loaded. */
export function duration(note: Note): TUnsafe<number> {
  return Type.Unsafe<number>({
    type: 'string',
    pattern: '^[0-9]+(ms|s|m|h|d)$',
    'x-kind': 'duration',
    ...note,
  });
}

/** `"127.0.0.1:587"`, `"[::1]:587"`, `":587"` for every address; a {@link SocketAddress} once loaded. */
export function socketAddress(note: Note): TUnsafe<SocketAddress> {
  return Type.Unsafe<SocketAddress>({
    type: 'string',
    pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\s\\[\\]]*):[0-9]{1,5}$',
    'x-kind': 'socket-address',
    ...note,
  });
}

/** `"10.1.0.0/16"`, `"2001:db8::/32"`, or one address; in its canonical form once loaded. */
export function network(note: Note): TUnsafe<string> {
  return Type.Unsafe<string>({ type: 'string', minLength: 1, 'x-kind': 'network', ...note });
}

/** A file that must exist and be readable; relative to the configuration file, absolute once loaded. */
export function existingFile(note: Note): TUnsafe<string> {
  return Type.Unsafe<string>({ type: 'string', minLength: 1, 'x-kind': 'existing-file', ...note });
}

/** A file or folder that Postern makes; relative to the configuration file, absolute once loaded. */
export function writablePath(note: Note): TUnsafe<string> {
  return Type.Unsafe<string>({ type: 'string', minLength: 1, 'x-kind': 'writable-path', ...note });
}

/** `{file: PATH}` or `{env: NAME}`: a {@link Secret} once loaded. The text of a secret never stands in the file. */
export function secret(note: Note): TUnsafe<Secret> {
  return Type.Unsafe<Secret>({
    anyOf: [
      {
        type: 'object',
        required: ['file'],
        properties: { file: { type: 'string', minLength: 1 } },
        additionalProperties: false,
      },
      {
        type: 'object',
        required: ['env'],
        properties: { env: { type: 'string', minLength: 1 } },
        additionalProperties: false,
      },
    ],
    'x-kind': 'secret',
    ...note,
  });
}

/** A {@link secret} of several lines: a PEM key, a key file in JSON. */
export function secretText(note: Note): TUnsafe<Secret> {
  return Type.Unsafe<Secret>({ ...secret(note), 'x-lines': 'many' });
}
