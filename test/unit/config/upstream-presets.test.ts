// Presets of upstreams: each loads with the least an operator must write, fills in what it says, and gives way to what is written.

import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { UPSTREAM_PRESETS } from '../../../src/relay/presets.ts';
import { faultsOf, load, SOUND, settingsOf } from './configuration.ts';

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const FILES = {
  '/etc/postern/secret': { content: 'secret\n' },
  '/etc/postern/refresh-token': { content: 'refresh\n' },
  '/etc/postern/service-account.json': {
    content: JSON.stringify({
      type: 'service_account',
      client_email: 'postern@example.iam.gserviceaccount.com',
      private_key_id: 'key-1',
      private_key: privateKey,
      token_uri: 'https://oauth2.googleapis.com/token',
    }),
  },
};
/** Before anything is loaded. */
const AS_WRITTEN = structuredClone(UPSTREAM_PRESETS);
const SECRET = { file: 'secret' };
const LOGIN = { user: 'somebody@example.org', password: SECRET };

type Piece = Record<string, unknown>;

function loadUpstream(upstream: Piece, more: Piece = {}) {
  return load(stringify({ ...parse(SOUND), upstream, ...more }), { files: FILES });
}

function upstreamOf(upstream: Piece): Record<string, unknown> {
  return { ...settingsOf(loadUpstream(upstream)).settings.upstream };
}

/** The least for each, and what it then is; other settings are at their defaults. */
const PRESETS: Record<keyof typeof UPSTREAM_PRESETS, { least: Piece; filled: Piece }> = {
  postfix: {
    least: { host: 'smtp.example.org' },
    filled: {
      port: 25,
      tls: 'starttls',
      identity: { xclient: 'when-offered', xforward: 'off', mailFromAuth: false },
      maxConnections: 50,
      maxMessagesPerConnection: 100,
    },
  },
  exim: {
    least: { host: 'smtp.example.org' },
    filled: { port: 25, tls: 'starttls', maxConnections: 15, maxMessagesPerConnection: 10 },
  },
  sendmail: {
    least: { host: 'smtp.example.org' },
    filled: { port: 25, tls: 'starttls', maxMessagesPerConnection: 50 },
  },
  opensmtpd: {
    least: { host: 'smtp.example.org' },
    filled: { port: 25, tls: 'starttls', maxMessagesPerConnection: 50 },
  },
  exchange: {
    least: { host: 'smtp.example.org' },
    filled: { port: 25, tls: 'starttls', maxConnections: 15 },
  },
  gmail: {
    least: {
      oauth: {
        mailbox: 'somebody@gmail.com',
        clientId: 'postern',
        clientSecret: SECRET,
        refreshTokenFile: 'refresh-token',
      },
    },
    filled: {
      host: 'smtp.gmail.com',
      port: 465,
      tls: 'implicit',
      maxConnectionsPerAccount: 5,
      oauth: expect.objectContaining({
        grant: 'refresh-token',
        mechanism: 'XOAUTH2',
        mailbox: 'somebody@gmail.com',
        tokenEndpoint: 'https://oauth2.googleapis.com/token',
        scopes: ['https://mail.google.com/'],
        refreshTokenFile: '/etc/postern/refresh-token',
      }),
    },
  },
  'google-workspace': {
    least: { oauth: { serviceAccount: { file: 'service-account.json' } } },
    filled: {
      host: 'smtp.gmail.com',
      port: 465,
      tls: 'implicit',
      maxConnectionsPerAccount: 5,
      oauth: expect.objectContaining({
        grant: 'jwt-bearer',
        mechanism: 'XOAUTH2',
        mailbox: 'sender',
        tokenEndpoint: 'https://oauth2.googleapis.com/token',
        scopes: ['https://mail.google.com/'],
      }),
    },
  },
  microsoft365: {
    least: { oauth: { tenant: 'example.onmicrosoft.com', clientId: 'postern', clientSecret: SECRET } },
    filled: {
      host: 'smtp.office365.com',
      port: 587,
      tls: 'starttls',
      maxConnectionsPerAccount: 3,
      maxMessagesPerMinute: 30,
      oauth: expect.objectContaining({
        grant: 'client-credentials',
        mechanism: 'XOAUTH2',
        mailbox: 'sender',
        tenant: 'example.onmicrosoft.com',
        scopes: ['https://outlook.office365.com/.default'],
      }),
    },
  },
  ionos: {
    least: { login: LOGIN },
    filled: {
      host: 'smtp.ionos.com',
      port: 465,
      tls: 'implicit',
      maxConnectionsPerAccount: 5,
      maxMessagesPerMinute: 8,
    },
  },
};

const DEFAULTS = upstreamOf({ host: 'smtp.example.org' });

describe('a preset', () => {
  it('is tested here, each of them', () => {
    expect(Object.keys(PRESETS).sort()).toEqual(Object.keys(UPSTREAM_PRESETS).sort());
  });

  it.each(Object.entries(PRESETS))('%s fills in the rest', (preset, { least, filled }) => {
    const { login, ...loaded } = upstreamOf({ preset, ...least });
    expect(loaded).toEqual({ ...DEFAULTS, ...filled, preset, host: filled['host'] ?? least['host'] });
    expect(login).toEqual('login' in least ? { ...LOGIN, password: expect.anything() } : undefined);
  });

  it.each(Object.entries(PRESETS))('%s does so in `upstreams` too', (preset, { least, filled }) => {
    const { upstream: _none, ...rest } = parse(SOUND);
    const upstreams = [
      { id: 'one', preset, ...least },
      { id: 'two', host: 'other.example.org' },
    ];
    const { settings } = settingsOf(load(stringify({ ...rest, upstreams }), { files: FILES }));
    expect(settings.upstreams[0]).toMatchObject({ id: 'one', preset, ...filled });
    expect(settings.upstreams[1]).toEqual({
      ...DEFAULTS,
      host: 'other.example.org',
      id: 'two',
      priority: 0,
      weight: 1,
    });
  });

  it('leaves no trace in what is loaded after it', () => {
    for (const [preset, { least }] of Object.entries(PRESETS)) {
      const loaded = upstreamOf({ preset, ...least }) as { oauth?: { scopes: string[] }; identity: object };
      loaded.oauth?.scopes.push('more');
      Object.assign(loaded.identity, { xclient: 'required' });
    }
    expect(UPSTREAM_PRESETS).toEqual(AS_WRITTEN);
  });
});

describe('what stands beside a preset', () => {
  const { oauth } = PRESETS.microsoft365.least;

  it('counts instead', () => {
    const written = { host: 'smtp.example.net', port: 2525, maxMessagesPerMinute: 300 };
    expect(upstreamOf({ preset: 'microsoft365', oauth, ...written })).toMatchObject({
      ...written,
      tls: 'starttls',
    });
  });

  it('counts inside a section without emptying it', () => {
    const written = { ...(oauth as object), mailbox: 'shared@example.org', mechanism: 'OAUTHBEARER' };
    expect(upstreamOf({ preset: 'microsoft365', oauth: written })['oauth']).toMatchObject({
      mailbox: 'shared@example.org',
      mechanism: 'OAUTHBEARER',
      grant: 'client-credentials',
      scopes: ['https://outlook.office365.com/.default'],
    });
    expect(
      upstreamOf({ preset: 'postfix', host: 'smtp.example.org', identity: { mailFromAuth: true } })[
        'identity'
      ],
    ).toEqual({ xclient: 'when-offered', xforward: 'off', mailFromAuth: true });
  });

  it('takes the place of a list as a whole', () => {
    const written = {
      ...(oauth as object),
      scopes: ['https://outlook.office.com/SMTP.Send', 'offline_access'],
    };
    expect(upstreamOf({ preset: 'microsoft365', oauth: written })['oauth']).toMatchObject({
      scopes: written.scopes,
    });
  });

  it('may be an empty section that is always there', () => {
    const loaded = upstreamOf({ preset: 'postfix', host: 'smtp.example.org', identity: null });
    expect(loaded['identity']).toMatchObject({ xclient: 'when-offered' });
  });

  it.each(['gmail', 'microsoft365'])(
    'may be another way to sign in: %s with a password has no oauth',
    (preset) => {
      const loaded = upstreamOf({ preset, login: LOGIN });
      expect(loaded).not.toHaveProperty('oauth');
      expect(loaded).toMatchObject({
        login: { user: LOGIN.user },
        host: UPSTREAM_PRESETS[preset as 'gmail'].host,
      });
    },
  );

  it('is not both ways at once', () => {
    expect(faultsOf(loadUpstream({ preset: 'microsoft365', oauth, login: LOGIN })).join()).toContain('oauth');
  });

  it('is judged where it stands', () => {
    expect(faultsOf(loadUpstream({ preset: 'microsoft365', oauth: 'yes' }))).toEqual([
      'upstream.oauth: expected a section with settings under it; found a plain value',
    ]);
    expect(
      faultsOf(loadUpstream({ preset: 'postfix', host: 'a.example', identity: { xclient: 'on' } })),
    ).toEqual(['upstream.identity.xclient: expected one of off, when-offered, required; found "on"']);
  });
});

describe('what a preset cannot know', () => {
  it.each(['postfix', 'exim', 'sendmail', 'opensmtpd', 'exchange'])('%s asks for the host', (preset) => {
    expect(faultsOf(loadUpstream({ preset }))).toEqual([
      'upstream.host: is missing; expected text, not empty (Host name or address of the mail server that mail is handed to)',
    ]);
  });

  it.each([
    ['gmail', 'oauth', 'smtp.gmail.com'],
    ['google-workspace', 'oauth', 'smtp.gmail.com'],
    ['microsoft365', 'oauth', 'smtp.office365.com'],
    ['ionos', 'login', 'smtp.ionos.com'],
  ])('%s asks for %s', (preset, way, host) => {
    expect(faultsOf(loadUpstream({ preset }))).toEqual([
      `upstream.${way}: is missing: ${host} takes mail from its own accounts only; docs/upstreams/${preset}.md says what to write`,
    ]);
  });

  it('is not asked for where the mail goes to another host of theirs', () => {
    expect(upstreamOf({ preset: 'google-workspace', host: 'smtp-relay.gmail.com' })).not.toHaveProperty(
      'oauth',
    );
  });

  it.each(['gmial', 'constructor', '__proto__'])('%s is none, and that is the one fault', (preset) => {
    expect(faultsOf(loadUpstream({ preset }))).toEqual([
      `upstream.preset: expected one of ${Object.keys(UPSTREAM_PRESETS).join(', ')}; found "${preset}"`,
    ]);
  });
});
