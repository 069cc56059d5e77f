// Owns the list of what can be reached of the OAuth server, and how. Everything else it may offer is not there.

export interface OauthRoute {
  readonly url: string;
  readonly methods: readonly ('GET' | 'HEAD' | 'OPTIONS' | 'POST')[];
  /** Who reads the answer: programs get JSON whatever they write in Accept, people get pages. */
  readonly readBy: 'programs' | 'people';
}

/** Where programs send the browser. */
export const AUTHORIZATION_PATH = '/auth';

export const OAUTH_ROUTES: readonly OauthRoute[] = [
  {
    url: '/.well-known/openid-configuration',
    methods: ['GET', 'HEAD', 'OPTIONS'],
    readBy: 'programs',
  },
  {
    url: '/.well-known/oauth-authorization-server',
    methods: ['GET', 'HEAD', 'OPTIONS'],
    readBy: 'programs',
  },
  { url: '/jwks', methods: ['GET', 'HEAD', 'OPTIONS'], readBy: 'programs' },
  { url: '/token', methods: ['POST'], readBy: 'programs' },
  { url: '/token/revocation', methods: ['POST'], readBy: 'programs' },
  { url: '/token/introspection', methods: ['POST'], readBy: 'programs' },
  { url: AUTHORIZATION_PATH, methods: ['GET'], readBy: 'people' },
  { url: '/auth/:uid', methods: ['GET'], readBy: 'people' },
  { url: '/session/end', methods: ['GET'], readBy: 'people' },
  { url: '/session/end/confirm', methods: ['POST'], readBy: 'people' },
  { url: '/session/end/success', methods: ['GET'], readBy: 'people' },
];

/** Where word of an end comes in, from other programs. */
export const BACK_CHANNEL_LOGOUT_PATH = '/back-channel-logout';
export const SIGNALS_PUSH_PATH = '/signals/push';
export const GLOBAL_REVOCATION_PATH = '/global-token-revocation';
const INLETS: readonly string[] = [BACK_CHANNEL_LOGOUT_PATH, SIGNALS_PUSH_PATH, GLOBAL_REVOCATION_PATH];

/** Whether an answer at this path is for programs, also where there is nothing. */
export function isForPrograms(path: string): boolean {
  if (path.startsWith('/.well-known/') || INLETS.includes(path)) return true;
  return OAUTH_ROUTES.some(({ url, readBy }) => url === path && readBy === 'programs');
}

/** Where an interaction goes on. */
export function interactionPath(uid: string): string {
  return `/interaction/${uid}`;
}
