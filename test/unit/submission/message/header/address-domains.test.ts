// Addresses in a header whose domain is not complete, and all the rest that mail programs write there.

import { describe, expect, test } from 'vitest';
import { checkAddressDomains } from '../../../../../src/submission/message/header/address-domains.ts';
import { processorTime } from '../../../../support/processor-time.ts';

const judge = (value: string, name = 'To') => checkAddressDomains([{ name, value: ` ${value}` }]);

describe('refused', () => {
  test.each([
    ['bare', 'bob@host'],
    ['in brackets', '<bob@host>'],
    ['with a name', 'Bob <bob@host>'],
    ['with a quoted name', '"Bob, of Host" <bob@host>'],
    ['with a name that looks like an address', 'bob@example.net <bob@host>'],
    ['with an address in quotes before it', '"bob@example.net" <bob@host>'],
    ['with a comment', 'bob@host (Bob)'],
    ['with a comment inside', 'bob@host(at home)'],
    ['the second of three', 'a@example.net, bob@host, c@example.net'],
    ['the last', 'a@example.net,\r\n Bob\r\n <bob@host>'],
    ['a quoted local part', '"b b"@host'],
    ['in a group', 'friends: a@example.net, bob@host;'],
    ['the first of a group', 'friends: bob@host;'],
    ['behind a group', 'undisclosed-recipients:;, bob@host'],
    ['on this machine', 'root@localhost'],
    ['with an empty label', 'bob@example..net'],
    ['with a dot at its beginning', 'bob@.example.net'],
    ['with a dot at its end', 'bob@example.net.'],
    ['with nothing but dots', '<bob@...>'],
  ])('%s', (_what, value) => {
    expect(judge(value)).toMatchObject({
      code: 'header-domain',
      reason: expect.stringMatching(/^To has [ -~]+$/),
    });
  });

  test.each([
    'From',
    'Sender',
    'reply-to',
    'TO',
    'Cc',
    'Bcc',
    'Resent-From',
    'Resent-Sender',
    'Resent-Reply-To',
    'Resent-To',
    'Resent-Cc',
    'Resent-Bcc',
  ])('in %s', (name) => {
    expect(judge('bob@host', name)).toMatchObject({ code: 'header-domain' });
  });

  test('the reason stays short', () => {
    expect(judge(`bob@${'a'.repeat(5000)}`)?.reason.length).toBeLessThan(150);
  });
});

describe('left alone', () => {
  test.each([
    ['an address', 'bob@example.net'],
    ['a list', 'Bob <bob@example.net>, "Carol, C." <carol@example.org>, dave@a.b.c.example'],
    ['a list that ends in a comma', 'bob@example.net, '],
    ['an underscore', 'bob@under_score.example.net'],
    ['an address literal', 'bob@[192.0.2.1], bob@[IPv6:2001:db8::1]'],
    ['a group of nobody', 'undisclosed-recipients:;'],
    ['a group of nobody, quoted', '"Undisclosed recipients": ;'],
    ['a group whose name looks like an address', 'bob@host: bob@example.net;'],
    ['nothing', ''],
    ['empty brackets', '<>'],
    ['a local name', 'root'],
    ['a local name in brackets', 'Root <root>'],
    ['an unquoted name with a dot', 'Bob B. Baker <bob@example.net>'],
    ['an unquoted name with an at sign', 'bob@host <bob@example.net>'],
    ['an unquoted name with brackets', 'Bob [Sales] <bob@example.net>'],
    ['an unquoted name with a comma', 'Baker, Bob <bob@example.net>'],
    ['raw UTF-8', Buffer.from('Bøb <bob@example.net>').toString('latin1')],
    ['a domain of another script', Buffer.from('bob@exämple').toString('latin1')],
    ['a quoted name with an address', '"bob@host" <bob@example.net>'],
    ['a comment with an address', 'bob@example.net (bob@host)'],
    ['semicolons between addresses, as Outlook shows them', 'bob@example.net; carol@example.net'],
    ['two pairs of brackets', '<bob@host> <bob@host>'],
    ['brackets in brackets', '<<bob@host>>'],
    ['an open bracket', 'Bob <bob@host'],
    ['an open quote', '"Bob <bob@host>'],
    ['an open comment', '(Bob <bob@host>'],
    ['two at signs', 'bob@host@host'],
    ['spaces around the at sign', 'bob @ host'],
    ['a route', '<@relay:bob@host>'],
    ['a link', '<mailto:bob@host>'],
    ['no local part', '@host'],
    ['no domain', 'bob@'],
  ])('%s', (_what, value) => {
    expect(judge(value)).toBeUndefined();
  });

  test.each(['Subject', 'X-To', 'Message-ID', 'References', 'Received', 'Disposition-Notification-To'])(
    '%s',
    (name) => {
      expect(judge('bob@host', name)).toBeUndefined();
    },
  );
});

test.each(['a@b.c,', 'a@', '@', '<', '"', '(', '"a",', ':', 'a@b.', 'a.', '<a@b'])(
  'a quarter of a MiB of %j is judged in no time',
  (piece) => {
    for (const end of ['', ' bob@host', '@']) {
      const spent = processorTime(() => judge(piece.repeat(262_144 / piece.length) + end));
      expect(spent).toBeLessThan(2000);
    }
  },
);
