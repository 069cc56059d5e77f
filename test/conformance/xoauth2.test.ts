// The examples of Google's and Microsoft's documents on XOAUTH2.

import { describe, expect, test } from 'vitest';
import { refuse } from '../../src/refusal.ts';
import { startExchange } from '../../src/sasl/exchange.ts';
import { alice } from '../unit/policy/principals.ts';

// Google, "OAuth 2.0 Mechanism": user=someuser@example.com^Aauth=Bearer ya29.vF9d…^A^A
const GOOGLE =
  'dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cB' +
  'AQ==';
// The same document, the error response.
const GOOGLE_ERROR =
  'eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K';

const challenge = { scope: 'https://mail.google.com/', openidConfiguration: undefined };
const verify = {
  step: 'verify',
  token: 'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg',
  userName: 'someuser@example.com',
};

function exchange() {
  return startExchange({ mechanism: 'XOAUTH2', challenge });
}

function decoded(data: string): Record<string, string> {
  return JSON.parse(Buffer.from(data, 'base64').toString());
}

describe('Google', () => {
  test('initial client response', () => {
    const sasl = exchange();
    expect(sasl.start(GOOGLE)).toMatchObject(verify);
    expect(sasl.decide(alice())).toMatchObject({ step: 'done' });
  });

  test('error response: the same three members, then an empty response, then the failure', () => {
    const sasl = exchange();
    sasl.start(GOOGLE);
    const step = sasl.decide(refuse('token-audience', ''));
    const ours = decoded(step.step === 'challenge' ? step.data : '');
    expect(Object.keys(ours)).toEqual(Object.keys(decoded(GOOGLE_ERROR)));
    expect(ours).toMatchObject({ status: '401', scope: 'https://mail.google.com/' });
    expect(sasl.receive('')).toMatchObject({ step: 'refused', refusal: { code: 'token-audience' } });
  });
});

describe('Microsoft', () => {
  // "Authenticate an IMAP, POP or SMTP connection using OAuth": test@contoso.onmicrosoft.com, token EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA
  const RESPONSE =
    'dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0Vv' +
    'QUEBAQ==';

  test('auth xoauth2 / 334 / response', () => {
    const sasl = exchange();
    expect(sasl.start(undefined)).toEqual({ step: 'challenge', data: '' });
    expect(sasl.receive(RESPONSE)).toMatchObject({
      step: 'verify',
      token: 'EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA',
      userName: 'test@contoso.onmicrosoft.com',
    });
  });
});
