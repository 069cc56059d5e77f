// Owns the list of what can be reached of the OAuth server, and how. Everything else it may offer is not there.

export interface OauthRoute {
  readonly url: string;
  readonly methods: readonly ('GET' | 'HEAD' | 'OPTIONS' | 'POST')[];
  /** Who reads the answer: programs get JSON whatever they write in Accept, people get pages. */
  readonly readBy: 'programs' | 'people';
}

/** Where programs send the browser. */
export const AUTHORIZATION_PATH = '/auth';

/** Where a device asks for a code, and where a person enters it (RFC 8628 §3.1, §3.3). */
export const DEVICE_AUTHORIZATION_PATH = '/device/auth';
export const DEVICE_PATH = '/device';

/** Where programs send the browser to end its session. */
export const SIGN_OUT_PATH = '/session/end';

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
  { url: SIGN_OUT_PATH, methods: ['GET'], readBy: 'people' },
  { url: `${SIGN_OUT_PATH}/confirm`, methods: ['POST'], readBy: 'people' },
  { url: `${SIGN_OUT_PATH}/success`, methods: ['GET'], readBy: 'people' },
  { url: DEVICE_AUTHORIZATION_PATH, methods: ['POST'], readBy: 'programs' },
  { url: DEVICE_PATH, methods: ['GET', 'POST'], readBy: 'people' },
  { url: `${DEVICE_PATH}/:uid`, methods: ['GET'], readBy: 'people' },
];

/** Whether a route is there for the device grant alone. */
export function isForDevices({ url }: OauthRoute): boolean {
  return url === DEVICE_PATH || url.startsWith(`${DEVICE_PATH}/`);
}

/** Where a program registers itself (RFC 7591 §3). */
export const REGISTRATION_PATH = '/register';

/** Where word of an end comes in, from other programs. */
export const BACK_CHANNEL_LOGOUT_PATH = '/back-channel-logout';
export const SIGNALS_PUSH_PATH = '/signals/push';
export const GLOBAL_REVOCATION_PATH = '/global-token-revocation';
const FOR_PROGRAMS: readonly string[] = [
  REGISTRATION_PATH,
  BACK_CHANNEL_LOGOUT_PATH,
  SIGNALS_PUSH_PATH,
  GLOBAL_REVOCATION_PATH,
];

/** Whether an answer at this path is for programs, also where there is nothing. */
export function isForPrograms(path: string): boolean {
  if (path.startsWith('/.well-known/') || FOR_PROGRAMS.includes(path)) return true;
  return OAUTH_ROUTES.some(({ url, readBy }) => url === path && readBy === 'programs');
}

/** Where an interaction goes on. */
export function interactionPath(uid: string): string {
  return `/interaction/${uid}`;
}
