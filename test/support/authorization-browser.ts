// Owns a browser reduced to what an attack or a journey over plain HTTP needs: cookies with their paths, redirects, forms.

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where it came from in the end. */
  readonly url: URL;
}

export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** Carries one request, without following redirects. */
export type Transport = (request: Request) => Promise<Omit<Answer, 'url'>>;

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
  readonly isSecure: boolean;
  readonly text: string;
}

export interface Browser {
  /** Goes to an address and follows redirects within the transport's reach; stops at the first that leaves `origins`. */
  go(url: string | URL, headers?: Record<string, string>): Promise<Answer>;
  /** Sends a form, as if it stood on a page of `from`. */
  submit(
    url: string | URL,
    fields: Record<string, string>,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  /** Presses a button of the page's form. */
  press(page: Answer, name: string, value: string): Promise<Answer>;
  cookies(): readonly Cookie[];
}

const MAX_REDIRECTS = 12;

export function createBrowser(options: {
  readonly transport: Transport;
  /** Origins it may visit; a redirect elsewhere is its result. */
  readonly origins: readonly string[];
}): Browser {
  const { transport, origins } = options;
  let jar: Cookie[] = [];

  async function send(request: Request): Promise<Answer> {
    const cookies = jar.filter((cookie) => isSent(cookie, request.url));
    const header = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const answer = await transport({
      ...request,
      headers: { accept: 'text/html', ...(header === '' ? {} : { cookie: header }), ...request.headers },
    });
    for (const text of answer.headers.getSetCookie()) keep(text, request.url);
    return { ...answer, url: request.url };
  }

  function keep(text: string, url: URL): void {
    const cookie = parseCookie(text, url);
    jar = jar.filter(({ name, host, path }) => {
      return name !== cookie.name || host !== cookie.host || path !== cookie.path;
    });
    if (cookie.value !== '' && !/expires=Thu, 01 Jan 1970/i.test(text)) jar.push(cookie);
  }

  async function follow(first: Answer): Promise<Answer> {
    let answer = first;
    for (let count = 0; count < MAX_REDIRECTS; count += 1) {
      const location = answer.headers.get('location');
      if (location === null) return answer;
      const next = new URL(location, answer.url);
      if (!origins.includes(next.origin)) return { ...answer, url: next };
      answer = await send({ method: 'GET', url: next, headers: {} });
    }
    throw new Error('too many redirects');
  }

  const browser: Browser = {
    go: async (url, headers = {}) => follow(await send({ method: 'GET', url: new URL(url), headers })),
    submit: async (url, fields, headers = {}) => {
      const body = new URLSearchParams(fields).toString();
      const type = { 'content-type': 'application/x-www-form-urlencoded' };
      const sent = await send({ method: 'POST', url: new URL(url), headers: { ...type, ...headers }, body });
      return follow(sent);
    },
    press: async (page, name, value) => {
      const { action, fields } = formOf(page.text);
      return browser.submit(
        new URL(action, page.url),
        { ...fields, [name]: value },
        { origin: 'null', 'sec-fetch-site': 'same-origin' },
      );
    },
    cookies: () => jar,
  };
  return browser;
}

/** The page's form: where it goes, and its hidden fields. */
export function formOf(text: string): { action: string; fields: Record<string, string> } {
  const action = /<form method="post" action="([^"]+)"/.exec(text)?.[1];
  if (action === undefined) throw new Error(`no form on the page: ${text.slice(0, 2000)}`);
  const hidden = [...text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)];
  return { action, fields: Object.fromEntries(hidden.map(([, name, value]) => [name, value])) };
}

function isSent(cookie: Cookie, url: URL): boolean {
  if (cookie.host !== url.hostname) return false;
  if (cookie.isSecure && url.protocol !== 'https:' && url.hostname !== 'localhost') return false;
  if (cookie.path === '/') return true;
  return url.pathname === cookie.path || url.pathname.startsWith(`${cookie.path}/`);
}

function parseCookie(text: string, url: URL): Cookie {
  const [pair = '', ...attributes] = text.split(/;\s*/);
  const [name = '', value = ''] = pair.split(/=(.*)/s);
  const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/';
  const isSecure = attributes.some((attribute) => /^secure$/i.test(attribute));
  return { name, value, host: url.hostname, path, isSecure, text };
}
