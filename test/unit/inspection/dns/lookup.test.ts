// Questions to a real resolver on loopback: what it answers, that it has nothing, that it does not answer.

import { afterEach, describe, expect, it } from 'vitest';
import { createLookup } from '../../../../src/inspection/dns/lookup.ts';
import { type NameServer, type NameServerRecord, startNameServer } from '../../../support/name-server.ts';

let server: NameServer | undefined;

afterEach(() => server?.close());

const RECORDS: NameServerRecord[] = [
  { name: 'example.org', type: 'TXT', data: `v=DKIM1; p=${'x'.repeat(300)}` },
  { name: 'example.org', type: 'MX', data: '10 mx.example.org' },
  { name: 'mail.example.org', type: 'A', data: '192.0.2.1' },
  { name: 'mail.example.org', type: 'AAAA', data: '2001:0db8:0000:0000:0000:0000:0000:0001' },
  { name: 'six.example.org', type: 'AAAA', data: '2001:0db8:0000:0000:0000:0000:0000:0002' },
  { name: '_submissions._tcp.example.org', type: 'SRV', data: '0 1 465 mail.example.org' },
  { name: '_submission._tcp.example.org', type: 'SRV', data: '0 0 0 .' },
];

async function lookup(
  behaviour?: 'silent' | 'fails' | 'garbage',
  limits?: { answer: number; whole: number },
) {
  server = await startNameServer({ records: RECORDS, ...(behaviour ? { behaviour } : {}) });
  const patient = behaviour ? { answer: 500, whole: 3000 } : { answer: 10_000, whole: 20_000 };
  return createLookup({ server: server.address, limits: limits ?? patient });
}

describe('an answer', () => {
  it('has the parts of a text joined', async () => {
    const answer = await (await lookup()).texts('example.org');
    expect(answer).toEqual({ outcome: 'found', records: [`v=DKIM1; p=${'x'.repeat(300)}`] });
  });

  it('has the addresses of both families', async () => {
    const asked = await lookup();
    expect(await asked.addresses('mail.example.org')).toEqual({
      outcome: 'found',
      records: ['192.0.2.1', '2001:db8::1'],
    });
    expect(await asked.addresses('six.example.org')).toEqual({ outcome: 'found', records: ['2001:db8::2'] });
  });

  it('has mail exchangers and services', async () => {
    const asked = await lookup();
    expect(await asked.exchangers('example.org')).toEqual({ outcome: 'found', records: ['mx.example.org'] });
    expect(await asked.services('_submissions._tcp.example.org')).toEqual({
      outcome: 'found',
      records: [{ target: 'mail.example.org', port: 465, priority: 0 }],
    });
    expect(await asked.services('_submission._tcp.example.org')).toMatchObject({ records: [{ target: '' }] });
  });

  it('may be that there is none, of that name or of that type', async () => {
    const asked = await lookup();
    expect(await asked.texts('nothing.example.org')).toEqual({ outcome: 'none' });
    expect(await asked.texts('mail.example.org')).toEqual({ outcome: 'none' });
    expect(await asked.addresses('nothing.example.org')).toEqual({ outcome: 'none' });
  });
});

describe('no answer', () => {
  it.each([
    ['silent', /in time/],
    ['fails', /SERVFAIL/],
    ['garbage', /./],
  ] as const)('of a resolver that is %s is told as such', async (behaviour, reason) => {
    const began = performance.now();
    const asked = await lookup(behaviour);
    for (const answer of [await asked.texts('example.org'), await asked.addresses('mail.example.org')])
      expect(answer).toEqual({ outcome: 'unanswered', reason: expect.stringMatching(reason) });
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('is waited for no longer than all questions may take together', async () => {
    const began = performance.now();
    const asked = await lookup('silent', { answer: 300, whole: 500 });
    for (let n = 0; n < 20; n += 1) await asked.texts('example.org');
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
