// Owns the list of every kind of message that arrives the same on both ways.

import { CHUNKS } from './chunks.ts';
import { ENVELOPES } from './envelope.ts';
import { FIELDS } from './fields.ts';
import type { Kind } from './kind.ts';
import { PARTS } from './parts.ts';
import { TEXTS } from './text.ts';

export const KINDS: readonly Kind[] = [...TEXTS, ...FIELDS, ...ENVELOPES, ...PARTS, ...CHUNKS];
