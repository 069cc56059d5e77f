// Waits on this machine's loopback address for the browser to come back from the issuer (RFC 8252 §7.3).

import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const PATH = '/callback';
const MAX_STRAY_REQUESTS = 100;

export interface LoopbackRedirect {
  readonly redirectUri: string;
  /** The browser's answer, once; undefined when the time (milliseconds) is over. */
  wait(time: number): Promise<LoopbackAnswer | undefined>;
  close(): Promise<void>;
}

export interface LoopbackAnswer {
  readonly url: URL;
  /** Tells the person how it went; the browser waits for it. */
  reply(outcome: 'signedIn' | 'denied' | 'failed'): Promise<void>;
}

/**
 * Listens on a free port of 127.0.0.1. Only a request to the callback path that bears `state` counts: another page or
 * program of this machine may find the port, but it can neither end the wait nor put in a code of its own.
 */
export async function openLoopbackRedirect(state: string): Promise<LoopbackRedirect> {
  let deliver: (answer: LoopbackAnswer) => void = () => undefined;
  const answered = new Promise<LoopbackAnswer>((resolve) => {
    deliver = resolve;
  });
  let isTaken = false;
  let stray = 0;
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, (request, response) => {
    // Null for a target such as `//`, with which a stray request could otherwise end the program.
    const url = URL.parse(request.url ?? '/', redirectUri);
    const isOurs =
      request.method === 'GET' && url?.pathname === PATH && url.searchParams.get('state') === state;
    if (isOurs && !isTaken) {
      isTaken = true;
      return deliver({ url, reply: (outcome) => send(response, PAGES[outcome]) });
    }
    stray += 1;
    if (stray > MAX_STRAY_REQUESTS) return void request.socket.destroy();
    return void send(response, PAGES.stray);
  });
  server.maxConnections = 20;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  // An address, not `localhost`: that name may lead elsewhere (RFC 8252 §8.3).
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`;
  return {
    redirectUri,
    wait: (time) => withLimit(answered, time),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function withLimit<T>(promise: Promise<T>, time: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), time);
    promise.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

const STYLE =
  ':root{color-scheme:light dark;font:1.1rem/1.5 system-ui,sans-serif}body{margin:15vh auto;max-width:30rem;padding:0 1rem}';

const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

interface Page {
  readonly status: number;
  readonly title: string;
  readonly text: string;
}

// Constants, so that nothing of a request or of the issuer can be echoed.
const PAGES = {
  signedIn: {
    status: 200,
    title: 'Signed in',
    text: 'You can close this window and go back to the program.',
  },
  denied: {
    status: 400,
    title: 'Not allowed',
    text: 'You did not allow it, so nothing was given. You can close this window.',
  },
  failed: {
    status: 400,
    title: 'Sign-in failed',
    text: 'Nothing was given. Go back to the program: it says why, and you can try again.',
  },
  stray: {
    status: 404,
    title: 'Nothing to do here',
    text: 'This page belongs to a sign-in that another window has started or finished.',
  },
} as const satisfies Record<string, Page>;

function send(response: ServerResponse, { status, title, text }: Page): Promise<void> {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${text}</p>
</main>
</body>
</html>
`;
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    // The address of this page holds the code.
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    connection: 'close',
  });
  return new Promise((resolve) => {
    // Also resolves where the person has closed the window already.
    response.once('close', resolve);
    response.end(html);
  });
}
