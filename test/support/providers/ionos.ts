// smtp.ionos.com as its documentation describes it; what that leaves out is as seen at it, or at its siblings of the same software.

import {
  type ProviderRefusal,
  type ProviderServer,
  type SignedIn,
  startProvider,
} from './provider-server.ts';

export const IONOS_REFUSALS = {
  // https://www.ionos.com/help/email/general-topics/what-are-the-mass-mailing-limits/; where in the dialogue is not documented.
  hourlyLimit: {
    steps: ['MAIL', 'RCPT', 'end'],
    lines: ['450-Requested mail action not taken: mailbox unavailable', '450 Mail send limit exceeded.'],
  },
  // https://github.com/terminal42/contao-notification_center/issues/226; how many that is nobody says.
  sessionLimit: {
    steps: ['MAIL', 'end'],
    lines: ['451-Requested action aborted', '451 Mails per session limit'],
  },
  // https://www.ionos.com/help/email/troubleshooting-mail-basicmail-business/error-messages-caused-by-undeliverable-email/ has 535, with
  // "Authentication failure: SMTP AUTH failed with the remote server", which is what programs say of it; the words are of its software.
  wrongPassword: { steps: ['AUTH'], lines: ['535 Authentication credentials invalid'] },
  // https://github.com/dart-mailer/mailer/issues/161
  notSignedIn: { steps: ['MAIL'], lines: ['530 Authentication required'] },
  // https://www.ionos.com/help/email/general-topics/important-change-for-sending-emails-with-different-sender-addresses/ has the last
  // words; the first line and the step are of GMX, which runs the same software: https://github.com/infertux/zeyple/issues/49.
  foreignSender: {
    steps: ['MAIL'],
    lines: ['550-Requested action not taken: mailbox unavailable', '550 Sender address is not allowed.'],
  },
  // https://github.com/bohnelang/Linux_Postfix_ionos.de, in reply to MAIL.
  unknownDomain: {
    steps: ['MAIL'],
    lines: [
      '550-Requested action not taken: mailbox unavailable',
      '550 invalid DNS MX or A/AAAA resource record',
    ],
  },
  // The page of 535.
  noSuchMailbox: { steps: ['RCPT'], lines: ['550 Requested action not taken: mailbox unavailable'] },
  // https://www.ionos.de/hilfe/e-mail/postmaster/smtp-fehlermeldungen-der-11-ionos-mailserver/, of mail from outside.
  rateLimit: { steps: ['greeting', 'MAIL'], lines: ['421 Rate limit reached. Please try again later'] },
  unavailable: { steps: ['end'], lines: ['451 Requested action aborted: local error in processing'] },
  // https://www.ionos.com/help/index.php?id=2425 as quoted in https://github.com/magepal/magento2-gmail-smtp-app/issues/175
  policy: {
    steps: ['end'],
    lines: [
      '554-Transaction failed',
      '554-Reject due to policy restrictions.',
      '554 For explanation visit https://www.ionos.com/help/index.php?id=2425&c=hd',
    ],
  },
} as const satisfies Record<string, ProviderRefusal>;

export function startIonos(account: { user: string; password: string }): Promise<ProviderServer> {
  const signIn = (user = '', password = ''): SignedIn =>
    user === account.user && password === account.password
      ? { user, lines: ['235 Authentication succeeded'] }
      : { no: IONOS_REFUSALS.wrongPassword.lines };

  return startProvider({
    name: 'kundenserver.de Hello gate.example.org [192.0.2.1]',
    tls: 'implicit',
    // Not documented: the keywords are those of gmx.com, which runs the same software. The size is of
    // https://www.ionos.de/hilfe/e-mail/postmaster/allgemeine-tipps-zum-versand-an-company-name-postfaecher/.
    keywords: () => ['SIZE 104857600', 'AUTH LOGIN PLAIN'],
    mechanisms: {
      PLAIN: async ({ initial, ask }) => {
        const [, user, password] = (initial ?? (await ask(''))).split('\0');
        return signIn(user, password);
      },
      LOGIN: async ({ ask }) => {
        const user = await ask(Buffer.from('Username:').toString('base64'));
        return signIn(user, await ask(Buffer.from('Password:').toString('base64')));
      },
    },
    usual: {
      greeting: ['220 kundenserver.de (mreue011) Nemesis ESMTP Service ready'],
      STARTTLS: ['503 Bad sequence of commands'],
      MAIL: ['250 Requested mail action okay, completed'],
      RCPT: ['250 OK'],
      DATA: ['354 Start mail input; end with <CRLF>.<CRLF>'],
      end: ['250 Requested mail action okay, completed: id=1MvKGv-1uq2nW3wvZ-00ybJH'],
      unknown: ['500 Syntax error, command unrecognized'],
    },
    judge(step, { user, sender }, text) {
      if (step === 'MAIL' && user === undefined) return IONOS_REFUSALS.notSignedIn.lines;
      // Since January 2024: "the sender address has the same domain as the email account used", and empty ones are refused too.
      if (step === 'MAIL' && domainOf(sender) !== domainOf(user)) return IONOS_REFUSALS.foreignSender.lines;
      if (step === 'end' && !hasProperHeader(text)) return IONOS_REFUSALS.policy.lines;
      return undefined;
    },
  });
}

function domainOf(address = ''): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

/** The page on `policy`: one Date, and From, Sender, To, Cc and Subject at most once. */
function hasProperHeader(text: string): boolean {
  const header = text.split('\r\n\r\n', 1)[0] ?? '';
  const count = (name: string): number => [...header.matchAll(new RegExp(`^${name}:`, 'gim'))].length;
  return count('Date') === 1 && ['From', 'Sender', 'To', 'Cc', 'Subject'].every((name) => count(name) <= 1);
}
