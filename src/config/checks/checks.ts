// What must fit together across settings: the ordered list of checks that run once each setting is well formed by itself.

import { checkListenerAccess, checkTrustedNetworks } from './access.ts';
import {
  checkCertificate,
  checkCiphers,
  checkClientAuthorities,
  checkSessionTickets,
} from './certificate.ts';
import type { Check } from './check.ts';
import {
  checkAppAuthorities,
  checkCertificateSubjects,
  checkClientCertificates,
  checkReverseProxy,
} from './client-certificates.ts';
import { checkClientKeys, checkClients, checkDeviceGrant, checkSendAs } from './clients.ts';
import { checkDkimFields, checkDkimKeys } from './dkim.ts';
import { checkDroppedFields } from './header.ts';
import { checkAudience, checkIdentityProvider, checkOwnIssuer } from './issuers.ts';
import { BOUNDS, checkBound, checkKeyRotation, checkSizes, checkTokenLifetimes } from './limits.ts';
import { checkAddressesInUse, checkDemo, checkHostName, HOST_NAMES } from './listeners.ts';
import { checkClientMetadataDocuments, checkRegistration } from './open-clients.ts';
import { PRESET_CHECKS } from './presets.ts';
import { checkSharedSignals } from './signals.ts';
import { checkTrustedIssuers } from './trusted-issuers.ts';
import { UPSTREAM_CHECKS } from './upstreams.ts';

const ISSUER = 'authorization.issuer';
const CLIENTS = 'authorization.clients';
const REVERSE_PROXY = 'authorization.reverseProxy';
const AUTHORITIES = 'authorization.clientAuthorities';
const LISTENERS = ['submission.listeners', 'authorization.listen', 'audit.listen', 'demo'];
const SIGNING_KEYS = ['token.signingKeys.rotateEvery', 'token.signingKeys.publishAhead'];

export const CHECKS: readonly Check[] = [
  { reads: LISTENERS, run: checkDemo },
  { reads: LISTENERS, run: checkAddressesInUse },
  {
    reads: ['submission.listeners', 'submission.trustedNetworks', 'submission.tls'],
    run: checkListenerAccess,
  },
  { reads: ['submission.trustedNetworks'], run: checkTrustedNetworks },
  { reads: ['submission.header.drop'], run: checkDroppedFields },
  ...HOST_NAMES.map((path) => ({ reads: [path], run: checkHostName(path) })),
  { reads: ['submission.tls', 'submission.hostname', 'demo'], run: checkCertificate },
  { reads: ['submission.tls.ciphers'], run: checkCiphers },
  { reads: ['submission.tls.clientAuthorities'], run: checkClientAuthorities },
  { reads: ['submission.tls.sessionTickets'], run: checkSessionTickets },
  { reads: ['dkim.keys'], run: checkDkimKeys },
  { reads: ['dkim.signedFields', 'dkim.sealedFields'], run: checkDkimFields },
  ...UPSTREAM_CHECKS,
  ...PRESET_CHECKS,
  { reads: [ISSUER], run: checkOwnIssuer },
  { reads: ['authorization.identityProvider'], run: checkIdentityProvider },
  { reads: ['token.audience'], run: checkAudience },
  { reads: ['token.trustedIssuers', ISSUER], run: checkTrustedIssuers },
  { reads: ['authorization.sharedSignals'], run: checkSharedSignals },
  { reads: [CLIENTS], run: checkClients },
  { reads: [CLIENTS], run: checkSendAs },
  { reads: [CLIENTS, 'authorization.deviceGrant'], run: checkDeviceGrant },
  { reads: [CLIENTS], run: checkClientKeys },
  { reads: [REVERSE_PROXY], run: checkReverseProxy },
  { reads: [CLIENTS, REVERSE_PROXY], run: checkClientCertificates },
  { reads: [CLIENTS, AUTHORITIES], run: checkCertificateSubjects },
  { reads: [CLIENTS, AUTHORITIES], run: checkAppAuthorities },
  { reads: ['authorization.registration'], run: checkRegistration },
  { reads: ['authorization.clientMetadataDocuments'], run: checkClientMetadataDocuments },
  ...BOUNDS.map((bound) => ({ reads: [bound.path], run: checkBound(bound) })),
  {
    reads: ['authorization.accessTokenLifetime', 'authorization.refreshTokenLifetime'],
    run: checkTokenLifetimes,
  },
  { reads: SIGNING_KEYS, run: checkKeyRotation },
  { reads: ['submission.maxHeaderBytes', 'submission.maxMessageBytes'], run: checkSizes },
];
