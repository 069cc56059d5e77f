// The lines at the head of a dialogue that must be known before the gateway starts.

import { type Dialogue, type DialogueStep, fault } from './dialogue-script.ts';
import { parseArguments, parseDuration } from './dialogue-text.ts';
import type { TestGatewayOptions } from './test-gateway.ts';

/** A server on this machine that may send as two addresses and a domain; `trusted:` lines change it. */
const TRUSTED = {
  name: 'scanners',
  networks: ['127.0.0.1/32'],
  sendAs: ['scanner@example.org', 'fax@example.org', '*@print.example.org'],
  maxConnections: 20,
  maxMessagesPerMinute: 60,
  maxRecipients: 100,
};

/** Settings from `submission:`, `relay:` and `trusted:`, EHLO keywords from `upstream: offers`. */
export function gatewayOptions(dialogue: Dialogue): TestGatewayOptions {
  const of = (kind: string) => dialogue.setUp.filter((line) => line.kind === kind);
  const offers = of('upstream').find(({ text }) => text.startsWith('offers '));
  return {
    submission: Object.assign(
      dialogue.listeners.includes('trusted') ? { trustedNetworks: [trustedNetwork(dialogue)] } : {},
      ...of('submission').map((line) => settings(dialogue.file, line)),
    ),
    relay: Object.assign({}, ...of('relay').map((line) => settings(dialogue.file, line))),
    upstreamKnown: of('upstream').some(({ text }) => text === 'is known'),
    upstream: offers ? { keywords: offers.text.slice('offers '.length).split(', ') } : {},
  };
}

function trustedNetwork({ file, setUp }: Dialogue): typeof TRUSTED & { requireTls?: boolean } {
  const lines = setUp.filter(({ kind }) => kind === 'trusted');
  const { requireTls, ...changes } = Object.assign({}, ...lines.map((line) => settings(file, line)));
  for (const name of ['networks', 'sendAs']) if (name in changes) changes[name] = [changes[name]].flat();
  return {
    ...TRUSTED,
    ...changes,
    ...(requireTls === undefined ? {} : { requireTls: requireTls === 'yes' }),
  };
}

/** `name=value` pairs: numbers, durations, words; `header.drop=A;B` is a list in a section. */
function settings(file: string, { text, line }: DialogueStep): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(parseArguments(text.replaceAll(', ', ',')))) {
    const [name = '', inner] = path.split('.');
    if (name === '' || value === '') throw fault(file, line, `not a setting: ${text}`);
    if (inner === undefined) settings[name] = settingValue(value);
    else settings[name] = { ...(settings[name] as object | undefined), [inner]: settingValue(value) };
  }
  return settings;
}

function settingValue(text: string): number | string | string[] {
  if (/^\d+$/.test(text)) return Number(text);
  if (/^\d+[a-z]+$/.test(text)) return parseDuration(text);
  return text.includes(';') ? text.split(';').filter((item) => item !== '') : text;
}
