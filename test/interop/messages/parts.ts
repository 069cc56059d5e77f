// Owns the messages that are made of parts, and a large one.

import { randomBytes } from 'node:crypto';
import { ALICE, HEADER, type Kind, large, lines, MIME, SENDER, to } from './kind.ts';

const boundary = '=_a=boundary';
const attachment = (bytes: number): string[] =>
  (randomBytes(bytes)
    .toString('base64')
    .match(/.{1,76}/g) ?? []) as string[];

export const PARTS: readonly Kind[] = [
  {
    name: 'attachments',
    ...to(ALICE),
    message: lines(
      ...HEADER,
      'MIME-Version: 1.0',
      `Content-Type: multipart/mixed; boundary="${boundary}"`,
      '',
      'A preamble.',
      `--${boundary}`,
      ...MIME.slice(1),
      '',
      'Grüße',
      `--${boundary}`,
      'Content-Type: application/octet-stream; name="a file.bin"',
      'Content-Transfer-Encoding: base64',
      'Content-Disposition: attachment; filename="a file.bin"',
      '',
      ...attachment(100_000),
      `--${boundary}--`,
    ),
  },
  {
    name: 'a message signed with OpenPGP',
    ...to(ALICE),
    message: lines(
      ...HEADER,
      'MIME-Version: 1.0',
      `Content-Type: multipart/signed; micalg=pgp-sha256; protocol="application/pgp-signature";\r\n\tboundary="${boundary}"`,
      '',
      `--${boundary}`,
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Signed =E2=80=93 with blanks at the end: =20',
      '- -- ',
      'From the start of a line',
      `--${boundary}`,
      'Content-Type: application/pgp-signature; name="signature.asc"',
      '',
      '-----BEGIN PGP SIGNATURE-----',
      '',
      ...attachment(400),
      '-----END PGP SIGNATURE-----',
      `--${boundary}--`,
    ),
  },
  { name: '25 MB', ...to(ALICE), mailFrom: `${SENDER} SIZE=25000000`, message: large(25_000_000) },
];
