// Owns what is known of a device that waits for an answer (RFC 8628): what it shows, and where and when it asked.

import type { DeviceCode } from 'oidc-provider';

export interface DeviceTarget {
  readonly kind: 'device';
  /** As the device shows it, `XXXX-XXXX`. */
  readonly userCode: string;
  /** Where the request came from; undefined where that is not known. */
  readonly address: string | undefined;
  /** Seconds since the epoch. */
  readonly askedAt: number;
  /** The answer leads nowhere: the device fetches it. */
  readonly formAction: undefined;
}

/** Without look-alikes and vowels: 20^8 codes, about 34 bits (RFC 8628 §6.1). */
export const USER_CODE = { charset: 'base-20', mask: '****-****' } as const;

/** A code as people type it, in the form a device shows it; undefined for what cannot be one (RFC 8628 §6.1). */
export function spellUserCode(typed: string): string | undefined {
  const letters = typed.toUpperCase().replace(/\W/g, '');
  if (!/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/.test(letters)) return undefined;
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

export function deviceTarget(code: DeviceCode): DeviceTarget {
  const address = code.deviceInfo?.['address'];
  return {
    kind: 'device',
    userCode: spellUserCode(code.userCode) ?? code.userCode,
    address: typeof address === 'string' ? address : undefined,
    askedAt: code.iat,
    formAction: undefined,
  };
}
