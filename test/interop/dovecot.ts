// Owns a Dovecot of a test's own: its submission service, which takes access tokens and hands mail on to another server at once.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { testCertificate } from '../support/certificates.ts';
import { startDaemon } from './daemon.ts';
import { makeFolder, removeFolder } from './folder.ts';
import type { MailServer } from './mail-server.ts';
import { freePorts } from './ports.ts';

/** How it judges a token. The mailbox is what the claim `sub` says. */
export type Judging =
  /** By itself: a JWT of `typ` JWT and `alg` ES256. Public keys in PEM, by `kid`. */
  | { readonly keys: Readonly<Record<string, string>> }
  /** It asks there (RFC 7662), with POST and without saying who it is. */
  | { readonly introspection: string };

/** Takes mail of whoever signs in with XOAUTH2 or OAUTHBEARER over STARTTLS, and says of it what `sink` says. */
export async function startDovecot(options: { sink: number; judging: Judging }): Promise<MailServer> {
  const folder = makeFolder('dovecot');
  const [port] = (await freePorts(1)) as [number];
  const { certificate, key } = await testCertificate();
  const log = join(folder, 'log');
  for (const [name, text] of Object.entries({
    'certificate.pem': certificate,
    'key.pem': key,
    'oauth2.conf': tokenSettings(folder, options.judging),
    'dovecot.conf': configuration({ folder, port, log, sink: options.sink }),
    ...('keys' in options.judging ? keyFiles(options.judging.keys) : {}),
  })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  mkdirSync(join(folder, 'home'));
  execFileSync('chown', ['nobody', join(folder, 'home')]);

  const said = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
  const daemon = await startDaemon('dovecot', ['-F', '-c', join(folder, 'dovecot.conf')], { folder, port });
  return {
    name: 'Dovecot',
    port,
    log: () => daemon.written() + said(),
    // It has no queue.
    settled: async () => undefined,
    async close() {
      await daemon.end();
      removeFolder(folder);
    },
  };
}

/** Where it looks for the key of a token without the claim `azp`. */
const keyFiles = (keys: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(keys).map(([kid, pem]) => [`keys/default/ES256/${kid}`, pem]));

function tokenSettings(folder: string, judging: Judging): string {
  const how =
    'keys' in judging
      ? `introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix=${folder}/keys/\n`
      : `introspection_mode = post\nintrospection_url = ${judging.introspection}\nactive_attribute = active\nactive_value = true\n`;
  return `${how}username_attribute = sub\n`;
}

const configuration = (given: { folder: string; port: number; log: string; sink: number }): string => `
protocols = submission
base_dir = ${given.folder}/run
state_dir = ${given.folder}/state
log_path = ${given.log}
listen = 127.0.0.1
hostname = mta.example.org
ssl = required
ssl_cert = <${given.folder}/certificate.pem
ssl_key = <${given.folder}/key.pem
auth_mechanisms = oauthbearer xoauth2
auth_verbose = yes
# Whoever has failed waits, and everybody else from the same address with them.
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${given.folder}/oauth2.conf
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${given.folder}/home
}
mail_location = maildir:~/mail
submission_relay_host = 127.0.0.1
submission_relay_port = ${given.sink}
service submission-login {
  inet_listener submission {
    port = ${given.port}
  }
  inet_listener submissions {
    port = 0
  }
}
`;
