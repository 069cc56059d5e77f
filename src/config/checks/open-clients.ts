// Checks of what is said about programs that nobody registered: patterns that mean something, hosts that are hosts.

import { faultOfPattern } from '../../authorization/open-clients/redirect-pattern.ts';
import { type Place, quote } from '../fault.ts';
import { isHostName } from '../hosts.ts';
import type { CheckInput } from './check.ts';

export function checkRegistration(input: CheckInput): void {
  const { redirectPatterns } = input.settings.authorization.registration;
  checkPatterns(input, ['authorization', 'registration', 'redirectPatterns'], redirectPatterns, false);
}

export function checkClientMetadataDocuments(input: CheckInput): void {
  const documents = input.settings.authorization.clientMetadataDocuments;
  const place = ['authorization', 'clientMetadataDocuments'];
  const { mode, redirectPatterns, hosts, privateHosts } = documents;
  checkPatterns(input, [...place, 'redirectPatterns'], redirectPatterns, true);
  if (mode === 'open' && redirectPatterns.length === 0) {
    input.findings.fault([...place, 'redirectPatterns'], 'allows no program at all; write mode: closed');
  }
  if (mode === 'open' && redirectPatterns.includes('same-origin') && hosts.length === 0) {
    input.findings.danger(
      [...place, 'redirectPatterns'],
      'lets any web site ask people for permission to send mail; name those that may in hosts',
    );
  }
  hosts.forEach((host, index) => {
    if (isHostName(host) && host === host.toLowerCase()) return;
    input.findings.fault([...place, 'hosts', index], `${quote(host)} is not a host name in small letters`);
  });
  privateHosts.forEach((host, index) => {
    if (URL.parse(`https://${host}/`)?.host === host) return;
    input.findings.fault(
      [...place, 'privateHosts', index],
      `${quote(host)} is neither host nor host:port, in small letters`,
    );
  });
}

function checkPatterns(
  { findings }: CheckInput,
  place: Place,
  patterns: readonly string[],
  documents: boolean,
): void {
  patterns.forEach((pattern, index) => {
    const fault = faultOfPattern(pattern, documents);
    if (fault !== undefined) findings.fault([...place, index], `${quote(pattern)} ${fault}`);
  });
}
