// RFC 7628 §4: the examples of OAUTHBEARER, played against the exchange as their lines stand there.

import { describe, expect, test } from 'vitest';
import { refuse } from '../../src/refusal.ts';
import { startExchange } from '../../src/sasl/exchange.ts';
import { alice } from '../unit/policy/principals.ts';

// The server of the examples.
const challenge = {
  scope: 'example_scope',
  openidConfiguration: 'https://example.com/.well-known/openid-configuration',
};

// §4.3: {"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/…"}
const FAILURE =
  'eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4' +
  'YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=';

// §4.1: n,a=user@example.com,^Ahost=server.example.com^Aport=143^Aauth=Bearer vF9d…==^A^A
const CREDENTIALS =
  'bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNS' +
  'bGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB';

function exchange() {
  return startExchange({ mechanism: 'OAUTHBEARER', challenge });
}

describe('§4.1 successful bearer token exchange', () => {
  const verify = {
    step: 'verify',
    token: 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==',
    userName: 'user@example.com',
    host: 'server.example.com',
    port: 143,
  };

  test('with an initial response', () => {
    const sasl = exchange();
    expect(sasl.start(CREDENTIALS)).toEqual(verify);
    expect(sasl.decide(alice())).toMatchObject({ step: 'done' });
  });

  test('in two steps', () => {
    const sasl = exchange();
    expect(sasl.start(undefined)).toEqual({ step: 'challenge', data: '' });
    expect(sasl.receive(CREDENTIALS)).toEqual(verify);
  });
});

describe('§4.3 failed exchange', () => {
  test('an empty Authorization value, which is how a client can query for the needed scope', () => {
    const probe = 'n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=\x01\x01';
    const sasl = exchange();
    expect(sasl.start(Buffer.from(probe).toString('base64'))).toEqual({ step: 'challenge', data: FAILURE });
    expect(sasl.receive('AQ==')).toMatchObject({ step: 'refused', refusal: { code: 'token-missing' } });
  });

  test('§3.2.3: a token that was refused gets the same challenge, ended by AQ==', () => {
    const sasl = exchange();
    sasl.start(CREDENTIALS);
    expect(sasl.decide(refuse('token-expired', ''))).toEqual({ step: 'challenge', data: FAILURE });
    expect(sasl.receive('AQ==')).toMatchObject({ step: 'refused', countsAsFailure: true });
  });
});

// The example has user= where RFC 5801 has a=: not a GS2 header, so not a request that can be read.
test('§4.4 SMTP example of a failed negotiation: its response is answered as an invalid request', () => {
  const response =
    'n,user=someuser@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==\x01\x01';
  const sasl = exchange();
  const answer = sasl.start(Buffer.from(response).toString('base64'));
  expect(answer.step).toBe('challenge');
  const data = answer.step === 'challenge' ? answer.data : '';
  expect(JSON.parse(Buffer.from(data, 'base64').toString())).toMatchObject({ status: 'invalid_request' });
  expect(sasl.receive('AQ==')).toMatchObject({ step: 'refused', refusal: { code: 'sasl-malformed' } });
});

describe('§3.1 client response', () => {
  const response = (text: string) => exchange().start(Buffer.from(text).toString('base64'));

  test('unknown keys MUST be ignored, reserved ones of OAUTH10A too', () => {
    const text = 'n,,\x01mthd=POST\x01path=/\x01post=\x01qs=\x01extra=1\x01auth=Bearer t\x01\x01';
    expect(response(text)).toMatchObject({ step: 'verify', token: 't' });
  });

  test('auth is REQUIRED', () => {
    expect(response('n,a=user@example.com,\x01host=h\x01\x01')).toMatchObject({ step: 'challenge' });
  });

  test('a lone kvsep is no request', () => {
    expect(response('\x01')).toMatchObject({ step: 'challenge' });
  });
});
