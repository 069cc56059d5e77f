// "Did you mean": what is suggested for a name nobody knows, and when nothing is.

import { describe, expect, it } from 'vitest';
import { SETTINGS_SCHEMA } from '../../../src/config/schema.ts';
import { suggest } from '../../../src/config/suggestion.ts';

const siblings = Object.keys(SETTINGS_SCHEMA.properties?.['submission']?.properties ?? {});
const suggestFor = (name: string): string | undefined => suggest({ name, siblings, schema: SETTINGS_SCHEMA });

describe('a suggestion', () => {
  it.each([
    ['hostnam', 'hostname'],
    ['hsotname', 'hostname'],
    ['max_message_bytes', 'maxMessageBytes'],
    ['MaxRecipients', 'maxRecipients'],
    ['maxRecipient', 'maxRecipients'],
    ['tsl', 'tls'],
  ])('for %s is %s', (name, expected) => {
    expect(suggestFor(name)).toBe(expected);
  });

  it('names the section where the setting would be right', () => {
    expect(suggestFor('trustedIssuers')).toBe('token.trustedIssuers');
    expect(suggestFor('access_token_lifetime')).toBe('authorization.accessTokenLifetime');
  });

  it('is not made where nothing is near', () => {
    expect(suggestFor('colour')).toBeUndefined();
    expect(suggestFor('')).toBeUndefined();
    expect(suggestFor('x'.repeat(100_000))).toBeUndefined();
  });
});
