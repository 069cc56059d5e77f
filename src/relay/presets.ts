// Owns what the presets of upstream mail servers fill in; whatever stands beside one in the file counts instead.
// Each has a page in docs/upstreams/, which shows these lines (test/unit/config/upstream-presets.test.ts compares them).

const GOOGLE = {
  mechanism: 'XOAUTH2',
  // https://developers.google.com/identity/protocols/oauth2/web-server#offline
  tokenEndpoint: 'https://oauth2.googleapis.com/token',
  // https://developers.google.com/workspace/gmail/imap/xoauth2-protocol: the one scope for IMAP, POP and SMTP.
  scopes: ['https://mail.google.com/'],
};

/**
 * As the operator would write them. A section that is optional (`oauth`) is filled in where the operator has opened it, and left
 * closed otherwise: signing in with `login` needs nothing taken back.
 */
export const UPSTREAM_PRESETS = {
  /** On a listener of its own, or port 25. */
  postfix: {
    port: 25,
    tls: 'starttls',
    // https://www.postfix.org/XCLIENT_README.html: offered to those alone whom smtpd_authorized_xclient_hosts names.
    identity: { xclient: 'when-offered' },
    // https://www.postfix.org/postconf.5.html: smtpd_client_connection_count_limit is 50, and a connection may carry any number of
    // messages while it makes fewer than smtpd_soft_error_limit (10) errors.
    maxConnections: 50,
    maxMessagesPerConnection: 100,
  },
  exim: {
    port: 25,
    tls: 'starttls',
    // https://www.exim.org/exim-html-current/doc/html/spec_html/ch-main_configuration.html: smtp_accept_max is 20 for all clients
    // together, and the eleventh message of a connection lies in the queue until the next run
    // (smtp_accept_queue_per_connection).
    maxConnections: 15,
    maxMessagesPerConnection: 10,
  },
  sendmail: {
    port: 25,
    tls: 'starttls',
    // cf/README of Sendmail: no limit on messages of a connection; BAD_RCPT_THROTTLE and the like count errors only.
    maxMessagesPerConnection: 50,
  },
  opensmtpd: {
    port: 25,
    tls: 'starttls',
    // smtpd.conf(5), `smtp limit max-mails`: 100 a session.
    maxMessagesPerConnection: 50,
  },
  /** A receive connector for Postern's address alone. */
  exchange: {
    port: 25,
    tls: 'starttls',
    // https://learn.microsoft.com/exchange/mail-flow/message-rate-limits: MaxInboundConnectionPerSource is 20, then 421 4.3.2.
    maxConnections: 15,
  },
  /** One account of Gmail, whose owner has consented once. */
  gmail: {
    // https://support.google.com/a/answer/176600: port 465 with TLS, or 587 with STARTTLS.
    host: 'smtp.gmail.com',
    port: 465,
    tls: 'implicit',
    oauth: { grant: 'refresh-token', ...GOOGLE },
    // Not documented for SMTP; IMAP takes 15 an account (https://support.google.com/mail/answer/7126229).
    maxConnectionsPerAccount: 5,
  },
  /** Every mailbox of a domain, by a service account with domain-wide delegation. */
  'google-workspace': {
    host: 'smtp.gmail.com',
    port: 465,
    tls: 'implicit',
    // https://developers.google.com/identity/protocols/oauth2/service-account: the assertion's `sub` is the mailbox.
    oauth: { grant: 'jwt-bearer', mailbox: 'sender', ...GOOGLE },
    maxConnectionsPerAccount: 5,
  },
  microsoft365: {
    // https://learn.microsoft.com/exchange/mail-flow-best-practices/how-to-set-up-a-multifunction-device-or-application-to-send-email-using-microsoft-365-or-office-365
    host: 'smtp.office365.com',
    port: 587,
    tls: 'starttls',
    oauth: {
      // https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
      grant: 'client-credentials',
      mechanism: 'XOAUTH2',
      mailbox: 'sender',
      scopes: ['https://outlook.office365.com/.default'],
    },
    // https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements: three connections and 30 messages
    // a minute for each mailbox.
    maxConnectionsPerAccount: 3,
    maxMessagesPerMinute: 30,
  },
  ionos: {
    // https://www.ionos.co.uk/help/email/: smtp.ionos.com, in Germany smtp.ionos.de, and so on; 465 with TLS.
    host: 'smtp.ionos.com',
    port: 465,
    tls: 'implicit',
    // https://www.ionos.com/help/email/general-topics/what-are-the-mass-mailing-limits/: 500 an hour once the contract is a month old.
    maxMessagesPerMinute: 8,
    // Not documented.
    maxConnectionsPerAccount: 5,
  },
};
