// Owns the list of audit events that this door writes; audit/ says what each carries.

import type { AuditEvents } from '../audit/events.ts';

export type AuthorizationEvents = Pick<
  AuditEvents,
  | 'signInStarted'
  | 'signInSucceeded'
  | 'signInFailed'
  | 'consentGiven'
  | 'consentDenied'
  | 'deviceGrantStarted'
  | 'deviceGrantRefused'
  | 'deviceCodesLimited'
  | 'tokenIssued'
  | 'tokenRefreshed'
  | 'refreshTokenReused'
  | 'tokenRevoked'
  | 'grantRevoked'
  | 'personEnded'
  | 'personEnabled'
  | 'idpSessionEnded'
  | 'clientEnded'
  | 'signalReceived'
  | 'signalRefused'
  | 'signalSourceDown'
  | 'signalSourceUp'
  | 'signedOut'
  | 'clientRegistered'
  | 'clientRefused'
  | 'certificateReloaded'
  | 'certificateReloadFailed'
  | 'certificateExpires'
  | 'identityProviderDown'
  | 'identityProviderUp'
  | 'fault'
>;
