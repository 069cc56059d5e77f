// Owns what an EHLO reply offers, and what is to be said of it.

import { type Finding, ok, problem, warning } from './findings.ts';
import type { Reply } from './reply.ts';
import type { PortMode } from './report.ts';

export interface Capabilities {
  /** Lines behind the first, which is the server's name. */
  readonly lines: readonly string[];
  /** Upper case. */
  readonly mechanisms: readonly string[];
}

export const NO_CAPABILITIES: Capabilities = { lines: [], mechanisms: [] };

/** In the order in which a client should prefer them. */
export const OAUTH_MECHANISMS = ['OAUTHBEARER', 'XOAUTH2'] as const;

export function readCapabilities(reply: Reply): Capabilities {
  const lines = reply.lines.slice(1);
  const mechanisms = lines
    // `AUTH=PLAIN` is what servers wrote before RFC 2554.
    .flatMap((line) => /^AUTH[ =](.*)$/i.exec(line)?.[1]?.split(/\s+/) ?? [])
    .filter((name) => name !== '')
    .map((name) => name.toUpperCase());
  return { lines, mechanisms: [...new Set(mechanisms)] };
}

export function offers({ lines }: Capabilities, keyword: string): boolean {
  return lines.some((line) => line.split(' ', 1)[0]?.toUpperCase() === keyword);
}

/** STARTTLS as EHLO shows it. `unasked` is the answer to a STARTTLS sent although it is not offered. */
export function judgeStartTls(given: {
  mode: PortMode;
  clear: Capabilities;
  unasked: Reply | undefined;
}): Finding[] {
  const { clear, unasked } = given;
  if (offers(clear, 'STARTTLS')) return [ok('starttls', 'STARTTLS is offered')];
  // Firewalls overwrite the word so that mail stays readable to them (RFC 3207 §6: the man in the middle may).
  if (clear.lines.some((line) => /^X{4,}/.test(line)) || unasked?.code === 220) {
    return [
      problem(
        'starttls',
        'the server knows STARTTLS, but its offer does not arrive: something on the way strips it and can read everything',
        'Look for a firewall or proxy with "SMTP inspection" between here and the server, and switch that off.',
      ),
    ];
  }
  if (given.mode === 'relay') {
    return [
      warning(
        'starttls',
        'STARTTLS is not offered: mail comes in readable',
        'Give the server a certificate.',
      ),
    ];
  }
  return [
    problem(
      'starttls',
      'STARTTLS is not offered: nobody can sign in without showing the credential to the network',
      'Configure a certificate and offer STARTTLS, or use implicit TLS on port 465 (RFC 8314 §3.3).',
    ),
  ];
}

/** What is offered to a client that has done all that is asked of it: TLS where there is TLS. */
export function judgeMechanisms(mode: PortMode, { mechanisms }: Capabilities): Finding[] {
  const oauth = OAUTH_MECHANISMS.filter((name) => mechanisms.includes(name));
  const others = mechanisms.filter((name) => !(OAUTH_MECHANISMS as readonly string[]).includes(name));
  const passwords = others.filter((name) => PASSWORD.test(name));
  const findings: Finding[] = [];
  if (oauth.length > 0) {
    findings.push(ok('mechanisms', `people and programs can sign in with tokens: ${oauth.join(', ')}`));
  } else if (mode !== 'relay' && mechanisms.length === 0) {
    findings.push(
      problem(
        'mechanisms',
        'no sign-in is offered at all, so nobody can submit mail (RFC 6409 §4.3)',
        'Offer OAUTHBEARER and XOAUTH2.',
      ),
    );
  } else if (mode !== 'relay') {
    findings.push(
      warning(
        'mechanisms',
        `neither OAUTHBEARER nor XOAUTH2 is offered, only ${mechanisms.join(', ')}`,
        'Offer them, so that people can sign in without a password.',
      ),
    );
  }
  if (passwords.length > 0) {
    findings.push(
      warning(
        'password-mechanisms',
        `passwords can be used to sign in, and so guessed or phished: ${passwords.join(', ')}`,
        'Switch these mechanisms off when the last program has moved to tokens.',
      ),
    );
  }
  return findings;
}

/** The server keeps, or is shown, what a person knows by heart. */
const PASSWORD = /^(PLAIN|LOGIN|CRAM-|DIGEST-|SCRAM-|NTLM|MSN|GSSAPI-PASSWORD|APOP|SRP)/;

export function judgeXclient({ lines }: Capabilities): Finding[] {
  if (!lines.some((line) => /^XCLIENT\b/i.test(line))) return [];
  return [
    warning(
      'xclient',
      'XCLIENT is offered to us: whoever gets it can pretend to be any address and any signed-in user',
      'Offer it only to your own proxies (Postfix: smtpd_authorized_xclient_hosts).',
    ),
  ];
}

/** RFC 3207 §4.2: inside TLS there is nothing left to offer. */
export function judgeInsideTls(inside: Capabilities): Finding[] {
  if (!offers(inside, 'STARTTLS')) return [];
  return [
    warning(
      'starttls',
      'STARTTLS is offered again inside TLS (RFC 3207 §4.2 forbids it), which confuses clients',
      'Report it to the makers of the server.',
    ),
  ];
}
