// Tokens that GitHub gives the jobs of its Actions.

import type { TokenClaims } from '../tokens.ts';
import { LIFE, MAIL, NOW, type Product } from './product.ts';

/** github/docs, content/actions/concepts/security/openid-connect.md: the sample under "Understanding the OIDC token", claim by claim. */
const sample: TokenClaims = {
  ...LIFE,
  nbf: NOW,
  jti: 'example-id',
  sub: 'repo:octo-org/octo-repo:environment:prod',
  environment: 'prod',
  aud: MAIL,
  ref: 'refs/heads/main',
  sha: 'example-sha',
  repository: 'octo-org/octo-repo',
  repository_owner: 'octo-org',
  actor_id: '12',
  repository_visibility: 'private',
  repository_id: '74',
  repository_owner_id: '65',
  run_id: 'example-run-id',
  run_number: '10',
  run_attempt: '2',
  runner_environment: 'github-hosted',
  actor: 'octocat',
  workflow: 'example-workflow',
  head_ref: '',
  base_ref: '',
  event_name: 'workflow_dispatch',
  enterprise: 'avocado-corp',
  enterprise_id: '2',
  ref_type: 'branch',
  job_workflow_ref: 'octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main',
};

const ISSUER = 'https://token.actions.githubusercontent.com';
const HEADER = { typ: 'JWT', x5t: 'example-thumbprint' };

export const GITHUB_ACTIONS: Readonly<Record<string, Product>> = {
  'GitHub Actions': {
    preset: 'github-actions',
    source:
      'https://docs.github.com/en/actions/concepts/security/openid-connect#understanding-the-oidc-token',
    yaml: `audiences: [${MAIL}]
      workloads:
        - subject: 'repo:octo-org/octo-repo:environment:*'
          where: [{ claim: ref, anyOf: ['refs/heads/main', 'refs/tags/v*'] }, { claim: repository_id, anyOf: ['74'] }]
          sendAs: [deploy@example.org]`,
    issuer: ISSUER,
    alg: 'RS256',
    header: HEADER,
    claims: sample,
    principal: { addresses: ['deploy@example.org'], subject: 'repo:octo-org/octo-repo:environment:prod' },
    also: {
      // "Any `:` within the metadata values will be replaced with `%3A` in the subject claim."
      'with a colon in the name of the environment': {
        sub: 'repo:octo-org/octo-repo:environment:Production%3AV1',
      },
    },
    refused: {
      'the audience it has by default': {
        claims: { aud: 'https://github.com/octo-org' },
        code: 'token-audience',
      },
      'another repository': {
        claims: { sub: 'repo:mallory/octo-repo:environment:prod' },
        code: 'token-identity',
      },
      'a repository of the same name, made anew': {
        claims: { repository_id: '75' },
        code: 'token-identity',
        reason: 'repository_id is "75"',
      },
      'a pull request': { claims: { sub: 'repo:octo-org/octo-repo:pull_request' }, code: 'token-identity' },
      'a pull request with an environment': { claims: { ref: 'refs/pull/2/merge' }, code: 'token-identity' },
      'a branch below another': { claims: { ref: 'refs/tags/v1/x' }, code: 'token-identity' },
      'an environment that looks like a part more': {
        claims: { sub: 'repo:octo-org/octo-repo:environment:prod:ref:x' },
        code: 'token-identity',
      },
      // Reference, "Immutable subject claims": what a repository made, moved or renamed since July 2026 has.
      'the subject with ids, where the pattern has none': {
        claims: { sub: 'repo:octo-org@65/octo-repo@74:environment:prod' },
        code: 'token-identity',
        reason: 'no entry of workloads fits sub "repo:octo-org@65/octo-repo@74:environment:prod"',
      },
      'the issuer of one enterprise': {
        claims: { iss: `${ISSUER}/octocat-inc` },
        code: 'token-issuer',
      },
    },
  },
  'GitHub Actions, subject with ids': {
    preset: 'github-actions',
    source: 'https://docs.github.com/en/actions/reference/security/oidc#immutable-subject-claims',
    yaml: `audiences: [${MAIL}]
      workloads:
        - { subject: 'repo:octo-org@123456/octo-repo@456789:ref:refs/heads/*', sendAs: [deploy@example.org] }`,
    issuer: ISSUER,
    alg: 'RS256',
    header: HEADER,
    claims: {
      ...sample,
      sub: 'repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main',
      environment: undefined,
      repository_id: '456789',
      repository_owner_id: '123456',
    },
    principal: { addresses: ['deploy@example.org'] },
    refused: {
      'a repository of the same name, made anew': {
        claims: { sub: 'repo:octo-org@123456/octo-repo@456790:ref:refs/heads/main' },
        code: 'token-identity',
      },
      'an owner of the same name, made anew': {
        claims: { sub: 'repo:octo-org@123457/octo-repo@456789:ref:refs/heads/main' },
        code: 'token-identity',
      },
      'the subject without ids': {
        claims: { sub: 'repo:octo-org/octo-repo:ref:refs/heads/main' },
        code: 'token-identity',
      },
    },
  },
  'GitHub Actions, subject of a reusable workflow': {
    preset: 'github-actions',
    source:
      'https://docs.github.com/en/actions/reference/security/oidc#customizing-the-subject-claims-for-an-organization-or-repository',
    yaml: `issuer: ${ISSUER}/octocat-inc\n      audiences: [${MAIL}]
      workloads:
        - subject: 'job_workflow_ref:octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main'
          sendAs: [deploy@example.org]`,
    issuer: `${ISSUER}/octocat-inc`,
    alg: 'RS256',
    header: HEADER,
    claims: {
      ...sample,
      sub: 'job_workflow_ref:octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main',
    },
    principal: { addresses: ['deploy@example.org'] },
    refused: {
      'the workflow of another branch': {
        claims: { sub: 'job_workflow_ref:octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/x' },
        code: 'token-identity',
      },
      'the issuer of everybody': { claims: { iss: ISSUER }, code: 'token-issuer' },
    },
  },
};
