// Checks of clients that show certificates (RFC 8705): there is a header to find them in, and the registered ones can be read.

import { readCertificates } from '../tls/pair.ts';
import type { CheckInput } from './checks.ts';

export function checkClientCertificateHeader({ settings, findings }: CheckInput): void {
  const { clientCertificateHeader: header, trustProxy } = settings.authorization;
  if (header === undefined) return;
  const place = ['authorization', 'clientCertificateHeader'];
  if (!trustProxy) {
    findings.fault(
      place,
      'needs authorization.trustProxy: true; without a proxy anybody could write the header',
    );
  }
  header.from.forEach((network, index) => {
    const prefix = Number(network.split('/')[1]);
    // A certificate is no secret: whoever may write the header may be any client.
    if (prefix === 0)
      findings.fault([...place, 'from', index], 'is everybody; name the addresses of the proxies');
    else if (prefix < (network.includes(':') ? 64 : 24)) {
      findings.danger(
        [...place, 'from', index],
        `every machine of ${network} may say which certificate a client has shown, and so be any client`,
      );
    }
  });
}

export function checkClientCertificates(input: CheckInput): void {
  const { clients, clientCertificateHeader: header } = input.settings.authorization;
  clients.forEach((client, index) => {
    const place = ['authorization', 'clients', index];
    for (const name of ['certificates', 'certificateBoundTokens'] as const) {
      const isAsked = client[name] !== undefined && client[name] !== false;
      if (!isAsked || header !== undefined) continue;
      input.findings.fault(
        [...place, name],
        'needs authorization.clientCertificateHeader; without it no client certificate is ever seen',
      );
    }
    client.certificates?.forEach((file, position) => {
      checkCertificateFile(input, [...place, 'certificates', position], file);
    });
  });
}

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
