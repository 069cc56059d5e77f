// Owns what each event means, at which level it is written, and what its fields say; reference.ts makes docs/events.md from it.

import { AUTHORIZATION_EVENTS } from './catalogue-authorization.ts';
import { PROCESS_EVENTS } from './catalogue-process.ts';
import { SUBMISSION_EVENTS } from './catalogue-submission.ts';
import type { Catalogue } from './catalogue-words.ts';
import type { EventFields } from './event-fields.ts';

export const EVENTS: Catalogue<EventFields> = {
  ...SUBMISSION_EVENTS,
  ...AUTHORIZATION_EVENTS,
  ...PROCESS_EVENTS,
};
