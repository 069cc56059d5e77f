// Owns the dialogues in which a client's view of Postern's replies is compared with its view of Postfix's own.

/** `clear`: before STARTTLS; `secure`: inside TLS, nobody signed in; `signed-in`: what remains of the session. */
export type Stage = 'clear' | 'secure' | 'signed-in';

export interface Dialogue {
  readonly name: string;
  readonly stage: Stage;
  /**
   * Each is a line and gets one reply; several in a list are sent in one piece. What begins with `=` goes as it stands, octet by
   * octet and without a line end behind it; in a list it gets no reply of its own. `{good}` and `{bad}` stand for the SASL message
   * with such a token.
   */
  readonly says: readonly (string | readonly string[])[];
}

const dialogue = (stage: Stage, name: string, ...says: Dialogue['says']): Dialogue => ({ stage, name, says });
const clear = (name: string, ...says: Dialogue['says']): Dialogue => dialogue('clear', name, ...says);
const secure = (name: string, ...says: Dialogue['says']): Dialogue => dialogue('secure', name, ...says);
const signedIn = (name: string, ...says: Dialogue['says']): Dialogue => dialogue('signed-in', name, ...says);

/** Each by itself, whatever became of the one before. */
const apart = (...says: readonly string[]): string[] => says.flatMap((line) => [line, 'RSET']);

const EHLO = 'EHLO client.example.org';
const MAIL = 'MAIL FROM:<app@example.org>';
const RCPT = 'RCPT TO:<alice@example.org>';
const UNKNOWN = 'RCPT TO:<nobody@example.org>';
const TEXT = 'From: app@example.org\r\nTo: alice@example.org\r\nSubject: x\r\n\r\ntext\r\n';
const MESSAGE = `=${TEXT}.\r\n`;

/** Before TLS and before AUTH. */
const OUTSIDE: readonly Dialogue[] = [
  clear('EHLO', 'EHLO client.example.org', 'QUIT'),
  clear('HELO', 'HELO client.example.org'),
  clear('EHLO with an address literal', 'EHLO [127.0.0.1]', 'EHLO [IPv6:::1]'),
  clear('EHLO and HELO without a name', 'EHLO', 'HELO'),
  clear('EHLO with what is no name', 'EHLO a b', 'EHLO <script>', 'EHLO *'),
  clear('mail before TLS', EHLO, MAIL, RCPT, 'DATA'),
  clear('BDAT before TLS', EHLO, 'BDAT 0 LAST'),
  clear('AUTH before TLS', EHLO, 'AUTH XOAUTH2 {good}', 'AUTH XOAUTH2', 'AUTH PLAIN AAA='),
  clear('VRFY, EXPN and HELP before TLS', EHLO, 'VRFY alice', 'EXPN list', 'HELP'),
  clear('NOOP and RSET before anything else', 'NOOP', 'NOOP with words', 'RSET', 'QUIT'),
  clear('unknown commands', EHLO, 'FOO', 'foo bar', ''),
  clear('a command with its argument run into it', EHLO, 'MAILFROM:<app@example.org>'),
  clear('STARTTLS with a parameter', EHLO, 'STARTTLS now'),
  clear('STARTTLS before EHLO', 'STARTTLS'),
  clear('a browser', 'GET / HTTP/1.1'),
  clear('a browser that posts', 'POST / HTTP/1.1', 'Host: localhost'),
  clear('commands in lower case', 'ehlo client.example.org', 'noop', 'vrfy alice', 'quit'),
  secure('mail before AUTH', MAIL, RCPT, 'DATA'),
  secure('BDAT before AUTH', 'BDAT 0 LAST'),
  secure('VRFY, EXPN and HELP before AUTH', 'VRFY alice@example.org', 'EXPN list', 'HELP'),
  secure('STARTTLS again', 'STARTTLS'),
];

const SIGN_IN: readonly Dialogue[] = [
  secure('AUTH without a mechanism', 'AUTH', 'AUTH '),
  secure('AUTH with an unknown mechanism', 'AUTH CRAM-MD5', 'AUTH PLAIN AGFhAGJi'),
  secure('AUTH with broken base64', 'AUTH XOAUTH2 %%%', 'AUTH XOAUTH2 AAA', 'AUTH OAUTHBEARER =AAA'),
  secure('AUTH cancelled', 'AUTH XOAUTH2', '*'),
  secure('AUTH with a bad token', 'AUTH XOAUTH2 {bad}', '', 'AUTH XOAUTH2', '{bad}', ''),
  secure('AUTH with a bad token, cancelled', 'AUTH XOAUTH2 {bad}', '*'),
  secure('AUTH in two steps', 'AUTH XOAUTH2', '{good}', 'AUTH XOAUTH2 {good}'),
  secure('AUTH in lower case', 'auth xoauth2 {good}'),
  secure('AUTH with more behind it', 'AUTH XOAUTH2 {good} more'),
  secure('an AUTH line that is far too long', `AUTH XOAUTH2 ${'A'.repeat(40_000)}`, 'NOOP'),
  signedIn('AUTH again', 'AUTH XOAUTH2 {good}'),
  signedIn('AUTH within a transaction', MAIL, 'AUTH XOAUTH2 {good}'),
];

const ORDER: readonly Dialogue[] = [
  signedIn('a whole message', MAIL, RCPT, 'DATA', MESSAGE, 'QUIT'),
  signedIn('the order of commands', RCPT, 'DATA', MAIL, MAIL, 'DATA', RCPT, 'DATA', MESSAGE, RCPT),
  signedIn('EHLO within a transaction', MAIL, RCPT, EHLO, RCPT, 'HELO client.example.org', RCPT),
  signedIn('RSET within a transaction', MAIL, RCPT, 'RSET', RCPT, 'RSET'),
  signedIn('STARTTLS after AUTH', 'STARTTLS'),
  signedIn('DATA with a parameter', MAIL, RCPT, 'DATA now', 'DATA', MESSAGE),
  signedIn('no recipient that is taken', MAIL, UNKNOWN, 'DATA', 'RSET'),
  signedIn('an envelope in one piece', [MAIL, RCPT, 'RCPT TO:<bob@example.org>', 'DATA'], MESSAGE),
  signedIn('an envelope in one piece, one recipient refused', [MAIL, UNKNOWN, RCPT, 'DATA'], MESSAGE),
  signedIn('an envelope in one piece, everybody refused', [MAIL, UNKNOWN, UNKNOWN, 'DATA', 'RSET']),
  signedIn('an envelope in one piece, MAIL refused', ['MAIL FROM:<app@', RCPT, 'DATA', 'RSET', 'NOOP']),
  signedIn('two messages', [MAIL, RCPT, 'DATA'], MESSAGE, [MAIL, RCPT, 'DATA'], MESSAGE, ['NOOP', 'QUIT']),
  signedIn(
    'a message and the next envelope in one piece',
    [MAIL, RCPT, 'DATA'],
    [`=${TEXT}`, '.', MAIL, RCPT, 'RSET'],
  ),
  signedIn('BDAT without MAIL', 'BDAT 0 LAST'),
  signedIn('BDAT without a recipient', MAIL, 'BDAT 0 LAST'),
  signedIn('BDAT with everybody refused', MAIL, UNKNOWN, 'BDAT 0 LAST'),
  signedIn('BDAT without a size', MAIL, RCPT, 'BDAT'),
  signedIn('BDAT with a size that is none', MAIL, RCPT, 'BDAT x'),
  signedIn('BDAT with a word that is not LAST', MAIL, RCPT, 'BDAT 0 FIRST'),
  signedIn('BDAT with a negative size', MAIL, RCPT, 'BDAT -1 LAST'),
  signedIn('BDAT and then DATA', MAIL, RCPT, [`BDAT ${TEXT.length}`, `=${TEXT}`], 'DATA'),
  signedIn('BDAT, then RSET', MAIL, RCPT, [`BDAT ${TEXT.length}`, `=${TEXT}`], 'RSET', RCPT),
];

const MAILS: readonly Dialogue[] = [
  signedIn(
    'ways to write MAIL',
    ...apart(
      'mail from:<app@example.org>',
      `${MAIL} `,
      'MAIL FROM: <app@example.org>',
      'MAIL  FROM:<app@example.org>',
    ),
  ),
  signedIn('MAIL without angle brackets', 'MAIL FROM:app@example.org'),
  signedIn(
    'MAIL that is none',
    ...apart('MAIL', 'MAIL FROM', 'MAIL FROM:', 'MAIL TO:<app@example.org>', 'MAIL FROM <app@example.org>'),
  ),
  signedIn(
    'MAIL with a broken address',
    ...apart(
      'MAIL FROM:<app@example.org',
      'MAIL FROM:<app@>',
      'MAIL FROM:<app@@example.org>',
      'MAIL FROM:<a p p@example.org>',
      'MAIL FROM:<app@exam ple.org>',
      'MAIL FROM:<app@example..org>',
    ),
  ),
  signedIn('MAIL from a name without a domain', 'MAIL FROM:<app>'),
  signedIn('the null sender', 'MAIL FROM:<>', RCPT),
  signedIn('the sender of somebody else', 'MAIL FROM:<alice@example.org>'),
  signedIn(
    'a source route',
    'MAIL FROM:<@relay.example.org:app@example.org>',
    'RCPT TO:<@relay.example.org:alice@example.org>',
  ),
  signedIn(
    'sizes',
    ...apart(
      `${MAIL} SIZE=1000`,
      `${MAIL} SIZE=0`,
      `${MAIL} SIZE=70000000`,
      `${MAIL} SIZE=abc`,
      `${MAIL} SIZE=`,
      `${MAIL} SIZE`,
      `${MAIL} SIZE=-1`,
      `${MAIL} SIZE=99999999999999999999`,
    ),
  ),
  signedIn(
    'bodies',
    ...apart(
      `${MAIL} BODY=8BITMIME`,
      `${MAIL} BODY=7BIT`,
      `${MAIL} body=8bitmime`,
      `${MAIL} BODY=ROUND`,
      `${MAIL} BODY`,
    ),
  ),
  signedIn('BINARYMIME, which Postfix does not offer', `${MAIL} BODY=BINARYMIME`),
  signedIn('REQUIRETLS, which Postfix does not offer', `${MAIL} REQUIRETLS`),
  signedIn('parameters of MAIL that nobody knows', ...apart(`${MAIL} FOO=BAR`, `${MAIL} FOO`, `${MAIL} =`)),
  signedIn('parameters of MAIL badly written', ...apart(`${MAIL} SIZE=1000 SIZE=1000`, `${MAIL}SIZE=1000`)),
  signedIn('AUTH= on MAIL', ...apart(`${MAIL} AUTH=<>`, `${MAIL} AUTH=app@example.org`, `${MAIL} AUTH=`)),
  signedIn('SMTPUTF8', `${MAIL} SMTPUTF8`, 'RCPT TO:<üser@example.org>', 'RSET', `${MAIL} SMTPUTF8=1`),
  signedIn('a sender in UTF-8 without SMTPUTF8', 'MAIL FROM:<üser@example.org>'),
  signedIn('a recipient in UTF-8 without SMTPUTF8', MAIL, 'RCPT TO:<üser@example.org>'),
  signedIn(
    'DSN parameters of MAIL',
    ...apart(
      `${MAIL} RET=FULL ENVID=abc`,
      `${MAIL} RET=HALF`,
      `${MAIL} RET`,
      `${MAIL} ENVID=`,
      `${MAIL} ENVID=a+ZZ`,
      `${MAIL} RET=FULL RET=HDRS`,
    ),
  ),
];

const RECIPIENTS: readonly Dialogue[] = [
  signedIn(
    'DSN parameters of RCPT',
    MAIL,
    `${RCPT} NOTIFY=NEVER`,
    `${RCPT} NOTIFY=SUCCESS,DELAY`,
    `${RCPT} NOTIFY=NEVER,SUCCESS`,
    `${RCPT} NOTIFY=SOMETIMES`,
    `${RCPT} NOTIFY=`,
    `${RCPT} ORCPT=rfc822;a@b`,
    `${RCPT} ORCPT=nothing`,
    `${RCPT} ORCPT=rfc822;a+ZZ`,
  ),
  signedIn('parameters of RCPT that nobody knows', MAIL, `${RCPT} FOO=BAR`, `${RCPT} FOO`, `${RCPT} SIZE=1`),
  signedIn('recipients that are refused', MAIL, UNKNOWN, 'RCPT TO:<full@example.org>', RCPT),
  signedIn(
    'RCPT that is none',
    MAIL,
    'RCPT',
    'RCPT TO',
    'RCPT TO:',
    'RCPT TO:<>',
    'RCPT FROM:<alice@example.org>',
  ),
  signedIn(
    'RCPT with a broken address',
    MAIL,
    'RCPT TO:<alice@example.org',
    'RCPT TO:<alice@@example.org>',
    'RCPT TO:<al ice@example.org>',
    'RCPT TO:<alice@example..org>',
    'RCPT TO:<@example.org>',
  ),
  signedIn(
    'RCPT with an address that is too long',
    MAIL,
    `RCPT TO:<${'a'.repeat(70)}@example.org>`,
    `RCPT TO:<alice@${'a'.repeat(300)}.example.org>`,
  ),
  signedIn('RCPT without angle brackets', MAIL, 'RCPT TO:alice@example.org', 'RCPT TO: <alice@example.org>'),
  signedIn(
    'local parts that are quoted',
    MAIL,
    'RCPT TO:<"alice"@example.org>',
    'RCPT TO:<"al>ice"@example.org>',
    'RCPT TO:<"al\\"ice"@example.org>',
  ),
  signedIn(
    'postmaster, and names without a domain',
    MAIL,
    'RCPT TO:<postmaster>',
    'RCPT TO:<Postmaster@example.org>',
    'RCPT TO:<alice>',
  ),
  signedIn(
    'an address literal',
    MAIL,
    'RCPT TO:<alice@[127.0.0.1]>',
    'RCPT TO:<alice@[IPv6:::1]>',
    'RCPT TO:<alice@[nothing]>',
  ),
  signedIn('a recipient elsewhere', MAIL, 'RCPT TO:<someone@elsewhere.example>'),
];

const OTHERS: readonly Dialogue[] = [
  signedIn('VRFY', 'VRFY alice@example.org', 'VRFY nobody@example.org', 'VRFY', 'VRFY a b'),
  signedIn('EXPN and HELP', 'EXPN list', 'HELP', 'HELP MAIL'),
  signedIn('NOOP and RSET with words', 'NOOP', 'NOOP words', 'RSET', 'RSET words'),
  signedIn('QUIT with words', 'QUIT now'),
  signedIn(
    'commands of other protocols and extensions',
    'TURN',
    'ETRN example.org',
    'ATRN',
    'SEND FROM:<app@example.org>',
    'BURL x',
    'WIZ',
    'DEBUG',
  ),
  signedIn('commands from one server to another', 'XCLIENT NAME=x', 'XFORWARD NAME=x'),
  signedIn(
    'lines that are no commands',
    '',
    ' ',
    ' NOOP',
    '\tNOOP',
    'NOOP\t',
    'MAIL\tFROM:<app@example.org>',
  ),
  signedIn('a reply in place of a command', '220 ready'),
  signedIn('octets that are no text', '=\x80\xff\r\n'),
  signedIn(
    'a command line that is too long',
    `NOOP ${'x'.repeat(5000)}`,
    `${MAIL} ENVID=${'x'.repeat(3000)}`,
    'NOOP',
  ),
  signedIn('a NUL in a command', 'NOOP \0', 'MAIL FROM:<app@example.org>\0'),
  signedIn('a command that ends in a bare LF', '=NOOP\n'),
  signedIn(
    'a command with a bare CR in it',
    'NOOP a\rb',
    'MAIL FROM:<app@example.org>\rRCPT TO:<alice@example.org>',
  ),
];

export const DIALOGUES: readonly Dialogue[] = [
  ...OUTSIDE,
  ...SIGN_IN,
  ...ORDER,
  ...MAILS,
  ...RECIPIENTS,
  ...OTHERS,
];
