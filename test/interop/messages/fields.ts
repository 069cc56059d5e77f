// Owns the messages whose header may suffer on the way. What is known to happen to it stands in docs/differences.md.

import { ALICE, BOB, HEADER, type Kind, lines, to } from './kind.ts';

export const FIELDS: readonly Kind[] = [
  {
    name: 'fields of every case, order and folding',
    ...to(ALICE),
    message: lines(
      'X-First:no space',
      'MESSAGE-id:',
      ' <folded@client.example>',
      'dAtE: Sat, 21 Nov 2026 10:00:00 +0100',
      'from: "Tester,  the"',
      '\t<app@example.org>',
      'X-Empty:',
      'X-Blank: ',
      'Subject: =?utf-8?Q?H=C3=A4llo?=',
      `X-Long: ${'x'.repeat(900)}`,
      `References: ${Array.from({ length: 60 }, (_, at) => `<${at}@client.example>`).join('\r\n ')}`,
      '',
      'text',
    ),
  },
  {
    name: 'a field of 5,000 octets',
    ...to(ALICE),
    message: lines(...HEADER, `X-Long: ${'z'.repeat(5000)}`, '', 'text'),
  },
  {
    name: 'trace fields of its own',
    ...to(ALICE),
    message: lines(
      'Received: from laptop by client.example.org; Sat, 21 Nov 2026 09:59:59 +0100',
      'Received: from elsewhere by laptop; Sat, 21 Nov 2026 09:59:58 +0100',
      'Authentication-Results: other.example.org; auth=pass smtp.auth=app',
      ...HEADER,
      '',
      'text',
    ),
  },
  {
    name: 'a message sent again',
    ...to(ALICE),
    message: lines(
      'Resent-From: app@example.org',
      'Resent-To: alice@example.org',
      'Resent-Date: Sat, 21 Nov 2026 11:00:00 +0100',
      'Resent-Message-ID: <again@client.example.org>',
      ...HEADER,
      '',
      'text',
    ),
  },
  {
    name: 'no Date and no Message-ID',
    ...to(ALICE),
    message: lines('From: app@example.org', 'To: alice@example.org', 'Subject: bare', '', 'text'),
  },
  {
    name: 'a Date and a Message-ID that are none',
    ...to(ALICE),
    message: lines(
      'From: app@example.org',
      'Date: yesterday',
      'Message-ID: none',
      'Subject: bad',
      '',
      'text',
    ),
  },
  {
    name: 'Bcc, Return-Path and Content-Length',
    ...to(ALICE, BOB),
    message: lines(
      'Return-Path: <old@example.org>',
      ...HEADER,
      'Bcc: bob@example.org',
      'Content-Length: 4',
      '',
      'text',
    ),
  },
  {
    name: 'a word on the sign-in that pretends to be Postern’s',
    ...to(ALICE),
    message: lines('Authentication-Results: localhost; auth=pass smtp.auth=boss', ...HEADER, '', 'text'),
  },
  {
    name: 'a DKIM signature over what Postern would mend or drop',
    ...to(ALICE),
    message: lines(
      'DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=key; h=From:Date:Message-ID:Bcc:',
      '\tContent-Length; bh=g3zLYH4xKxcPrHOD18z9YfpQcnk/GaJedfustWU5uGs=; b=c2lnbmVk',
      'From: app@example.org',
      'Date: yesterday',
      'Bcc: bob@example.org',
      'Content-Length: 4',
      '',
      'text',
    ),
  },
  { name: 'raw 8-bit in the subject', ...to(ALICE), message: lines(...HEADER, 'X-Raw: Grüße', '', 'text') },
];
