// Runs inside Thunderbird, with its rights: sends one message through a server that is set up for it, with OAuth. What to do is the
// first argument, where to tell the outcome the second.

// biome-ignore lint/complexity/noArguments: Marionette makes the script the body of a function.
const [given, done] = arguments;

const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs');

const file = (path) => {
  const one = Cc['@mozilla.org/file/local;1'].createInstance(Ci.nsIFile);
  one.initWithPath(path);
  return one;
};

/** As if its user had signed in before. */
async function keepRefreshToken() {
  const login = Cc['@mozilla.org/login-manager/loginInfo;1'].createInstance(Ci.nsILoginInfo);
  login.init(`oauth://${given.provider}`, null, given.scopes, given.user, 'a refresh token', '', '');
  const kept = await Services.logins.searchLoginsAsync({ origin: login.origin });
  if (kept.length === 0) await Services.logins.addLoginAsync(login);
}

function setServerUp() {
  const server = MailServices.outgoingServer.createServer('smtp');
  server.QueryInterface(Ci.nsISmtpServer);
  server.hostname = given.host;
  server.port = given.port;
  server.socketType = given.tls === 'implicit' ? Ci.nsMsgSocketType.SSL : Ci.nsMsgSocketType.alwaysSTARTTLS;
  server.authMethod = Ci.nsMsgAuthMethod.OAuth2;
  server.username = given.user;
  return server;
}

function send(server) {
  const identity = MailServices.accounts.createIdentity();
  identity.email = given.mailFrom;
  const recipients = MailServices.headerParser.makeFromDisplayAddress(given.recipients.join(', '));
  const message = file(given.file);
  return new Promise((resolve) => {
    const listener = {
      QueryInterface: ChromeUtils.generateQI(['nsIMsgOutgoingListener']),
      onSendStart() {},
      onSendStop: (_server, status, _security, text) => resolve({ status, text }),
    };
    const sender = given.mailFrom;
    server.sendMailMessage(message, recipients, [], identity, sender, null, null, false, given.id, listener);
  });
}

(async () => {
  const certificates = Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB);
  certificates.addCertFromBase64(given.authority, 'CT,,');
  await keepRefreshToken();
  const server = setServerUp();
  const outcome = await send(server);
  server.closeCachedConnections();
  done(outcome);
})().catch((error) => done({ status: -1, text: String(error) }));
