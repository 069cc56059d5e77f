// A verifier of issuers that are asked about their tokens, each an endpoint in memory that counts and answers as a test says.

import type { TrustedIssuerSettings } from '../../src/token/settings.ts';
import { createTokenVerifier } from '../../src/token/verifier.ts';
import { openRevocations } from '../../src/token/withdrawal/revocations.ts';
import {
  goodClaims,
  introspectionSettings,
  memoryRevocationStore,
  type TokenClaims,
  testClock,
  tokenSettings,
  trustedIssuer,
} from './tokens.ts';

export const FIRST = 'https://first.example.org';
export const SECOND = 'https://second.example.org';
export const endpointOf = (issuer: string): string => `${issuer}/introspect`;

export type Answer = (token: string, request: Request) => Response | Promise<Response>;

export interface AskedIssuer {
  readonly issuer: string;
  readonly settings?: Partial<TrustedIssuerSettings>;
  readonly introspection?: Partial<NonNullable<TrustedIssuerSettings['introspection']>>;
}

export async function askingSituation(
  given: readonly AskedIssuer[] = [{ issuer: FIRST }],
  changes: Parameters<typeof tokenSettings>[0] = {},
) {
  const clock = testClock();
  const asked: { issuer: string; token: string }[] = [];
  const answers = new Map<string, Answer>();
  const requests: Request[] = [];
  const revocations = await openRevocations({ store: memoryRevocationStore(), now: clock.now });
  const verifier = createTokenVerifier({
    settings: tokenSettings({
      trustedIssuers: given.map(({ issuer, settings, introspection }) =>
        trustedIssuer(issuer, {
          verification: 'introspection',
          introspection: introspectionSettings({ endpoint: endpointOf(issuer), ...introspection }),
          ...settings,
        }),
      ),
      ...changes,
    }),
    own: undefined,
    revocations,
    now: clock.now,
    fetch: async (url, init) => {
      const request = new Request(url, init);
      requests.push(request.clone());
      const issuer = new URL(String(url)).origin;
      const token = new URLSearchParams(await request.clone().text()).get('token') ?? '';
      asked.push({ issuer, token });
      return (answers.get(issuer) ?? active)(token, request);
    },
  });
  /** Says yes, with the claims of a good token. */
  const active: Answer = () => Response.json(yes());
  const yes = (claims: TokenClaims = {}, issuer = given[0]?.issuer ?? FIRST): TokenClaims => ({
    active: true,
    token_type: 'Bearer',
    ...goodClaims(issuer, claims, clock.now()),
  });
  return {
    clock,
    verifier,
    revocations,
    asked,
    requests,
    yes,
    answer: (answer: Answer, issuer = given[0]?.issuer ?? FIRST) => void answers.set(issuer, answer),
    close: () => {
      verifier.close();
      revocations.close();
    },
  };
}

export type AskingSituation = Awaited<ReturnType<typeof askingSituation>>;
