// Owns EHLO and HELO: the name a client gives, what it is offered for it, and that both are forgotten under TLS.

import { refuse } from '../refusal.ts';
import type { Origin } from '../relay/origin.ts';
import { offeredMechanisms } from './access/login-commands.ts';
import type { Outcome } from './command-table.ts';
import type { Door, Wire } from './door.ts';
import { extensionLines } from './extensions.ts';

export class Hello {
  readonly #door: Door;
  readonly #wire: Wire;
  /** The argument of the last EHLO or HELO. */
  name: string | undefined;
  /** True where that was EHLO. */
  extended = false;
  /** True where that was told of CHUNKING. */
  chunking = false;

  constructor(options: { door: Door; wire: Wire }) {
    this.#door = options.door;
    this.#wire = options.wire;
  }

  async take(line: string, host: { signedIn: boolean; origin: Origin }): Promise<Outcome> {
    const [, verb, name] = /^(EHLO|HELO) +([!-~]{1,255}) *$/i.exec(line) ?? [];
    if (!verb || !name) return refuse('command-syntax', 'expected EHLO and a host name');
    this.name = name;
    this.extended = verb.toUpperCase() === 'EHLO';
    this.chunking = false;
    const { settings, relay } = this.#door;
    if (!this.extended) return { code: 250, lines: [settings.hostname] };
    const capabilities = await relay.currentCapabilities(host.origin);
    this.chunking = capabilities?.keywords.has('CHUNKING') === true;
    const { secure } = this.#wire;
    const mechanisms = offeredMechanisms(this.#door, this.#wire);
    const offer = { settings, mechanisms, capabilities, secure, signedIn: host.signedIn };
    return { code: 250, lines: [settings.hostname, ...extensionLines(offer)] };
  }

  /** RFC 3207 §4.2: nothing said before the TLS handshake counts. */
  forget(): void {
    this.name = undefined;
    this.extended = false;
    this.chunking = false;
  }
}
