// Plays every *.smtp file of this folder against the real door, each as a test of its own.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'vitest';
import { playDialogue } from '../support/dialogue.ts';
import { parseDialogue } from '../support/dialogue-script.ts';
import { gatewayOptions } from '../support/dialogue-setup.ts';
import { startTestGateway } from '../support/test-gateway.ts';

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.smtp'));

// Most of a dialogue is waiting for the other side; a few at a time use the time better.
describe.concurrent('dialogues', () => {
  for (const file of files) {
    const dialogue = parseDialogue(file, readFileSync(`${import.meta.dirname}/${file}`, 'utf8'));
    for (const listener of dialogue.listeners) {
      const suffix = dialogue.listeners.length > 1 ? ` (${listener})` : '';
      test(`${file.replace('.smtp', '')}: ${dialogue.title}${suffix}`, async () => {
        await playDialogue(dialogue, await startTestGateway(gatewayOptions(dialogue)), listener);
      });
    }
  }
});
