// Checks of clients that show certificates (RFC 8705): proxies whose word counts, registered certificates and names, authorities.

import { readAuthorities } from '../../authorization/mutual-tls/authorities.ts';
import { readSubject, SUBJECT_KINDS } from '../../authorization/mutual-tls/subject.ts';
import { readCertificates } from '../../tls/pair.ts';
import type { CheckInput } from './check.ts';

/** Who may write the headers of a proxy may say where a request comes from, and which certificate was shown: that of any client. */
export function checkReverseProxy({ settings, findings }: CheckInput): void {
  settings.authorization.reverseProxy?.from.forEach((network, index) => {
    const place = ['authorization', 'reverseProxy', 'from', index];
    const prefix = Number(network.split('/')[1]);
    if (prefix === 0) findings.fault(place, 'is everybody; name the addresses of the proxies');
    else if (prefix < (network.includes(':') ? 64 : 24)) {
      findings.danger(
        place,
        `every machine of ${network} may say whom a request comes from and which certificate was shown, and so be any client`,
      );
    }
  });
}

export function checkClientCertificates(input: CheckInput): void {
  const { clients, reverseProxy } = input.settings.authorization;
  clients.forEach((client, index) => {
    const place = ['authorization', 'clients', index];
    for (const name of ['certificates', 'certificateSubject', 'certificateBoundTokens'] as const) {
      const isAsked = client[name] !== undefined && client[name] !== false;
      if (!isAsked || reverseProxy?.clientCertificateHeader !== undefined) continue;
      input.findings.fault(
        [...place, name],
        'needs authorization.reverseProxy.clientCertificateHeader; without it no client certificate is ever seen',
      );
    }
    client.certificates?.forEach((file, position) => {
      checkCertificateFile(input, [...place, 'certificates', position], file);
    });
  });
}

export function checkCertificateSubjects({ settings, findings }: CheckInput): void {
  const { clients, clientAuthorities } = settings.authorization;
  const seen = new Map<string, number>();
  clients.forEach(({ certificateSubject: subject }, index) => {
    if (subject === undefined) return;
    const place = ['authorization', 'clients', index, 'certificateSubject'];
    if (clientAuthorities === undefined) {
      findings.fault(
        place,
        'needs authorization.clientAuthorities: the authorities whose certificates count; else anybody could make one of that name',
      );
    }
    const given = SUBJECT_KINDS.filter((kind) => subject[kind] !== undefined);
    const [kind, ...more] = given;
    if (kind === undefined || more.length > 0) {
      const found = kind === undefined ? 'is empty' : `has ${given.join(' and ')}`;
      // RFC 8705 §2.1.2: exactly one of the metadata parameters.
      findings.fault(place, `${found}; give one of ${SUBJECT_KINDS.join(', ')}, and no second one`);
      return;
    }
    const read = readSubject(kind, subject[kind] ?? '');
    if ('fault' in read) {
      findings.fault([...place, kind], read.fault);
      return;
    }
    const earlier = seen.get(`${kind} ${read.key}`);
    if (earlier !== undefined) {
      findings.fault(
        place,
        `is that of authorization.clients[${earlier}]; each could be the other. Give each a name of its own, or make them one client`,
      );
    }
    seen.set(`${kind} ${read.key}`, earlier ?? index);
  });
}

export function checkAppAuthorities({ settings, findings, readFile, now }: CheckInput): void {
  const { clientAuthorities: file, clients } = settings.authorization;
  if (file === undefined) return;
  const place = ['authorization', 'clientAuthorities'];
  if (clients.every((client) => client.certificateSubject === undefined)) {
    findings.fault(
      place,
      'has no effect: no client has certificateSubject (the name that its certificate is for); leave it out, or register one',
    );
  }
  const read = readAuthorities(readFile(file).content.toString('utf8'), file);
  if (typeof read === 'string') return findings.fault(place, read);
  const day = (time: Date) => time.toISOString().slice(0, 10);
  for (const { validFromDate, validToDate } of read) {
    const left = validToDate.getTime() - now;
    if (left < 0) {
      findings.danger(place, `an authority expired on ${day(validToDate)}; whom it vouches for is refused`);
    } else if (validFromDate.getTime() > now) {
      findings.danger(place, `an authority is not valid before ${day(validFromDate)}`);
    } else if (left < TWO_WEEKS) {
      findings.danger(place, `an authority expires on ${day(validToDate)}`);
    }
  }
}

const TWO_WEEKS = 14 * 86_400_000;

function checkCertificateFile(
  { readFile, findings, now }: CheckInput,
  place: readonly (string | number)[],
  file: string,
): void {
  const read = readCertificates(readFile(file).content.toString('utf8'), file);
  if (typeof read === 'string') return findings.fault(place, read);
  const [certificate] = read;
  if (certificate === undefined) return;
  if (read.length > 1) {
    return findings.fault(
      place,
      `${file} holds ${read.length} certificates; give the client’s own alone, each in a file`,
    );
  }
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const isWeak = asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) < 2048;
  if (isWeak) return findings.fault(place, `${file} has an RSA key of fewer than 2048 bits`);
  if (certificate.validToDate.getTime() < now) {
    findings.danger(
      place,
      `the certificate expired on ${certificate.validToDate.toISOString().slice(0, 10)}; the client is refused with it`,
    );
  }
}
