// smtp.office365.com as its documentation describes it: three connections and 30 messages a minute for a mailbox.

import type { IssuedTokens } from './issued-tokens.ts';
import {
  type ProviderRefusal,
  type ProviderServer,
  type SignedIn,
  startProvider,
} from './provider-server.ts';

const HOST = 'FR0P281CA0001.DEUP281.PROD.OUTLOOK.COM';
const TRACE = `[${HOST} 2026-11-20T10:00:00.000Z 08DE27F0A1B2C3D4]`;

/** https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements */
export const MICROSOFT365_CONNECTIONS = 3;
export const MICROSOFT365_MESSAGES_A_MINUTE = 30;

export const MICROSOFT365_REFUSALS = {
  // https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth: at once, without a challenge of JSON.
  wrongToken: { steps: ['AUTH'], lines: [`535 5.7.3 Authentication unsuccessful ${TRACE}`] },
  // https://github.com/simonrob/email-oauth2-proxy/issues/193
  switchedOffForTenant: {
    steps: ['AUTH'],
    lines: [
      `535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. ${TRACE}`,
    ],
  },
  // https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission has both switches.
  switchedOffForMailbox: {
    steps: ['AUTH'],
    lines: [
      `535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. ${TRACE}`,
    ],
  },
  // https://github.com/jstedfast/MailKit/issues/566
  temporaryServerError: {
    steps: ['AUTH', 'MAIL', 'end'],
    lines: [`451 4.7.0 Temporary server error. Please try again later. PRX4 ${TRACE}`],
  },
  // https://github.com/simonrob/email-oauth2-proxy/issues/315; Exchange Online's page on NDRs has 5.7.57 with
  // "Client was not authenticated to send anonymous mail during MAIL FROM".
  notSignedIn: { steps: ['MAIL'], lines: [`530 5.7.57 Client not authenticated to send mail. ${TRACE}`] },
  // https://github.com/MicrosoftDocs/OfficeDocs-Exchange/issues/2499; the page on NDRs has 4.7.500-699 with "please try again later".
  serverBusy: {
    steps: ['MAIL', 'RCPT'],
    lines: ['451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)'],
  },
  // smtp-submission-improvements (above) has the limit and the code; these words were seen, at the end of DATA:
  // https://github.com/sabuhish/fastapi-mail/issues/75
  tooManyConnections: {
    steps: ['AUTH', 'MAIL', 'end'],
    lines: [
      `432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=${HOST}]`,
    ],
  },
  // The words of smtp-submission-improvements (above), and of
  // https://techcommunity.microsoft.com/t5/exchange-team-blog/changes-coming-to-the-smtp-authenticated-submission-client/ba-p/607825
  threadLimit: {
    steps: ['end'],
    lines: [`432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=${HOST}]`],
  },
  // Seen in clients' logs; the name of the exception: http://www.kouhan.cn/en/article/00038744
  sendAsDenied: {
    steps: ['end'],
    lines: [
      '554 5.2.252 SendAsDenied; app@example.org not allowed to send as alice@example.org; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message.',
    ],
  },
  // smtp-submission-improvements (above), for more than 10,000 recipients a day; what is behind the semicolon was seen.
  dailyLimit: {
    steps: ['end'],
    lines: [
      '554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception',
    ],
  },
  // The page on NDRs: https://learn.microsoft.com/exchange/mail-flow-best-practices/non-delivery-reports-in-exchange-online/non-delivery-reports-in-exchange-online
  blockedForSpam: {
    steps: ['end'],
    lines: ['550 5.1.8 Access denied, bad outbound sender.'],
  },
  // smtp-submission-improvements (above)
  mailboxFull: {
    steps: ['end'],
    lines: [
      '554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded',
    ],
  },
} as const satisfies Record<string, ProviderRefusal>;

export interface Microsoft365 {
  readonly server: ProviderServer;
  /** The most connections that a mailbox had signed in at a time. */
  readonly mostConnections: number;
  /** The most messages of a mailbox in any minute; what happens beyond 30 is told in two ways, so nothing does here. */
  readonly mostInAMinute: number;
}

/**
 * @param options.tokens those that Entra ID has given out
 * @param options.mailboxes whom the app may send as
 * @param options.now milliseconds of a clock that never goes back
 */
export async function startMicrosoft365(options: {
  tokens: IssuedTokens;
  mailboxes: readonly string[];
  now?: () => number;
}): Promise<Microsoft365> {
  const { tokens, mailboxes, now = () => performance.now() } = options;
  const times = new Map<string, number[]>();
  let mostConnections = 0;
  let mostInAMinute = 0;

  const connectionsOf = (mailbox: string): number =>
    server.sessions.filter(({ user, closed }) => user === mailbox && !closed).length;

  function count(mailbox: string): void {
    const all = [...(times.get(mailbox) ?? []), now()];
    times.set(mailbox, all);
    mostInAMinute = Math.max(mostInAMinute, all.filter((time) => time > now() - 60_000).length);
  }

  const server: ProviderServer = await startProvider({
    name: `${HOST} Hello [192.0.2.1]`,
    tls: 'starttls',
    // https://github.com/PHPMailer/PHPMailer/issues/2194 before TLS; after it AUTH LOGIN XOAUTH2 in place of STARTTLS (logs of clients).
    keywords: ({ secure }) => [
      'SIZE 157286400',
      'PIPELINING',
      'DSN',
      'ENHANCEDSTATUSCODES',
      secure ? 'AUTH LOGIN XOAUTH2' : 'STARTTLS',
      '8BITMIME',
      'BINARYMIME',
      'CHUNKING',
      'SMTPUTF8',
    ],
    mechanisms: {
      async XOAUTH2({ initial, ask }): Promise<SignedIn> {
        const said = initial ?? (await ask(''));
        const [, user = '', token = ''] = /^user=(.*)\x01auth=Bearer (.*)\x01\x01$/.exec(said) ?? [];
        if (!tokens.isFor(token, user) || !mailboxes.includes(user))
          return { no: MICROSOFT365_REFUSALS.wrongToken.lines };
        return { user, lines: ['235 2.7.0 Authentication successful'] };
      },
    },
    usual: {
      greeting: [`220 ${HOST} Microsoft ESMTP MAIL Service ready at Fri, 20 Nov 2026 10:00:00 +0000`],
      STARTTLS: ['220 2.0.0 SMTP server ready'],
      MAIL: ['250 2.1.0 Sender OK'],
      RCPT: ['250 2.1.5 Recipient OK'],
      DATA: ['354 Start mail input; end with <CRLF>.<CRLF>'],
      end: [`250 2.0.0 OK <message@example.org> [Hostname=${HOST}]`],
      unknown: ['500 5.3.3 Unrecognized command'],
    },
    judge(step, session) {
      const { user, sender } = session;
      if (step === 'MAIL') {
        if (user === undefined) return MICROSOFT365_REFUSALS.notSignedIn.lines;
        mostConnections = Math.max(mostConnections, connectionsOf(user));
      }
      if (step !== 'end' || user === undefined) return undefined;
      if (connectionsOf(user) > MICROSOFT365_CONNECTIONS)
        return MICROSOFT365_REFUSALS.tooManyConnections.lines;
      count(user);
      return sender === user ? undefined : MICROSOFT365_REFUSALS.sendAsDenied.lines;
    },
  });
  return {
    server,
    get mostConnections() {
      return mostConnections;
    },
    get mostInAMinute() {
      return mostInAMinute;
    },
  };
}
