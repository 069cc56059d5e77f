// Finding a claim by the name an operator writes: at the top, or inside other claims.

import type { Claims } from './identity.ts';

/**
 * The value of `email`, `realm_access.roles`, `https://example.org/groups`. A claim of the whole name comes first: names may hold
 * dots themselves, at every step.
 */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  for (let dot = path.indexOf('.'); dot > 0; dot = path.indexOf('.', dot + 1)) {
    const name = path.slice(0, dot);
    const inner = Object.hasOwn(claims, name) ? claims[name] : undefined;
    const found = isSection(inner) ? claimAt(inner, path.slice(dot + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The texts of a claim: one, or those of a list. */
export function textsAt(claims: Claims, path: string): string[] {
  const value = claimAt(claims, path);
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((item) => typeof item === 'string');
}

/**
 * Its texts, or of an object of objects its names: Zitadel writes roles so. Numbers and truth values as texts: platforms write
 * both ways.
 */
export function namesAt(claims: Claims, path: string): string[] {
  const value = claimAt(claims, path);
  if (isSection(value)) return Object.keys(value).filter((name) => isSection(value[name]));
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  return textsAt(claims, path);
}

function isSection(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
