// Access tokens of Microsoft Entra ID, of both versions.

import type { TokenClaims } from '../tokens.ts';
import { LIFE, NOW, type Product } from './product.ts';

const TENANT = 'aaaabbbb-0000-cccc-1111-dddd2222eeee';
const API = '11112222-bbbb-3333-cccc-4444dddd5555';
const PROGRAM = '00001111-aaaa-2222-bbbb-3333cccc4444';
const V1 = `https://sts.windows.net/${TENANT}/`;
const V2 = `https://login.microsoftonline.com/${TENANT}/v2.0`;

/** MicrosoftDocs/entra-docs, docs/identity-platform/access-token-claims-reference.md, with the two sample tokens of access-tokens.md. */
const common: TokenClaims = {
  ...LIFE,
  nbf: NOW,
  aio: 'AXQAi/8IAAAAtAaZLo3ChMif6KOnttRB7eBq4/DccQzjcJGxPYy/C3jDaNGxXd6wNIIVGRghNRnwJ1lOcAnNZcjvkoyrFxCttv33140RioOFJ4bCCGVuoCag1uOTT22222gHwLPYQ/uf79QX+0KIijdrmp69RctzmQ==',
  name: 'Alice Example',
  oid: 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb',
  rh: 'I',
  scp: 'smtp.submit',
  sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
  tid: TENANT,
  uti: 'fqiBqXLPj0eQa82S-IYFAA',
  upn: 'alice@example.org',
  groups: ['0a1b2c3d-0000-4444-8888-000000000001'],
};

const version2: TokenClaims = {
  ...common,
  ver: '2.0',
  aud: API,
  azp: PROGRAM,
  azpacr: '0',
  preferred_username: 'alice@example.org',
};

const version1: TokenClaims = {
  ...common,
  ver: '1.0',
  aud: `api://${API}`,
  acr: '1',
  amr: ['pwd', 'mfa'],
  appid: PROGRAM,
  appidacr: '0',
  family_name: 'Example',
  given_name: 'Alice',
  ipaddr: '192.0.2.1',
  unique_name: 'alice@example.org',
};

const person = {
  clientId: PROGRAM,
  addresses: ['alice@example.org'],
  groups: ['0a1b2c3d-0000-4444-8888-000000000001'],
  scopes: ['smtp.submit'],
};

export const ENTRA: Readonly<Record<string, Product>> = {
  'Entra ID, version 2': {
    preset: 'entra',
    source: 'https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference',
    yaml: `issuer: ${V2}\n      audiences: [${API}]`,
    issuer: V2,
    alg: 'RS256',
    // "`x5t` … emitted only in v1.0".
    header: { typ: 'JWT' },
    claims: version2,
    principal: person,
    also: {
      // optional-claims-reference.md: for users only with include_user_token.
      'that says what kind it is': { idtyp: 'user' },
      // access-token-claims-reference.md, "Groups overage claim".
      'with groups that do not fit in': {
        groups: undefined,
        _claim_names: { groups: 'src1' },
        _claim_sources: {
          src1: { endpoint: 'https://graph.windows.net/tenant/users/user/getMemberObjects' },
        },
      },
    },
    refused: {
      // How tokens for Graph look is nobody's business but Graph's (access-tokens.md); those seen have a nonce in their header.
      'a token for Microsoft Graph': {
        claims: { iss: V1, ver: '1.0', aud: '00000003-0000-0000-c000-000000000000' },
        header: { nonce: 'wWq0-9sYtTnRlVVZ2cUtHdXlqcA' },
        code: 'token-issuer',
      },
      'a token for Microsoft Graph by its other name': {
        claims: { aud: 'https://graph.microsoft.com' },
        code: 'token-audience',
        reason: 'found "https://graph.microsoft.com"',
      },
      'the audience of version 1': { claims: { aud: `api://${API}` }, code: 'token-audience' },
      'a token of another tenant': {
        claims: { iss: 'https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0' },
        code: 'token-issuer',
      },
      'a token of the tenant of personal accounts': {
        claims: { iss: 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0' },
        code: 'token-issuer',
      },
      'a token of version 1': {
        claims: { iss: V1, ver: '1.0' },
        code: 'token-issuer',
        reason: `expected iss "${V2}", found "${V1}"`,
      },
      'an issuer that differs in its last letters': {
        claims: { iss: V2.slice(0, -'/v2.0'.length) },
        code: 'token-issuer',
        reason: `expected iss "${V2}", found "${V2.slice(0, -'/v2.0'.length)}"`,
      },
      // Both kinds have `typ: JWT`, and from the token endpoint no at_hash (id-token-claims-reference.md).
      'an ID token for the API itself': {
        claims: { scp: undefined, azp: undefined, azpacr: undefined, nonce: '12345' },
        code: 'token-scope',
      },
      // "Only included for user tokens."
      'an app without a user': {
        claims: { scp: undefined, roles: ['Mail.Send'], idtyp: 'app', upn: undefined },
        code: 'token-scope',
      },
      // migrate-off-email-claim-authorization.md: any address may be written there.
      'an address that its owner wrote': {
        claims: { upn: undefined, email: 'boss@example.org' },
        code: 'token-identity',
        reason: 'no address in the claims "upn": none of them is there',
      },
      'an address whose domain nobody has verified': {
        claims: { upn: undefined, email: 'boss@example.org', xms_edov: false },
        code: 'token-identity',
      },
      // "Since this value is mutable, don't use it to make authorization decisions."
      'a name for show': {
        claims: { upn: undefined, preferred_username: 'boss@example.org' },
        code: 'token-identity',
      },
    },
  },
  'Entra ID, version 1': {
    preset: 'entra',
    source: 'https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats',
    yaml: `issuer: ${V1}\n      audiences: ['api://${API}', ${API}]\n      domains: [example.org]`,
    issuer: V1,
    alg: 'RS256',
    header: { typ: 'JWT', x5t: 'i6lGk3FZzxRcUb2C3nEQ7syHJlY' },
    claims: version1,
    principal: person,
    also: {
      // "In v1.0 tokens, it can be the client ID or the resource URI used in the request."
      'with the client id for its audience': { aud: API },
    },
    refused: {
      'a token of version 2': { claims: { iss: V2 }, code: 'token-issuer' },
      // optional-claims-reference.md, `use_guid`: whatever the program has asked for.
      'an audience with a slash more': { claims: { aud: `api://${API}/` }, code: 'token-audience' },
      // The sample of access-tokens.md is a guest's: `email` and `idp`, no `upn`.
      'a guest': {
        claims: {
          email: 'AbeLi@microsoft.com',
          idp: 'https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd0122247/',
          unique_name: 'abeli@microsoft.com',
          upn: undefined,
        },
        code: 'token-identity',
      },
      // optional-claims-reference.md, include_externally_authenticated_upn and …_without_hash.
      'a guest with an upn of the guest’s own': {
        claims: { upn: 'boss_example.org#EXT#@tenant.onmicrosoft.com' },
        code: 'token-identity',
        reason: 'of no domain of this issuer',
      },
      'a guest whose upn has no hash': {
        claims: { upn: 'boss_example.org_EXT_@tenant.onmicrosoft.com' },
        code: 'token-identity',
      },
    },
  },
};
