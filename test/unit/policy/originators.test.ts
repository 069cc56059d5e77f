// Whom a header names as its originators.

import { describe, expect, test } from 'vitest';
import { parseHeader } from '../../../src/policy/header.ts';
import { readOriginators } from '../../../src/policy/originators.ts';
import { isRefusal } from '../../../src/refusal.ts';

function read(...lines: string[]) {
  const fields = parseHeader(Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'));
  return isRefusal(fields) ? fields : readOriginators(fields);
}

describe('readOriginators', () => {
  test('reads From, Sender and the Resent- fields, whatever their case', () => {
    expect(
      read(
        'FROM: A <a@example.org>, b@example.org',
        'subject: x',
        'sender: s@example.org',
        'Resent-From: c@example.org',
        'RESENT-SENDER: d@example.org',
        'Resent-From: e@example.org, f@example.org',
      ),
    ).toEqual({
      from: ['a@example.org', 'b@example.org'],
      sender: ['s@example.org'],
      resent: ['c@example.org', 'e@example.org', 'f@example.org', 'd@example.org'],
    });
  });

  test('does not read fields that only resemble them', () => {
    const others = [
      'X-From',
      'From-',
      'Fro',
      'Reply-To',
      'Errors-To',
      'Resent-To',
      'Original-From',
      'Return-Path',
    ];
    expect(read('From: a@example.org', ...others.map((name) => `${name}: Group: b@[x];`))).toEqual({
      from: ['a@example.org'],
      sender: [],
      resent: [],
    });
  });

  test.each([
    ['no field at all', [], 'header-from-missing'],
    ['only a Sender', ['Sender: a@example.org'], 'header-from-missing'],
    ['only a Resent-From', ['Resent-From: a@example.org'], 'header-from-missing'],
    ['two From', ['From: a@example.org', 'From: a@example.org'], 'header-from-ambiguous'],
    ['two From in different case', ['From: a@example.org', 'fROM: a@example.org'], 'header-from-ambiguous'],
    ['an empty From', ['From:'], 'header-from-ambiguous'],
    ['a From of white space', ['From: \t '], 'header-from-ambiguous'],
    ['a group as From', ['From: G: a@example.org;'], 'header-from-ambiguous'],
    [
      'two Sender',
      ['From: a@example.org', 'Sender: a@example.org', 'Sender: a@example.org'],
      'header-from-ambiguous',
    ],
    [
      'a Sender of two',
      ['From: a@example.org', 'Sender: a@example.org, a@example.org'],
      'header-from-ambiguous',
    ],
    ['an empty Sender', ['From: a@example.org', 'Sender: '], 'header-from-ambiguous'],
    ['an unclear Resent-From', ['From: a@example.org', 'Resent-From: a'], 'header-from-ambiguous'],
    [
      'an unclear second Resent-Sender',
      ['From: a@example.org', 'Resent-Sender: a@example.org', 'Resent-Sender: :;'],
      'header-from-ambiguous',
    ],
    [
      'Resent- fields without end',
      ['From: a@example.org', ...Array(21).fill('Resent-From: a@example.org')],
      'header-from-ambiguous',
    ],
    ['a From without end', [`From: ${'x'.repeat(17_000)} <a@example.org>`], 'header-from-ambiguous'],
    ['octets that are not UTF-8', ['From: Ren\xe9 <a@example.org>'], 'header-malformed'],
    ['a control character', ['From: A\x07 <a@example.org>'], 'header-malformed'],
    ['a C1 control character', ['From: A\xc2\x85 <a@example.org>'], 'header-malformed'],
    [
      'octets that are not UTF-8 in Sender',
      ['From: a@example.org', 'Sender: \xff <a@example.org>'],
      'header-malformed',
    ],
  ])('refuses %s', (_what, lines, code) => {
    expect(read(...(lines as string[]))).toMatchObject({ code });
  });

  test.each(['a\0@example.org', 'a@example.org\r', 'a@example.org\n b', 'a@example.org\r\nb'])(
    'refuses a value that no header block can hold: %j',
    (value) => {
      expect(readOriginators([{ name: 'From', value }])).toMatchObject({ code: 'header-malformed' });
    },
  );

  test('reads UTF-8 names', () => {
    expect(read(`From: ${Buffer.from('Zoë <a@example.org>').toString('latin1')}`)).toMatchObject({
      from: ['a@example.org'],
    });
  });

  test.each([
    ['which field was unclear', ['From: a@example.org', 'SENDER: x'], 'SENDER'],
    ['how many From there are', ['From: a@example.org', 'From: b@example.org'], '2 From fields'],
    ['how many Sender there are', ['From: a@e.org', 'Sender: a@e.org', 'Sender: a@e.org'], '2 Sender fields'],
  ])('tells the operator %s', (_what, lines, part) => {
    expect(read(...lines)).toMatchObject({ reason: expect.stringContaining(part) });
  });
});
