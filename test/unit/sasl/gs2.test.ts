// The GS2 header of RFC 5801 §4.

import { describe, expect, test } from 'vitest';
import { parseGs2Header } from '../../../src/sasl/gs2.ts';

describe('parseGs2Header', () => {
  test.each([
    ['n,,', ''],
    ['y,,', ''],
    ['n,a=,', ''],
    ['n,a=alice@example.org,', 'alice@example.org'],
    ['y,a=alice@example.org,', 'alice@example.org'],
    ['n,a=a=2Cb=3Dc,', 'a,b=c'],
    ['n,a=a=2cb=3dc,', 'a,b=c'],
    ['n,a==3D2C,', '=2C'],
    ['n,a=жанна@example.org,', 'жанна@example.org'],
  ])('reads %j', (header, authorizationIdentity) => {
    expect(parseGs2Header(`${header}\x01rest, a=b`)).toEqual({
      authorizationIdentity,
      rest: '\x01rest, a=b',
    });
  });

  test.each([
    ['nothing', ''],
    ['no comma', 'n'],
    ['one comma', 'n,a=alice'],
    ['no flag', ',,'],
    ['an unknown flag', 'x,,'],
    ['an upper-case flag', 'N,,'],
    ['the mark of non-standard mechanisms', 'F,n,,'],
    ['channel binding', 'p=tls-exporter,,'],
    ['an identity without a=', 'n,alice,'],
    ["the user= of RFC 7628's own SMTP example", 'n,user=alice@example.org,'],
    ['a bare = in the identity', 'n,a=a=b,'],
    ['a = at the end of the identity', 'n,a=a=,'],
    ['half an escape', 'n,a=a=2,'],
    ['another escape', 'n,a=a=41,'],
  ])('refuses %s', (_what, header) => {
    expect(parseGs2Header(header)).toMatchObject({ code: 'sasl-malformed' });
  });

  test('tells the operator of a client that insists on channel binding', () => {
    expect(parseGs2Header('p=tls-exporter,,')).toMatchObject({
      reason: expect.stringContaining('channel binding'),
    });
  });

  test('ends the identity at its first comma', () => {
    expect(parseGs2Header('n,a=a,b,\x01')).toEqual({ authorizationIdentity: 'a', rest: 'b,\x01' });
  });
});
