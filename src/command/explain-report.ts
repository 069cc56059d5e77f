// What `postern explain` prints for people.

import type { KnownRefusal } from '../explanation/refusal-memory.ts';
import type { TokenDescription } from '../explanation/verdict.ts';
import { printable } from './administration-socket.ts';
import type { Judged } from './explain.ts';

/** Advice is imported late, as every command's work is. */
export async function verdictLines(judged: Judged): Promise<string[]> {
  const { verdict, unchecked } = judged;
  const open = unchecked.length === 0 ? [] : [row('unchecked', unchecked.join(', '))];
  if (!verdict.accepted) {
    const rows = [
      row('why', verdict.reason),
      ...(verdict.believed === undefined ? [] : [row('believed', verdict.believed.join(', '))]),
      ...describe(verdict.token),
      ...open,
      row('to do', (await adviceOn(judged)) ?? ''),
    ];
    return [`refused: ${verdict.code}`, ...rows];
  }
  const { addresses, subject, groups, scopes, client, issuer, expires, upstreams } = verdict;
  return [
    `accepted: ${printable(addresses[0] ?? subject)}`,
    row('addresses', addresses.join(', ')),
    ...(groups.length > 0 ? [row('groups', groups.join(', '))] : []),
    ...(scopes.length > 0 ? [row('scopes', scopes.join(' '))] : []),
    ...(client === undefined ? [] : [row('client', client)]),
    row('issuer', issuer),
    row('expires', expires),
    ...(upstreams === undefined ? [] : [row('mail to', upstreams.join(', '))]),
    ...open,
  ];
}

/** Undefined for a token that is accepted. */
export async function adviceOn({ verdict, unchecked }: Judged): Promise<string | undefined> {
  if (verdict.accepted) return undefined;
  if (unchecked.length > 0 && isSilent(verdict.token))
    return 'The token says nothing of itself. Ask again while Postern runs: only then can it be looked up.';
  if (unchecked.length > 0)
    return 'What the token says of itself is right. Ask again while Postern runs: only then can the rest be checked.';
  const { ADVICE } = await import('../explanation/advice.ts');
  const advice = ADVICE[verdict.code];
  return verdict.entry === undefined ? advice : advice.replaceAll('token.trustedIssuers[]', verdict.entry);
}

function isSilent({ issuer, algorithm }: TokenDescription): boolean {
  return issuer === undefined && algorithm === undefined;
}

export async function refusalLines(refusals: readonly KnownRefusal[]): Promise<string[]> {
  const { ADVICE } = await import('../explanation/advice.ts');
  return refusals.flatMap((refusal) => [
    printable(`${spellTime(refusal.time)} UTC: ${spellStage(refusal.stage)} refused: ${refusal.code}`),
    row('from', whoTried(refusal)),
    row('why', refusal.reason),
    ...(refusal.upstreamReply === undefined ? [] : [row('its words', refusal.upstreamReply)]),
    ...describe(refusal),
    row('to do', ADVICE[refusal.code]),
  ]);
}

function whoTried({ peer, mechanism, userName, user, client, upstream }: KnownRefusal): string {
  const parts = [
    peer,
    mechanism,
    userName === undefined ? undefined : `user name ${userName}`,
    user,
    client === undefined ? undefined : `client ${client}`,
    upstream === undefined ? undefined : `for upstream ${upstream}`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

function describe({ issuer, audience, keyId, algorithm }: TokenDescription): string[] {
  const says = Object.entries({ iss: issuer, aud: audience, kid: keyId, alg: algorithm }).flatMap(
    ([name, value]) => (value === undefined ? [] : [`${name} ${value}`]),
  );
  return says.length === 0 ? [] : [row('it says', says.join(', '))];
}

function spellStage(stage: string): string {
  return ['sign-in', 'command', 'session'].includes(stage) ? stage : `message (${stage})`;
}

function spellTime(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}

function row(name: string, text: string): string {
  return `  ${`${name}:`.padEnd(11)}${printable(text)}`;
}
