// smtp.gmail.com as its documentation describes it.

import type { IssuedTokens } from './issued-tokens.ts';
import {
  type Exchange,
  type ProviderRefusal,
  type ProviderServer,
  type SignedIn,
  startProvider,
} from './provider-server.ts';

/** The session id that Google puts at the end of its replies, "<sessionid> - gsmtp" (answer/3726730 below). */
const END = 'a640c23a62f3a-4f0sm1ej.12 - gsmtp';

/** Seen: `250-SIZE 35882577` in the EHLO reply, as msmtp and others print it; 25 MB of content in base64. */
export const GMAIL_SIZE = 35_882_577;

/** https://support.google.com/a/answer/166852: recipients of a message by SMTP. */
export const GMAIL_RECIPIENTS = 100;

/**
 * https://support.google.com/a/answer/3726730, "Gmail SMTP errors and codes", now also at
 * https://knowledge.workspace.google.com/admin/support/troubleshooting/gmail-smtp-errors-and-codes: codes and texts. It was at hand in
 * excerpts, the first rows whole (450 4.2.1, 452 4.2.2). The steps are a guess unless it says so.
 */
export const GMAIL_REFUSALS = {
  tooManyConnections: {
    steps: ['greeting', 'EHLO'],
    lines: [`421-4.7.0 Try again later, closing connection. ${END}`, `421 4.7.0 ${END}`],
  },
  systemProblem: {
    steps: ['MAIL', 'RCPT', 'DATA', 'end'],
    lines: [`421 4.3.0 Temporary System Problem.  Try again later. ${END}`],
  },
  serverBusy: { steps: ['MAIL', 'end'], lines: [`421 4.4.5 Server busy, try again later. ${END}`] },
  recipientTooBusy: {
    steps: ['RCPT'],
    lines: [
      '450-4.2.1 The user you are trying to contact is receiving email too quickly.',
      '450-4.2.1 Please resend your message at a later time. If the user is able to',
      `450 4.2.1 receive email at that time, your message will be delivered. ${END}`,
    ],
  },
  // The third row of the page, of smtp-relay.gmail.com.
  relayBusy: {
    steps: ['MAIL', 'end'],
    lines: [
      '450-4.2.1 Peak SMTP relay limit exceeded for this customer. This is a temporary',
      `450 4.2.1 error. ${END}`,
    ],
  },
  temporarilyRejected: {
    steps: ['end'],
    lines: [`451 4.3.0 Mail server temporarily rejected message. ${END}`],
  },
  recipientFull: {
    steps: ['RCPT'],
    lines: [`452 4.2.2 The email account that you tried to reach is over quota. ${END}`],
  },
  tooManyRecipients: { steps: ['RCPT'], lines: [`452 4.5.3 Your message has too many recipients. ${END}`] },
  cannotSignInNow: {
    steps: ['AUTH'],
    lines: [`454 4.7.0 Cannot authenticate due to temporary system problem. Try again later. ${END}`],
  },
  notSignedIn: { steps: ['MAIL'], lines: [`530 5.7.0 Authentication Required. ${END}`] },
  appPasswordWanted: { steps: ['AUTH'], lines: [`534 5.7.9 Application-specific password required. ${END}`] },
  // The page has the words; a server that said "Learn more at" in their place: https://pastebin.com/uXqSaYa4.
  wrongPassword: {
    steps: ['AUTH'],
    lines: [
      '535-5.7.8 Username and Password not accepted. For more information, go to',
      `535 5.7.8  https://support.google.com/mail/?p=BadCredentials ${END}`,
    ],
  },
  noSuchUser: {
    steps: ['RCPT'],
    lines: [`550 5.1.1 The email account that you tried to reach does not exist. ${END}`],
  },
  // The end of DATA is where https://github.com/gen-smtp/gen_smtp/issues/140 met it ("sending quota exceeded" then).
  dailyLimit: { steps: ['MAIL', 'end'], lines: [`550 5.4.5 Daily user sending limit exceeded. ${END}`] },
  tooLarge: {
    steps: ['end'],
    lines: [`552 5.2.3 Your message exceeded Google's message size limits. ${END}`],
  },
} as const satisfies Record<string, ProviderRefusal>;

/** @param tokens those that Google's token endpoint has given out */
export function startGmail(
  tokens: IssuedTokens,
  password?: { user: string; password: string },
): Promise<ProviderServer> {
  const no = { no: GMAIL_REFUSALS.wrongPassword.lines };
  const yes = (user: string): SignedIn => ({ user, lines: ['235 2.7.0 Accepted'] });
  const byPassword = (user: string, text: string): SignedIn =>
    password?.user === user && password.password === text ? yes(user) : no;

  /** https://developers.google.com/workspace/gmail/imap/xoauth2-protocol: a refused token gets a challenge of JSON first. */
  async function xoauth2(exchange: Exchange): Promise<SignedIn> {
    const said = exchange.initial ?? (await exchange.ask(''));
    const [, user = '', token = ''] = /^user=(.*)\x01auth=Bearer (.*)\x01\x01$/.exec(said) ?? [];
    if (tokens.isFor(token, user)) return yes(user);
    await exchange.ask(Buffer.from(REFUSED_TOKEN).toString('base64'));
    return no;
  }

  return startProvider({
    name: 'smtp.gmail.com at your service, [192.0.2.1]',
    tls: 'implicit',
    // Not documented. Seen, before TLS and after it, word for word: https://pastebin.com/uXqSaYa4.
    keywords: ({ secure }) => [
      `SIZE ${GMAIL_SIZE}`,
      '8BITMIME',
      secure ? 'AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH' : 'STARTTLS',
      'ENHANCEDSTATUSCODES',
      'PIPELINING',
      'CHUNKING',
      'SMTPUTF8',
    ],
    mechanisms: {
      XOAUTH2: xoauth2,
      PLAIN: async ({ initial, ask }) => {
        const [, user = '', text = ''] = (initial ?? (await ask(''))).split('\0');
        return byPassword(user, text);
      },
    },
    usual: {
      greeting: [`220 smtp.gmail.com ESMTP ${END}`],
      STARTTLS: ['220 2.0.0 Ready to start TLS'],
      MAIL: [`250 2.1.0 OK ${END}`],
      RCPT: [`250 2.1.5 OK ${END}`],
      DATA: [`354 Go ahead ${END}`],
      end: [`250 2.0.0 OK  1790053739 ${END}`],
      unknown: [`502 5.5.1 Unrecognized command. ${END}`],
    },
    judge(step, { user, recipients }, text) {
      if (step === 'MAIL' && user === undefined) return GMAIL_REFUSALS.notSignedIn.lines;
      if (step === 'RCPT' && recipients.length >= GMAIL_RECIPIENTS)
        return GMAIL_REFUSALS.tooManyRecipients.lines;
      if (step === 'end' && text.length > GMAIL_SIZE) return GMAIL_REFUSALS.tooLarge.lines;
      return undefined;
    },
  });
}

/** As the page on XOAUTH2 shows it, the line break at its end included. */
const REFUSED_TOKEN = '{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}\n';
