// Checks of an upstream's access tokens: each grant has what it needs and nothing it would not use; keys and files can be used.

import { canonicalAddress } from '../../address.ts';
import { isKeyFault, readSigningKey } from '../../client-proof/signing-key.ts';
import { readServiceAccount } from '../../relying-party/upstream/service-account.ts';
import type { UpstreamOAuthSettings } from '../../relying-party/upstream/settings.ts';
import { type Place, quote } from '../fault.ts';
import { isLoopback } from '../hosts.ts';
import type { CheckInput } from './check.ts';
import { faultOfTimer } from './limits.ts';

type Name = keyof UpstreamOAuthSettings;
type Grant = UpstreamOAuthSettings['grant'];

/** @param place of the section, such as `['upstreams', 0, 'oauth']`. */
export function checkUpstreamOAuth(input: CheckInput, place: Place, oauth: UpstreamOAuthSettings): void {
  const given: Given = { input, place, oauth };
  checkMailbox(given);
  const timer = faultOfTimer(oauth.timeout);
  if (timer !== undefined) fault(given, 'timeout', timer);
  if (!checkUnused(given) || oauth.grant === 'pass-through') return;
  checkEndpoint(given);
  checkProof(given);
  checkKeys(given);
  checkScopes(given);
  checkRefreshTokenFile(given);
}

interface Given {
  readonly input: CheckInput;
  readonly place: Place;
  readonly oauth: UpstreamOAuthSettings;
}

/** Used by one grant each, or by all that fetch tokens. What a preset may fill in is not among them. */
const ONLY_FOR: Readonly<Partial<Record<Name, Grant>>> = {
  serviceAccount: 'jwt-bearer',
  refreshTokenFile: 'refresh-token',
};
const FOR_FETCHING: readonly Name[] = [
  'issuer',
  'tenant',
  'clientId',
  'clientSecret',
  'clientSecretIn',
  'clientKey',
  'clientCertificate',
  'keyId',
  'audience',
  'resource',
];

/** True where nothing stands there in vain. */
function checkUnused(given: Given): boolean {
  const { oauth } = given;
  const names = [...Object.entries(ONLY_FOR), ...FOR_FETCHING.map((name) => [name, undefined] as const)];
  const unused = names.filter(
    ([name, only]) =>
      oauth[name as Name] !== undefined &&
      (only === undefined ? oauth.grant === 'pass-through' : oauth.grant !== only),
  );
  for (const [name, only] of unused) {
    const advice = only === undefined ? '' : `, or set grant: ${only}`;
    fault(given, name as Name, `is not used with grant: ${oauth.grant}; remove it${advice}`);
  }
  return unused.length === 0;
}

function checkMailbox(given: Given): void {
  const { mailbox } = given.oauth;
  if (mailbox === 'sender' || mailbox === 'user' || canonicalAddress(mailbox) !== undefined) return;
  fault(given, 'mailbox', `${quote(mailbox)} is neither "sender" nor "user" nor an address`);
}

function checkEndpoint(given: Given): void {
  const { tokenEndpoint, issuer, tenant, serviceAccount, grant } = given.oauth;
  const named = (['issuer', 'tenant', 'tokenEndpoint'] as const).filter(
    (name) => given.oauth[name] !== undefined,
  );
  const [first, second] = named;
  if (second !== undefined) {
    fault(given, second, `says the same as \`${first}\` beside it; keep one of the two`);
  } else if (first === undefined && serviceAccount === undefined) {
    fault(given, 'tokenEndpoint', 'is missing; give it, or `issuer`, or for Microsoft 365 `tenant`');
  }
  if (tokenEndpoint !== undefined) checkUrl(given, 'tokenEndpoint', tokenEndpoint);
  if (issuer !== undefined) {
    checkUrl(given, 'issuer', issuer);
    if (/[?#]/.test(issuer)) fault(given, 'issuer', 'an issuer has no query (?) and no fragment (#)');
  }
  if (
    tenant !== undefined &&
    grant === 'client-credentials' &&
    /^(common|organizations|consumers)$/i.test(tenant)
  ) {
    fault(given, 'tenant', `${quote(tenant)} stands for many tenants; an app signs in at one, so name that`);
  }
}

function checkUrl(given: Given, name: Name, text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    fault(given, name, 'expected a URL that begins with https://');
  } else if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    fault(
      given,
      name,
      'must be https; http is accepted only for localhost, because secrets and tokens pass there',
    );
  } else if (url.username !== '' || url.password !== '') {
    fault(given, name, 'holds a user name or password; they belong into clientId and clientSecret');
  } else if (url.hash !== '') {
    fault(given, name, 'must have no fragment (the part from #)');
  }
}

/** How Postern says who it is. */
function checkProof(given: Given): void {
  const { grant, clientId, clientSecret, clientKey, serviceAccount } = given.oauth;
  if (serviceAccount !== undefined) {
    for (const name of ['issuer', 'tenant', 'clientId', 'clientSecret', 'clientKey', 'keyId'] as const) {
      if (given.oauth[name] === undefined) continue;
      fault(given, name, 'is not used: serviceAccount says who Postern is, and where; remove one of the two');
    }
    return;
  }
  if (clientId === undefined) {
    const other = grant === 'jwt-bearer' ? ', or for Google `serviceAccount`' : '';
    fault(given, 'clientId', `is missing; give what the token endpoint knows Postern by${other}`);
  }
  if (grant === 'jwt-bearer') {
    if (clientKey === undefined) {
      fault(
        given,
        'clientKey',
        'is missing; grant: jwt-bearer needs a key to sign with, or for Google `serviceAccount`',
      );
    }
  } else if (clientSecret !== undefined && clientKey !== undefined) {
    fault(given, 'clientKey', 'stands beside clientSecret; one of the two proves enough');
  } else if (clientSecret === undefined && clientKey === undefined && grant !== 'refresh-token') {
    fault(given, 'clientSecret', `is missing; grant: ${grant} needs it, or \`clientKey\``);
  }
}

function checkKeys(given: Given): void {
  const { input, oauth } = given;
  const { clientSecret, clientSecretIn, clientKey, clientCertificate, keyId, serviceAccount } = oauth;
  if (clientSecretIn !== undefined && clientSecret === undefined) {
    fault(given, 'clientSecretIn', 'says where clientSecret goes, and there is none');
  }
  if (serviceAccount !== undefined) {
    const read = readServiceAccount(serviceAccount.reveal());
    if (typeof read === 'string') fault(given, 'serviceAccount', read);
  }
  if (clientKey === undefined) {
    for (const name of ['clientCertificate', 'keyId'] as const) {
      if (oauth[name] === undefined || serviceAccount !== undefined) continue;
      fault(given, name, 'belongs to a clientKey, and there is none');
    }
    return;
  }
  const certificate = clientCertificate && input.readFile(clientCertificate).content.toString('utf8');
  const read = readSigningKey({ key: clientKey.reveal(), certificate, keyId });
  if (!isKeyFault(read)) return;
  fault(given, read.concerns === 'key' ? 'clientKey' : 'clientCertificate', read.message);
}

function checkScopes(given: Given): void {
  const { scopes, tenant, serviceAccount, grant } = given.oauth;
  if (scopes.length > 0) return;
  if (serviceAccount !== undefined) {
    fault(given, 'scopes', 'is empty; Google wants one: https://mail.google.com/');
  } else if (tenant !== undefined && grant !== 'refresh-token') {
    fault(given, 'scopes', 'is empty; Microsoft wants one: https://outlook.office365.com/.default');
  }
}

function checkRefreshTokenFile(given: Given): void {
  const { grant, refreshTokenFile: file } = given.oauth;
  if (grant !== 'refresh-token') return;
  if (file === undefined) {
    fault(given, 'refreshTokenFile', 'is missing; grant: refresh-token needs the file that holds the token');
    return;
  }
  const { content, mode } = given.input.readFile(file);
  // RFC 6749 appendix A.17.
  if (!/^[\x20-\x7e]{1,16384}\s*$/.test(content.toString('utf8'))) {
    fault(
      given,
      'refreshTokenFile',
      `${file} must hold a refresh token on a line of its own, and nothing else`,
    );
  }
  if ((mode & 0o004) !== 0) {
    given.input.findings.danger(
      [...given.place, 'refreshTokenFile'],
      `everyone on this machine may read ${file}; chmod o-r it`,
    );
  }
}

function fault({ input, place }: Given, name: Name, message: string): void {
  input.findings.fault([...place, name], message);
}
