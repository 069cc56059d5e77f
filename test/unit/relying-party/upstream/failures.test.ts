// What a token endpoint may do wrong: always a refusal that says what happened, in time, on one line, without a secret.

import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tidyPeerText } from '../../../../src/relying-party/upstream/peer-text.ts';
import { leakedSecrets } from '../../../support/leaked-secrets.ts';
import { newToken, oauthError, type Script, startTokenEndpoint } from '../../../support/token-endpoint.ts';
import { CLIENT_SECRET, situation } from './situation.ts';

const json = { 'content-type': 'application/json' };
const good = { access_token: 'a', token_type: 'Bearer', expires_in: 60 };

const BAD: [what: string, script: Script, words: RegExp][] = [
  [
    'a page of HTML',
    () => ({ headers: { 'content-type': 'text/html' }, body: '<html>' }),
    /unavailable: .* no token response; is it the token endpoint\?/,
  ],
  ['a 404 page', () => ({ status: 404, body: 'not here' }), /unavailable: .* 404 without an OAuth error/],
  ['nothing', () => ({ body: '' }), /unavailable: .* no token response/],
  [
    'JSON that is cut',
    () => ({ headers: json, body: '{"access_token": "a' }),
    /unavailable: .* no token response/,
  ],
  ['JSON of another kind', () => ({ headers: json, body: '[1, null]' }), /unavailable: .* no token response/],
  ['no access token', () => ({ body: { token_type: 'Bearer' } }), /unavailable: .* no token response/],
  [
    'an access token that is a number',
    () => ({ body: { ...good, access_token: 7 } }),
    /unavailable: .* no token response/,
  ],
  ['no token type', () => ({ body: { access_token: 'a' } }), /unavailable: .* no token response/],
  [
    'a lifetime that is none',
    () => ({ body: { ...good, expires_in: 'soon' } }),
    /unavailable: .* no token response/,
  ],
  ['a negative lifetime', () => ({ body: { ...good, expires_in: -1 } }), /unavailable: .* no token response/],
  ['a DPoP token', () => ({ body: { ...good, token_type: 'DPoP' } }), /login: .* not a bearer token/],
  ['a MAC token', () => ({ body: { ...good, token_type: 'mac' } }), /unavailable: .* no token response/],
  [
    'a token with a line break',
    () => ({ body: { ...good, access_token: 'a\r\nRSET' } }),
    /login: .* characters, or of a length/,
  ],
  [
    'a token with ^A',
    () => ({ body: { ...good, access_token: 'a\u0001b' } }),
    /login: .* characters, or of a length/,
  ],
  [
    'a token of 20,000 characters',
    () => ({ body: { ...good, access_token: 'a'.repeat(20_000) } }),
    /login: .* characters, or of a length/,
  ],
  ['2 MiB', () => ({ headers: json, body: `"${'x'.repeat(2 ** 21)}"` }), /unavailable: .* more than 1 MiB/],
  [
    'a zip bomb',
    () => ({ headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(2 ** 24, 32)) }),
    /unavailable: .* more than 1 MiB/,
  ],
  ['a cut line', () => 'cut', /unavailable: .* cannot be reached \(UND_ERR_SOCKET\)/],
  ['silence', () => 'hang', /unavailable: .* did not answer within 360 ms/],
  ['500', () => ({ status: 500, body: {} }), /unavailable: .* answered 500/],
  [
    '503 with an OAuth error',
    () => oauthError(503, 'temporarily_unavailable', 'x'),
    /unavailable: .* answered 503/,
  ],
  [
    'temporarily_unavailable with 400',
    () => oauthError(400, 'temporarily_unavailable', 'come back'),
    /unavailable: .* answered temporarily_unavailable: come back/,
  ],
  [
    '401 without a word',
    () => ({ status: 401, headers: { 'www-authenticate': 'Basic' }, body: '' }),
    /login: .* answered 401 without saying why; check clientId/,
  ],
  ['403 without a word', () => ({ status: 403, body: 'go away' }), /login: .* answered 403/],
  [
    'invalid_scope',
    () => oauthError(400, 'invalid_scope', 'no such scope'),
    /login: .* answered invalid_scope: no such scope \(check scopes\)/,
  ],
  [
    'an error of its own',
    () => oauthError(400, 'consent_required', ''),
    /login: .* answered consent_required$/,
  ],
  [
    'an error that is a sentence',
    () => oauthError(400, 'Oh\r\nno', 'x'),
    /login: .* answered an unknown error: x$/,
  ],
  [
    'an error called like a method of every object',
    () => oauthError(400, 'constructor', 'x'),
    /login: .* answered constructor: x$/,
  ],
  [
    'a description of three lines and 5,000 letters',
    () => oauthError(400, 'invalid_grant', `a\r\nb\u0000\u202ec ${'word '.repeat(1000)}`),
    /^upstream-login: \S+ answered invalid_grant: a b c (word ?){30,60} \(the grant/,
  ],
];

describe('an endpoint that answers with', () => {
  it.each(BAD)('%s', async (name, script, words) => {
    const { ask } = await situation(script, { timeout: name === 'silence' ? 400 : 20_000 });
    const told = await ask();
    expect(told).toMatch(words);
    expect(told).toMatch(/^[\x20-\x7e]{1,600}$/);
  });

  it('a redirect is not followed', async () => {
    const elsewhere = await startTokenEndpoint(() => ({ body: good }));
    try {
      const { ask } = await situation(() => ({
        status: 307,
        headers: { location: elsewhere.url },
        body: '',
      }));
      expect(await ask()).toMatch(/^upstream-unavailable: .* answered 307 without an OAuth error/);
      expect(elsewhere.requests).toHaveLength(0);
    } finally {
      await elsewhere.close();
    }
  });

  it('a token that is not refused for what it has beside it', async () => {
    const { ask } = await situation(() => ({
      body: { ...good, id_token: 'x.y.z', scope: 'less', refresh_token: 'unasked', more: { deep: [1] } },
    }));
    expect(await ask()).toBe('a');
  });
});

describe('a reason', () => {
  const userToken = newToken('eyJhbGciOiJSUzI1NiJ9.');

  const ECHOES: [string, (sent: string) => string][] = [
    ['whole', (sent) => `you sent ${sent}`],
    ['encoded', (sent) => `you sent ${encodeURIComponent(sent)}`],
    ['in part', (sent) => `it begins with ${sent.slice(0, 20)} and ends with ${sent.slice(-14)}`],
    ['in quotes', (sent) => `"${sent}", '${sent}', <${sent}>`],
    ['in base64', (sent) => `got ${Buffer.from(sent).toString('base64')}`],
  ];
  const secretsSent = [CLIENT_SECRET, userToken];

  it.each(ECHOES)('holds nothing of what the endpoint echoes %s', async (_, echo) => {
    for (const field of ['client_secret', 'subject_token'] as const) {
      const { ask } = await situation(
        ({ form }) => oauthError(400, 'invalid_request', echo(form.get(field) ?? 'nothing came')),
        { grant: 'token-exchange', clientSecretIn: 'body' },
      );
      const told = await ask({ userToken });
      expect(told).toMatch(/^upstream-login: .* answered invalid_request: /);
      expect(told).not.toContain('nothing came');
      expect(leakedSecrets([told], secretsSent)).toEqual([]);
    }
  });

  it('holds nothing of a secret that stands in the error itself', async () => {
    const script: Script = ({ form }) => oauthError(400, form.get('subject_token') ?? '', '');
    const { ask } = await situation(script, { grant: 'token-exchange' });
    expect(await ask({ userToken: 'abcdefghijklmnopqrstuvwx' })).toMatch(/answered an unknown error$/);
  });

  it('holds nothing of the credentials of the Authorization header', async () => {
    const script: Script = ({ headers }) => oauthError(400, 'invalid_request', `${headers.authorization}`);
    const { ask } = await situation(script);
    expect(leakedSecrets([await ask()], secretsSent)).toEqual([]);
  });

  it('keeps what an operator searches for', () => {
    const text =
      "AADSTS700016: Application with identifier '160c5842-eeba-487b-bb30-be9fae7878d0' was not found\r\n in non-existing-tenant.onmicrosoft.com";
    expect(tidyPeerText(text, ['secret-of-nobody'])).toBe(text.replace('\r\n ', ' '));
  });

  it('is short, on one line and free of secrets, whatever the endpoint says', () => {
    const secret = fc.string({ minLength: 12, maxLength: 80 });
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 400 }),
        secret,
        fc.string({ maxLength: 40 }),
        (before, sent, after) => {
          const told = tidyPeerText(`${before}${sent}${after}`, [sent]);
          expect(told).toMatch(/^[\x20-\x7e]{0,240}$/);
          const printable = sent.replace(/ +/g, ' ').trim();
          if (printable.length >= 12) expect(told).not.toContain(printable);
        },
      ),
      { numRuns: 300 },
    );
  });
});
