// Postern's word on who signed in, and how a forged one is known.

import { describe, expect, test } from 'vitest';
import {
  authenticationResultsField,
  bearsName,
  type SignedIn,
} from '../../../../../src/submission/message/header/authentication-results.ts';
import { processorTime } from '../../../../support/processor-time.ts';

const field = (changes: Partial<SignedIn> = {}): string =>
  authenticationResultsField({
    authservId: 'mail.example.org',
    user: 'alice@example.org',
    mailFrom: 'alice@example.org',
    utf8: false,
    ...changes,
  });
const unfolded = (changes?: Partial<SignedIn>): string =>
  field(changes)
    .replace(/\r\n(?=[ \t])/g, '')
    .replace(/[ \t]+/g, ' ');
const LONG = `${'a'.repeat(64)}@${`${'b'.repeat(60)}.`.repeat(3)}example.org`;

describe('the field', () => {
  test('says who signed in and who sends (RFC 8601 §2.7.4)', () => {
    expect(field()).toBe(
      'Authentication-Results: mail.example.org;\r\n' +
        '\tauth=pass smtp.auth=alice@example.org smtp.mailfrom=alice@example.org\r\n',
    );
  });

  test.each([
    ['an address', 'alice@example.org', false, 'alice@example.org'],
    [
      'an address of many signs',
      "a!#$%&'*+-/=?^_`{|}~.b@example.org",
      false,
      "a!#$%&'*+-/=?^_`{|}~.b@example.org",
    ],
    ['a quoted local part', '"a\\"b"@example.org', false, '"a\\"b"@example.org'],
    ['an address literal, which is no domain-name', 'a@[192.0.2.1]', false, '"a@[192.0.2.1]"'],
    ['a domain of one label, which is none either', 'a@host', false, '"a@host"'],
    ['a name', 'billing-app', false, 'billing-app'],
    ['a name of two words', 'the "app"\\', false, '"the \\"app\\"\\\\"'],
    ['a name that would be more', 'x; dkim=pass', false, '"x; dkim=pass"'],
    ['a domain of another script', 'a@exämple.org', false, 'a@xn--exmple-cua.org'],
    ['the same with SMTPUTF8', 'ä@exämple.org', true, 'ä@exämple.org'],
  ])('%s', (_what, user, utf8, value) => {
    expect(unfolded({ user, utf8, mailFrom: '' })).toBe(
      `Authentication-Results: mail.example.org; auth=pass smtp.auth=${value}\r\n`,
    );
  });

  test.each([
    ['a local part of another script without SMTPUTF8', 'ä@example.org'],
    ['a line break', 'a\r\nX: b@example.org'],
    ['a direction override', 'a\u202eb'],
    ['nothing', ''],
  ])('leaves out %s', (_what, user) => {
    expect(unfolded({ user })).toBe(
      'Authentication-Results: mail.example.org; auth=pass smtp.mailfrom=alice@example.org\r\n',
    );
  });

  test('bears the name it is given, quoted where that is no token', () => {
    expect(unfolded({ authservId: 'our gate' })).toMatch(/^Authentication-Results: "our gate"; auth=pass /);
  });

  test.each([
    [{ mailFrom: '' }, 2],
    [{ authservId: 'a.example', user: 'a@b.example', mailFrom: '' }, 1],
    [{ user: LONG }, 4],
    [{ user: LONG, mailFrom: LONG }, 4],
  ])('%j has %d lines, none longer than need be', (changes, lines) => {
    const written = field(changes).split('\r\n').slice(0, -1);
    expect(written).toHaveLength(lines);
    expect(written.filter((line) => line.length > 78 && line.split(' ').length > 1)).toEqual([]);
    expect(written.every((line, index) => line.startsWith('\t') === index > 0)).toBe(true);
  });
});

const OURS = ['mail.example.org', 'Gate.Example.ORG'];
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

describe('ours, or written so that somebody may take it for ours', () => {
  test.each([
    ['as we write it', ' mail.example.org; auth=pass'],
    ['our other name', ' gate.example.org; auth=pass'],
    ['without a space', 'mail.example.org;auth=pass'],
    ['in capitals', ' MAIL.Example.Org; auth=pass'],
    ['with a version', ' mail.example.org 1; auth=pass'],
    ['with a version behind a fold', ' mail.example.org\r\n 1; auth=pass'],
    ['folded', '\r\n\tmail.example.org\r\n\t;\r\n\tauth=pass'],
    ['behind a comment', ' (by)mail.example.org; auth=pass'],
    ['behind a comment with another name', ' (other.example;) mail.example.org (x) 1 (y); auth=pass'],
    ['behind nested comments', ' (a(b(c\\)))) mail.example.org; auth=pass'],
    ['quoted', ' "mail.example.org"; auth=pass'],
    ['quoted with backslashes', ' "m\\ail.example\\.org"; auth=pass'],
    ['quoted with spaces', ' " mail.example.org "; auth=pass'],
    ['quoted and folded', ' "mail.example.org\r\n "; auth=pass'],
    ['as an absolute name', ' mail.example.org.; auth=pass'],
    ['without results', ' mail.example.org'],
    ['with none', ' mail.example.org; none'],
    ['without a semicolon', ' mail.example.org auth=pass'],
    ['with a comment within', ' mail(x).example.org; auth=pass'],
    ['with a space within', ' mail .example.org; auth=pass'],
    ['with a fold within', ' mail\r\n .example.org; auth=pass'],
    ['quoted in halves', ' "mail".example.org; auth=pass'],
    ['with a port', ' mail.example.org:25; auth=pass'],
    ['in angle brackets', ' <mail.example.org>; auth=pass'],
    ['with a slash', ' mail.example.org/1; auth=pass'],
    ['behind another name', ' other.example mail.example.org; auth=pass'],
    ['behind an equals sign', ' id=mail.example.org; auth=pass'],
    ['with a version that is none', ' mail.example.org 1.0; auth=pass'],
    ['in an open comment', ' mail.example.org (; auth=pass'],
    ['behind an open comment', ' (mail.example.org; auth=pass'],
    ['in open quotes', ' "mail.example.org; auth=pass'],
    ['as an encoded word', ' =?utf-8?Q?mail=2Eexample=2Eorg?=; auth=pass'],
    ['in base64', ' =?utf-8?B?bWFpbC5leGFtcGxlLm9yZw==?=; auth=pass'],
    ['in full-width letters', utf8(' ｍａｉｌ．example．org; auth=pass')],
    ['with ideographic dots', utf8(' mail。example。org; auth=pass')],
    ['with a soft hyphen', utf8(' ma\u00adil.example.org; auth=pass')],
    ['with a character of no width', utf8(' mail\u200b.example.org; auth=pass')],
    ['with an octet that is no UTF-8', ' mail\xff.example.org; auth=pass'],
  ])('%s', (_how, value) => {
    expect(bearsName(value, OURS)).toBe(true);
  });

  test('in either form of a name of another script', () => {
    for (const own of ['exämple.org', 'xn--exmple-cua.org', 'XN--EXMPLE-CUA.ORG']) {
      for (const name of [
        'exämple.org',
        'EXÄMPLE.org',
        'xn--exmple-cua.org',
        'Xn--Exmple-Cua.org',
        '"exämple.org"',
      ]) {
        expect([own, name, bearsName(utf8(` ${name}; auth=pass`), [own])]).toEqual([own, name, true]);
      }
    }
  });
});

describe('somebody else’s', () => {
  test.each([
    ['another name', ' mx.example.net; auth=pass'],
    ['a sub-domain', ' a.mail.example.org; auth=pass'],
    ['a longer name', ' mail.example.org.example.net; auth=pass'],
    ['our name in its results', ' mx.example.net; auth=pass smtp.auth=a@mail.example.org'],
    ['our name in a comment', ' mx.example.net (mail.example.org); spf=pass'],
    ['our name in a quoted result', ' "mx.example.net"; spf=pass reason="mail.example.org; auth=pass"'],
    ['a name with a quoted semicolon', ' "a;b" ; spf=pass smtp.mailfrom=mail.example.org'],
    [
      'no name, as Exchange Online writes',
      ' spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.com; dkim=none',
    ],
    ['nothing', ''],
    ['nothing in front', '; auth=pass smtp.auth=mail.example.org'],
    ['another name in open quotes', ' "mx.example.net; spf=pass'],
    ['another script', utf8(' mäil.example.net; spf=pass')],
  ])('%s', (_what, value) => {
    expect(bearsName(value, OURS)).toBe(false);
  });
});

test.each(['(', '"', '\\', 'mail.', ' ', ';', '"a"', '=?utf-8?Q?', '\xc3\xa4'])(
  'a quarter of a MiB of %j is judged in no time',
  (piece) => {
    const spent = processorTime(() => bearsName(piece.repeat(262_144 / piece.length), OURS));
    expect(spent).toBeLessThan(2000);
  },
);
