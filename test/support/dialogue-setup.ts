// The lines at the head of a dialogue that must be known before the gateway starts.

import { type Dialogue, type DialogueStep, fault } from './dialogue-script.ts';
import { parseArguments, parseDuration } from './dialogue-text.ts';
import type { TestGatewayOptions } from './test-gateway.ts';

/** Settings from `submission:` and `relay:`, EHLO keywords from `upstream: offers`. */
export function gatewayOptions(dialogue: Dialogue): TestGatewayOptions {
  const of = (kind: string) => dialogue.setUp.filter((line) => line.kind === kind);
  const offers = of('upstream').find(({ text }) => text.startsWith('offers '));
  return {
    submission: Object.assign({}, ...of('submission').map((line) => settings(dialogue.file, line))),
    relay: Object.assign({}, ...of('relay').map((line) => settings(dialogue.file, line))),
    upstream: offers ? { keywords: offers.text.slice('offers '.length).split(', ') } : {},
  };
}

function settings(file: string, { text, line }: DialogueStep): Record<string, number> {
  const pairs = Object.entries(parseArguments(text.replaceAll(', ', ',')));
  return Object.fromEntries(
    pairs.map(([name, value]) => {
      const number = /^\d+$/.test(value) ? Number(value) : parseDuration(value);
      if (name === '' || Number.isNaN(number)) throw fault(file, line, `not a setting: ${text}`);
      return [name, number];
    }),
  );
}
