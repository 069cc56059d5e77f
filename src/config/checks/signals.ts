// Checks of the transmitters of Shared Signals: whose word ends access, and how it comes.

import type { CheckInput } from './check.ts';
import { checkInsecureHttp, checkIssuerUrl, httpUrl } from './issuers.ts';

const LEAST_INTERVAL = 1_000;
const LONGEST_INTERVAL = 3_600_000;

export function checkSharedSignals(input: CheckInput): void {
  const { sharedSignals } = input.settings.authorization;
  const seen = new Map<string, number>();
  sharedSignals.forEach((transmitter, index) => {
    const { issuer, jwksUri, push, poll, allowInsecureHttp } = transmitter;
    const place = ['authorization', 'sharedSignals', index];
    const urls: [string, string][] = [['issuer', issuer]];
    checkIssuerUrl(input, [...place, 'issuer'], issuer);
    if (jwksUri !== undefined) {
      httpUrl(input, [...place, 'jwksUri'], jwksUri);
      urls.push(['jwksUri', jwksUri]);
    }
    if (poll !== undefined) {
      httpUrl(input, [...place, 'poll', 'endpoint'], poll.endpoint);
      urls.push(['poll.endpoint', poll.endpoint]);
      if (poll.interval < LEAST_INTERVAL || poll.interval > LONGEST_INTERVAL) {
        input.findings.fault([...place, 'poll', 'interval'], 'must be from 1s to 1h');
      }
    }
    checkInsecureHttp(input, place, allowInsecureHttp, urls);
    if (push === undefined && poll === undefined) {
      input.findings.fault(place, 'has neither push nor poll, so nothing would ever be heard from it');
    }
    const earlier = seen.get(issuer);
    if (earlier !== undefined) {
      input.findings.fault(
        [...place, 'issuer'],
        `is the same issuer as authorization.sharedSignals[${earlier}]`,
      );
    }
    seen.set(issuer, earlier ?? index);
  });
}
