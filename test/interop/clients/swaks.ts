// swaks. It knows no OAuth mechanism, so it goes as far as the door: TLS, what is offered, and what is refused before sign-in.

import { runProgram } from '../program.ts';

export interface SwaksResult {
  readonly code: number;
  /** Its trace: `->` and `<-` in clear text, `~>` and `<~` within TLS, `**` at an error. */
  readonly trace: string;
}

export async function swaks(given: {
  readonly port: number;
  readonly folder: string;
  readonly from: string;
  readonly to: string;
  readonly more: readonly string[];
}): Promise<SwaksResult> {
  const { folder, from, to, port, more } = given;
  const parameters = ['--server', 'localhost', '--port', String(port), '--from', from, '--to', to, ...more];
  const { code, text } = await runProgram('swaks', parameters, { folder });
  return { code, trace: text };
}
