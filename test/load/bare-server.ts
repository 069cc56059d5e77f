// What Postern is measured against: smtp-server as it is, any XOAUTH2 accepted, every message thrown away.
// Arguments: TLS port, key file, certificate file.

import { readFileSync } from 'node:fs';
import { SMTPServer } from 'smtp-server';

const [port, key, certificate] = process.argv.slice(2) as [string, string, string];

const server = new SMTPServer({
  secure: true,
  key: readFileSync(key),
  cert: readFileSync(certificate),
  minVersion: 'TLSv1.2',
  authMethods: ['XOAUTH2'],
  disableReverseLookup: true,
  size: 104_857_600,
  logger: false,
  onAuth: (login, _session, done) => done(null, { user: login.username ?? '' }),
  onData(stream, _session, done) {
    stream.on('end', () => done(null, 'thrown away'));
    stream.resume();
  },
});
server.on('error', () => undefined);
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
