// A listed server that sends as somebody else, in whatever disguise: nothing arrives. The disguises of the envelope are the classic
// ones of open relays (see open-relay.test.ts), of RFC 5321 appendices C and F.2 (source routes) and of RFC 1123 §5.2.16 (percent
// hack); those of the header are from "Composition Kills" (Chen, Paxson, Jiang: USENIX Security 2020) and "Weak Links in
// Authentication Chains" (Shen et al.: USENIX Security 2021); the message in the message is from "SMTP Smuggling" (SEC Consult 2023).

import { afterAll, beforeAll, describe, test } from 'vitest';
import {
  type Attempt,
  LISTED,
  MAIL,
  OWN_HEADER,
  OWN_MAIL,
  openRelaySituation,
  RECIPIENT,
  type RelaySituation,
} from '../support/relay-attempts.ts';

let situation: RelaySituation;
beforeAll(async () => {
  situation = await openRelaySituation();
});
afterAll(() => situation.gateway.close());

const NOT_OWNED = /^MAIL: 550 5\.7\.1 Not authorized to send from this address/;

describe('a listed server that sends as somebody else', () => {
  const SYNTAX = /^MAIL: 501 5\.1\.7 Bad address syntax/;
  test.each<[string, string, RegExp]>([
    ['a stranger', '<ceo@evil.example>', NOT_OWNED],
    ['a colleague', '<ceo@example.org>', NOT_OWNED],
    ['a sub-domain of its domain', '<x@floor3.print.example.org>', NOT_OWNED],
    ['a domain that ends alike', '<x@blueprint.example.org>', NOT_OWNED],
    ['a domain that begins alike', '<x@print.example.org.evil.example>', NOT_OWNED],
    ['another top-level domain', '<x@print.example.com>', NOT_OWNED],
    ['a plus address', '<scanner+x@example.org>', NOT_OWNED],
    ['a Cyrillic look-alike', '<x@\u0440rint.example.org> SMTPUTF8', NOT_OWNED],
    ['the look-alike in its A-form', '<x@xn--rint-k5d.example.org>', NOT_OWNED],
    ['full-width letters', '<x@\uff50rint.example.org> SMTPUTF8', NOT_OWNED],
    ['the Kelvin sign in the local part', '<scanner\u212a@example.org> SMTPUTF8', NOT_OWNED],
    ['an allowed address, quoted, elsewhere', '<"x@print.example.org"@evil.example>', NOT_OWNED],
    ['a star', '<*@evil.example>', NOT_OWNED],
    ['a quoted star', '<"*"@example.org>', NOT_OWNED],
    ['the entry of the configuration, quoted', '<"*@print.example.org"@evil.example>', NOT_OWNED],
    ['a source route over its domain', '<@print.example.org:ceo@evil.example>', NOT_OWNED],
    ['a source route over two', '<@print.example.org,@example.org:ceo@evil.example>', NOT_OWNED],
    ['the percent hack', '<scanner%example.org@evil.example>', NOT_OWNED],
    ['a bang path', '<print.example.org!scanner@evil.example>', NOT_OWNED],
    ['a bang path alone', '<evil.example!scanner>', SYNTAX],
    ['two domains, its own last', '<ceo@evil.example@print.example.org>', SYNTAX],
    ['two domains, its own first', '<x@print.example.org@evil.example>', SYNTAX],
    ['its address as a domain', `<scanner@[${LISTED}]>`, NOT_OWNED],
    ['no domain', '<scanner>', SYNTAX],
    ['the gate itself', '<scanner@localhost.localdomain>', NOT_OWNED],
    ['a dot behind the domain', '<x@print.example.org.>', SYNTAX],
    ['NUL behind the domain', '<x@print.example.org\0.evil.example>', /^MAIL: 50[01] /],
    ['a comment', '<x@print.example.org(@evil.example)>', SYNTAX],
    ['two paths', '<scanner@example.org> <ceo@evil.example>', /^MAIL: 501 5\.5\.4 /],
    ['two paths in one', '<scanner@example.org,ceo@evil.example>', SYNTAX],
    ['no angle brackets', 'ceo@evil.example', SYNTAX],
    ['AUTH= of somebody allowed', '<ceo@evil.example> AUTH=scanner@example.org', NOT_OWNED],
  ])('%s', async (_what, path, words) => {
    // With a header that is in order: only the envelope can be what is refused.
    await situation.expectRefused({ mail: `MAIL FROM:${path}`, header: OWN_HEADER }, words);
  });

  test.each<[string, Attempt, RegExp]>([
    ['before EHLO', { hello: 'NOOP', mail: OWN_MAIL, header: OWN_HEADER }, /^MAIL: 503 /],
    ['after XCLIENT', { before: ['XCLIENT LOGIN=ceo@evil.example'] }, NOT_OWNED],
    ['after XFORWARD', { before: ['XFORWARD IDENT=1 SOURCE=LOCAL'] }, NOT_OWNED],
    ['under TLS', { tls: true }, NOT_OWNED],
  ])('%s', async (_what, attempt, words) => {
    await situation.expectRefused(attempt, words);
  });

  test('with a good token of the person: nobody signs in here', async () => {
    const bearer = Buffer.from(
      `n,,\x01auth=Bearer ${await situation.gateway.token('good')}\x01\x01`,
    ).toString('base64');
    for (const tls of [false, true]) {
      const attempt = { tls, before: [`AUTH OAUTHBEARER ${bearer}`], mail: 'MAIL FROM:<alice@example.org>' };
      await situation.expectRefused(attempt, NOT_OWNED);
    }
  });

  const FROM = /^message: 550 5\.7\.1 Not authorized to send with this header From/;
  const SENDER = /^message: 550 5\.7\.1 Not authorized to send with this header Sender/;
  const AMBIGUOUS = /^message: 550 5\.7\.1 Header From is not one unambiguous address of yours/;
  const MALFORMED = /^message: 550 5\.6\.0 Message header is malformed/;
  const OWN = 'From: scanner@example.org';
  const CEO = 'From: ceo@evil.example';
  const encoded = (text: string) => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;

  test.each<[string, string[], RegExp]>([
    ['in From', [CEO], FROM],
    ['beside its own address in From', ['From: scanner@example.org, ceo@evil.example'], FROM],
    ['in the second of two From', [OWN, CEO], AMBIGUOUS],
    ['in the first of two From', [CEO, OWN], AMBIGUOUS],
    ['in a From that is folded behind its own', [OWN, ' , ceo@evil.example'], FROM],
    ['in a From with a space before its colon', ['From : ceo@evil.example', OWN], MALFORMED],
    ['in a first line that is folded', [' From: ceo@evil.example', OWN], MALFORMED],
    ['in Sender', [OWN, 'Sender: ceo@evil.example'], SENDER],
    ['in Resent-From', [OWN, 'Resent-From: ceo@evil.example'], SENDER],
    [
      'in Resent-Sender',
      [OWN, 'Resent-From: scanner@example.org', 'Resent-Sender: ceo@evil.example'],
      SENDER,
    ],
    ['in a group', ['From: Board: ceo@evil.example;'], AMBIGUOUS],
    ['by nobody: an empty group (RFC 6854)', ['From: undisclosed:;'], AMBIGUOUS],
    ['by nobody: no From', ['Subject: x'], /^message: 550 5\.7\.1 Message has no From/],
    ['in an encoded word', [`From: ${encoded('ceo@evil.example')}`], AMBIGUOUS],
    [
      'in an encoded word that ends in NUL, in front of its own address',
      [`From: ${encoded('ceo@evil.example\0')}@foreign.example <scanner@example.org>`],
      AMBIGUOUS,
    ],
    ['in an encoded address', [`From: <${encoded('ceo@evil.example')}>`], AMBIGUOUS],
    ['in a route', ['From: <@print.example.org:ceo@evil.example>'], AMBIGUOUS],
    ['in a comment', ['From: ceo@evil.example (scanner@example.org)'], AMBIGUOUS],
    ['in a quoted local part', ['From: "scanner@example.org"@evil.example'], AMBIGUOUS],
    ['in a sub-domain', ['From: x@floor3.print.example.org'], FROM],
    ['in a look-alike domain', ['From: x@xn--rint-k5d.example.org'], FROM],
    ['behind a NUL', ['From: scanner@example.org\0, ceo@evil.example'], /^message: 550 5\.6\.0 /],
  ])('%s', async (_what, header, words) => {
    await situation.expectRefused({ mail: OWN_MAIL, header }, words);
    await situation.expectRefused({ mail: 'MAIL FROM:<>', header }, words);
  });

  test('in From, by BDAT', async () => {
    const words = /^DATA: 550 5\.7\.1 Not authorized to send with this header From/;
    await situation.expectRefused({ mail: OWN_MAIL, header: [CEO], chunked: true }, words);
  });

  test.each(['\n.\r\n', '\r.\r\n', '\n.\n', '\r\n.\n', '\r\n.\r', '\r\n\0.\r\n'])(
    'in a second message inside of the first, behind %j',
    async (end) => {
      const inner = `${MAIL}\r\n${RECIPIENT}\r\nDATA\r\n${CEO}\r\n\r\nBuy!`;
      await situation.expectRefused(
        { mail: OWN_MAIL, header: OWN_HEADER, body: [`Text${end}${inner}`] },
        /^message: 550 5\.6\.0 Message contains a (bare CR or LF|NUL byte)/,
      );
    },
  );
});
