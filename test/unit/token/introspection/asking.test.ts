// Tokens their issuer is asked about: who is asked about which token, what the answer is worth, how often the question is put.

import { afterEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import {
  type AskedIssuer,
  type AskingSituation,
  askingSituation,
  FIRST,
  SECOND,
} from '../../../support/asking-situation.ts';
import { encodeJson, encodeText, goodClaims, mintToken, testKey } from '../../../support/tokens.ts';

const NO = () => Response.json({ active: false });
const BROKEN = () => new Response(null, { status: 503 });
const key = testKey();
let situation: AskingSituation;

async function given(...args: Parameters<typeof askingSituation>): Promise<AskingSituation> {
  situation = await askingSituation(...args);
  return situation;
}
afterEach(() => situation.close());

const both: readonly AskedIssuer[] = [{ issuer: FIRST }, { issuer: SECOND }];
const whoWasAsked = () => situation.asked.map(({ issuer }) => issuer);
async function codeOf(token: string): Promise<string> {
  const verdict = await situation.verifier.verify(token);
  return isRefusal(verdict) ? verdict.code : 'good';
}

describe('who is asked', () => {
  it('about an opaque token: the issuer whose tokens begin so, and nobody else', async () => {
    await given([
      { issuer: FIRST, settings: { tokenPrefixes: ['ya29.', 'ya30.'] } },
      { issuer: SECOND, settings: { tokenPrefixes: ['gw_'] } },
    ]);
    situation.answer(() => Response.json(situation.yes({}, SECOND)), SECOND);
    for (const token of ['ya30.abc', 'gw_abc']) expect(await codeOf(token)).toBe('good');
    expect(whoWasAsked()).toEqual([FIRST, SECOND]);
    expect(await codeOf('YA29.abc')).toBe('token-malformed');
    expect(whoWasAsked()).toHaveLength(2);
  });

  it('without prefixes: one after the other in the order of the configuration, until one stands by it', async () => {
    await given(both);
    situation.answer(NO);
    situation.answer(() => Response.json(situation.yes({ sub: 'second' }, SECOND)), SECOND);
    expect(await situation.verifier.verify('opaque')).toMatchObject({ issuer: SECOND, subject: 'second' });
    expect(whoWasAsked()).toEqual([FIRST, SECOND]);
    situation.answer(() => Response.json(situation.yes()));
    expect(await codeOf('another')).toBe('good');
    expect(whoWasAsked()).toEqual([FIRST, SECOND, FIRST]);
  });

  it('about a signed token: the issuer it names alone, whatever the prefixes', async () => {
    await given([{ issuer: FIRST, settings: { tokenPrefixes: ['gw_'] } }, { issuer: SECOND }]);
    const token = mintToken(key, goodClaims(FIRST));
    expect(await codeOf(token)).toBe('good');
    expect(situation.asked).toEqual([{ issuer: FIRST, token }]);
  });

  it.each<[string, string, string]>([
    [
      'names an issuer nobody trusts',
      mintToken(key, goodClaims('https://elsewhere.example')),
      'token-issuer',
    ],
    ['has the header of a signed one but is broken', `${encodeJson({ alg: 'ES256' })}.x.`, 'token-malformed'],
    ['is too long', 'x'.repeat(16 * 1024 + 1), 'token-malformed'],
    ['is empty', '', 'token-missing'],
  ])('nobody, about a token that %s', async (_what, token, code) => {
    await given(both);
    expect(await codeOf(token)).toBe(code);
    expect(situation.asked).toEqual([]);
  });

  it.each<[string, string]>([
    ['of two parts', 'ya29.a0AfH6SMB'],
    ['of three parts that are no header', 'ya29.a0.AfH6'],
    ['encrypted', 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..x.y.z'],
    ['signed, without an issuer', mintToken(key, { sub: 'x' })],
    ['of text that is JSON', encodeText('{}')],
  ])('everybody in turn, about a token %s', async (_what, token) => {
    await given(both);
    situation.answer(NO);
    situation.answer(NO, SECOND);
    expect(await codeOf(token)).toBe('token-revoked');
    expect(whoWasAsked()).toEqual([FIRST, SECOND]);
  });

  it('a signed token of an issuer whose signatures count is never shown to one that is asked', async () => {
    await given([
      { issuer: FIRST },
      { issuer: SECOND, settings: { verification: 'signature', jwksUri: SECOND } },
    ]);
    situation.answer(() => Response.json({ keys: [key.publicJwk] }), SECOND);
    expect(await codeOf(mintToken(key, goodClaims(SECOND)))).toBe('good');
    expect(whoWasAsked()).toEqual([SECOND]);
  });
});

describe('a yes', () => {
  it('is worth what it says: the Principal is made of the answer, not of the token', async () => {
    await given();
    const claims = { sub: 'bob-id', email: 'bob@example.org', client_id: 'gateway', jti: 'ref-1' };
    situation.answer(() => Response.json(situation.yes(claims)));
    const token = mintToken(key, goodClaims(FIRST, { email: 'alice@example.org' }));
    expect(await situation.verifier.verify(token)).toMatchObject({
      issuer: FIRST,
      subject: 'bob-id',
      addresses: ['bob@example.org'],
      clientId: 'gateway',
      tokenId: 'ref-1',
    });
  });

  it('without sub is about its username, without exp good for five minutes', async () => {
    const { yes, answer, verifier, clock } = await given();
    answer(() => Response.json(yes({ sub: undefined, username: 'alice', exp: undefined, iss: undefined })));
    expect(await verifier.verify('opaque')).toMatchObject({
      subject: 'alice',
      expiresAt: clock.now() / 1000 + 300,
    });
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['another issuer', { iss: SECOND }, 'token-issuer'],
    ['another audience', { aud: 'https://calendar.example.org' }, 'token-audience'],
    ['no audience', { aud: undefined }, 'token-audience'],
    ['too little scope', { scope: 'openid' }, 'token-scope'],
    ['an end that is past', { exp: 1_000_000_000 }, 'token-revoked'],
    ['a beginning to come', { nbf: 4_000_000_000 }, 'token-not-yet-valid'],
    ['an ID token', { token_use: 'id' }, 'token-type'],
    ['a refresh token', { typ: 'Refresh' }, 'token-type'],
    ['a refresh token in other words', { token_use: 'refresh_token' }, 'token-type'],
    ['a refresh token, by its type', { token_type: 'refresh_token' }, 'token-type'],
    ['a refresh token, by its type in another spelling', { token_type: 'Refresh' }, 'token-type'],
    ['a token with a proof of its own', { token_type: 'PoP' }, 'token-bound'],
    ['a MAC token', { token_type: 'mac' }, 'token-bound'],
    ['no address', { email: undefined }, 'token-identity'],
    // The issuer's nonsense is not the client's fault: its token may be good.
    ['no subject', { sub: undefined }, 'issuer-unavailable'],
    ['a subject of many lines', { sub: 'a\nb' }, 'issuer-unavailable'],
    ['an endless life', { exp: 1e15 }, 'issuer-unavailable'],
    ['a life in words', { exp: 'tomorrow' }, 'issuer-unavailable'],
  ])('with %s is none', async (_what, claims, code) => {
    const { yes, answer } = await given();
    answer(() => Response.json(yes(claims)));
    expect(await codeOf('opaque')).toBe(code);
  });

  it('needs no audience where there is none to compare, if the client is the right one', async () => {
    const { yes, answer } = await given([
      { issuer: FIRST, settings: { audiences: undefined as never, clients: ['mail-program'] } },
    ]);
    answer(() => Response.json(yes({ aud: undefined })));
    expect(await codeOf('one')).toBe('good');
    answer(() => Response.json(yes({ aud: undefined, client_id: 'calendar' })));
    expect(await codeOf('two')).toBe('token-client');
  });

  it('counts for nothing once the token was revoked here', async () => {
    const { revocations, yes } = await given();
    expect(await codeOf('opaque')).toBe('good');
    await revocations.revoke({ kind: 'token', id: String(yes()['jti']), expiresAt: Number(yes()['exp']) });
    expect(await codeOf('opaque')).toBe('token-revoked');
  });
});

describe('while an issuer does not answer', () => {
  it('a token is neither good nor bad, also where another issuer knows nothing of it', async () => {
    const { answer, verifier } = await given(both);
    answer(BROKEN);
    answer(NO, SECOND);
    expect(await verifier.verify('opaque')).toMatchObject({
      code: 'issuer-unavailable',
      reason: `"${FIRST}" can't be asked about the token: "${FIRST}/introspect": status 503`,
    });
  });

  it('another that knows the token is believed', async () => {
    const { answer, yes } = await given(both);
    answer(BROKEN);
    answer(() => Response.json(yes({}, SECOND)), SECOND);
    expect(await codeOf('opaque')).toBe('good');
  });

  it('a token it has vouched for is good until its time is over, and not longer', async () => {
    const { answer, clock } = await given();
    expect(await codeOf('opaque')).toBe('good');
    answer(BROKEN);
    clock.advance(59_999);
    expect(await codeOf('opaque')).toBe('good');
    clock.advance(1);
    expect(await codeOf('opaque')).toBe('issuer-unavailable');
  });
});

describe('how often', () => {
  it('a yes counts for cacheFor, never beyond the end of the token', async () => {
    const { asked, clock, answer, yes } = await given();
    answer(() => Response.json(yes({ exp: clock.now() / 1000 + 20 })));
    expect(await codeOf('short')).toBe('good');
    answer(NO);
    clock.advance(19_999);
    expect(await codeOf('short')).toBe('good');
    clock.advance(1);
    expect(await codeOf('short')).toBe('token-revoked');
    expect(asked).toHaveLength(2);
  });

  it('a no counts for ten seconds', async () => {
    const { asked, clock, answer } = await given();
    answer(NO);
    for (let time = 0; time < 5; time += 1) expect(await codeOf('dead')).toBe('token-revoked');
    expect(asked).toHaveLength(1);
    // A replica may have been slow to hear of a new token.
    answer(() => Response.json(situation.yes()));
    clock.advance(10_000);
    expect(await codeOf('dead')).toBe('good');
  });

  it('no more than 200 questions are under way at a time', async () => {
    const { asked, answer, yes } = await given();
    const { promise, resolve } = Promise.withResolvers<void>();
    answer(async () => {
      await promise;
      return Response.json(yes());
    });
    const verdicts = Array.from({ length: 250 }, (_, number) => codeOf(`token-${number}`));
    // Refused at once: they do not wait for those that do.
    const late = await Promise.all(verdicts.slice(200));
    expect(new Set(late)).toEqual(new Set(['issuer-unavailable']));
    resolve();
    expect(new Set(await Promise.all(verdicts.slice(0, 200)))).toEqual(new Set(['good']));
    expect(asked).toHaveLength(200);
  });

  it('remembers no more tokens than cacheSize', async () => {
    const { asked } = await given(undefined, { cacheSize: 2 });
    for (const token of ['one', 'two', 'three', 'one']) await codeOf(token);
    expect(asked.map(({ token }) => token)).toEqual(['one', 'two', 'three', 'one']);
  });
});

it('says nothing of the token or the secret in any reason', async () => {
  const { answer, verifier, yes } = await given();
  const secret = 'opaque-token-0123456789';
  const reasons: string[] = [];
  for (const claims of [
    { iss: secret },
    { aud: 'x' },
    { exp: secret },
    { email: 'nobody' },
    { cnf: { jkt: '' } },
  ]) {
    answer(() => Response.json(yes(claims)));
    const verdict = await verifier.verify(`${secret}-${reasons.length}`);
    reasons.push(isRefusal(verdict) ? verdict.reason : '');
  }
  expect(reasons.filter(Boolean)).toHaveLength(5);
  // What the issuer itself writes as its name is shown; the token it was asked about is not.
  expect(reasons.slice(1).join('\n')).not.toMatch(/opaque-token|hunter2/);
});
