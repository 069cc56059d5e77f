// Owns the mail servers that take mail only from the gate: by its password, or by its client certificate.

import { X509Certificate } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startExim } from './exim.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { ACCOUNT, gateCertificates } from './gate-account.ts';
import type { MailServer } from './mail-server.ts';
import { startOpenSmtpd } from './opensmtpd.ts';
import { unpacked } from './packages.ts';
import { startPostfix } from './postfix.ts';
import { runProgram } from './program.ts';
import { startSendmail } from './sendmail.ts';

/** AUTH with one of these mechanisms; or none, where the certificate counts by itself. */
export type SignIn = 'PLAIN' | 'LOGIN' | 'EXTERNAL' | 'certificate alone';

export interface StrictServer {
  readonly name: string;
  readonly startServer: (given: { sink: number }) => Promise<MailServer>;
  /** What it takes, and how its log or its Received field says of a message who has handed it over. */
  readonly signIns: Partial<Record<SignIn, RegExp>>;
}

export const STRICT_SERVERS: readonly StrictServer[] = [
  {
    name: 'Postfix',
    startServer: startStrictPostfix,
    signIns: {
      PLAIN: /sasl_method=PLAIN, sasl_username=postern-gate@mta\.example\.org/,
      LOGIN: /sasl_method=LOGIN, sasl_username=postern-gate@mta\.example\.org/,
      'certificate alone': /\(Client CN "postern-gate", Issuer "Gates"/,
    },
  },
  {
    name: 'Exim',
    startServer: startStrictExim,
    signIns: {
      PLAIN: /A=plain_server:postern-gate/,
      LOGIN: /A=login_server:postern-gate/,
      EXTERNAL: /A=external_server:postern-gate/,
      'certificate alone': /CV=yes DN="CN=postern-gate"/,
    },
  },
  {
    name: 'Sendmail',
    startServer: startStrictSendmail,
    signIns: {
      PLAIN: /\(signed in with PLAIN as postern-gate\)/,
      LOGIN: /\(signed in with LOGIN as postern-gate\)/,
      EXTERNAL: /\(signed in with EXTERNAL as \/CN\+3Dpostern-gate\)/,
      'certificate alone': /\(certificate of \/CN=postern-gate\)/,
    },
  },
  {
    name: 'OpenSMTPD',
    startServer: startStrictOpenSmtpd,
    signIns: {
      PLAIN: /auth=yes user=postern-gate/,
      LOGIN: /auth=yes user=postern-gate/,
    },
  },
  {
    name: 'OpenSMTPD that wants a certificate',
    startServer: startVerifyingOpenSmtpd,
    signIns: { 'certificate alone': /with ESMTPS id \w+ \(TLSv1\.3:\w+:256:YES\)/ },
  },
];

async function startStrictPostfix({ sink }: { sink: number }): Promise<MailServer> {
  const accounts = await makeSaslAccounts();
  const { own } = await gateCertificates();
  const server = await startPostfix({
    sink,
    settings: {
      smtpd_client_restrictions: 'permit_sasl_authenticated, permit_tls_clientcerts, reject',
      smtpd_sasl_auth_enable: 'yes',
      smtpd_sasl_type: 'cyrus',
      smtpd_sasl_path: 'smtpd',
      smtpd_sasl_local_domain: REALM,
      smtpd_sasl_security_options: 'noanonymous',
      smtpd_tls_ask_ccert: 'yes',
      smtpd_tls_received_header: 'yes',
      smtpd_tls_fingerprint_digest: 'sha256',
      relay_clientcerts: `inline:{ { ${new X509Certificate(own.certificate).fingerprint256} = ${ACCOUNT.user} } }`,
    },
    // Where Debian's looks first.
    files: { 'sasl/smtpd.conf': accounts.configuration },
  });
  return { ...server, close: () => server.close().finally(accounts.remove) };
}

async function startStrictExim({ sink }: { sink: number }): Promise<MailServer> {
  const { user, password } = ACCOUNT;
  const folder = makeFolder('exim-authorities');
  const { authority } = await gateCertificates();
  writeFileSync(join(folder, 'ca.pem'), authority);
  const server = await startExim({
    sink,
    settings: {
      tls_try_verify_hosts: '*',
      tls_verify_certificates: join(folder, 'ca.pem'),
      log_selector: '+tls_peerdn',
    },
    statements: `
  deny ! authenticated = *
       ! verify = certificate
       message = 5.7.0 Sign in first`,
    authenticators: `
plain_server:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${user}}}{eq{$auth3}{${password}}}}}
  server_set_id = $auth2
login_server:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${if and{{eq{$auth1}{${user}}}{eq{$auth2}{${password}}}}}
  server_set_id = $auth1
external_server:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_param2 = \${certextract{subject,CN}{$tls_in_peercert}}
  server_condition = \${if eq{$auth2}{${user}}}
  server_set_id = $auth2`,
  });
  return { ...server, close: () => server.close().finally(() => removeFolder(folder)) };
}

async function startStrictSendmail({ sink }: { sink: number }): Promise<MailServer> {
  const accounts = await makeSaslAccounts();
  const { authority } = await gateCertificates();
  const server = await startSendmail({
    sink,
    authorities: authority,
    definitions: {
      confAUTH_MECHANISMS: 'EXTERNAL PLAIN LOGIN',
      // It logs to the system's journal, so its trace says who it was.
      confRECEIVED_HEADER: `from $s by $j$?{auth_type} (signed in with \${auth_type} as \${auth_authen})$.$?{cert_subject} (certificate of \${cert_subject})$.; $b`,
    },
    macros: [
      "TRUST_AUTH_MECH(`EXTERNAL PLAIN LOGIN')dnl",
      'LOCAL_CONFIG',
      `ESASL_CONF_PATH=${accounts.folder}`,
      // A client on the machine itself may send anywhere without these.
      'LOCAL_RULESETS',
      'SLocal_check_rcpt',
      'R$*\t$: $&{auth_type} $| $&{verify} $| $1',
      'R$+ $| $* $| $*\t$@ OK',
      'R$| OK $| $*\t$@ OK',
      'R$*\t$#error $@ 5.7.0 $: "550 Sign in first"',
    ].join('\n'),
  });
  return { ...server, close: () => server.close().finally(accounts.remove) };
}

async function startStrictOpenSmtpd({ sink }: { sink: number }): Promise<MailServer> {
  const folder = makeFolder('opensmtpd-accounts');
  const made = await runProgram('openssl', ['passwd', '-6', '-stdin'], { folder, input: ACCOUNT.password });
  removeFolder(folder);
  return await startOpenSmtpd({
    sink,
    listener: 'tls-require auth <accounts> received-auth',
    lines: ['table accounts "/etc/accounts"'],
    from: 'auth',
    files: { accounts: `${ACCOUNT.user} ${made.output.trim()}\n` },
  });
}

async function startVerifyingOpenSmtpd({ sink }: { sink: number }): Promise<MailServer> {
  const { authority } = await gateCertificates();
  return await startOpenSmtpd({
    sink,
    listener: 'tls-require verify ca gates',
    lines: ['ca gates cert "/etc/gates.pem"'],
    files: { 'gates.pem': authority },
  });
}

const REALM = 'mta.example.org';

/** A database of Cyrus SASL with the gate's account, and the configuration that names it; Sendmail's as a file beside it. */
async function makeSaslAccounts(): Promise<{ folder: string; configuration: string; remove: () => void }> {
  const folder = makeFolder('sasl');
  const database = join(folder, 'sasldb2');
  const made = await runProgram(
    unpacked('usr/sbin/saslpasswd2'),
    ['-p', '-c', '-f', database, '-u', REALM, ACCOUNT.user],
    { folder, input: ACCOUNT.password },
  );
  if (made.code !== 0) throw new Error(`saslpasswd2 ended with ${made.code}:\n${made.text}`);
  chmodSync(database, 0o644);
  const configuration = `pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ${database}\nmech_list: PLAIN LOGIN EXTERNAL\n`;
  writeFileSync(join(folder, 'Sendmail.conf'), configuration);
  return { folder, configuration, remove: () => removeFolder(folder) };
}
