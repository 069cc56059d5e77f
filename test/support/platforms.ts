// Tokens that platforms give their jobs, shaped as their documentation shows them, signed with test keys.

import type { Product } from './products.ts';
import { TEST_TIME } from './tokens.ts';

const NOW = TEST_TIME / 1000;
const LIFE = { iat: NOW, nbf: NOW, exp: NOW + 300 };
const MAIL = 'https://mail.example.org';

export const PLATFORMS: Readonly<Record<string, Product>> = {
  Kubernetes: {
    preset: 'kubernetes',
    source:
      'https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens',
    yaml: `issuer: https://kubernetes.default.svc.cluster.local
      jwksUri: https://kubernetes.default.svc.cluster.local/openid/v1/jwks
      audiences: [${MAIL}]
      workloads: [{ subject: 'system:serviceaccount:mail:*', sendAs: [reports@example.org] }]`,
    issuer: 'https://kubernetes.default.svc.cluster.local',
    alg: 'RS256',
    header: { typ: undefined },
    claims: {
      ...LIFE,
      aud: [MAIL],
      jti: 'ea28ed49-2e11-4280-9ec5-bc3d1d84661a',
      sub: 'system:serviceaccount:mail:reports',
      'kubernetes.io': {
        namespace: 'mail',
        node: { name: '127.0.0.1', uid: '58456cb0-dd00-45ed-b797-5578fdceaced' },
        pod: { name: 'reports-69cbfb9798-jv9gn', uid: '778a530c-b3f4-47c0-9cd5-ab018fb64f33' },
        serviceaccount: { name: 'reports', uid: 'a087d5a0-e1dd-43ec-93ac-f13d89cd13af' },
        warnafter: NOW + 200,
      },
    },
    principal: { addresses: ['reports@example.org'], clientId: undefined, groups: [] },
    refused: {
      'another namespace': [{ sub: 'system:serviceaccount:web:reports' }, 'token-identity'],
      'the token that every pod has': [
        { aud: ['https://kubernetes.default.svc.cluster.local'] },
        'token-audience',
      ],
      'no audience': [{ aud: undefined }, 'token-audience'],
    },
  },
  'GitHub Actions': {
    preset: 'github-actions',
    source: 'https://docs.github.com/en/actions/reference/security/oidc',
    yaml: `audiences: [${MAIL}]
      workloads:
        - subject: 'repo:octo-org/octo-repo:environment:*'
          where: [{ claim: ref, anyOf: ['refs/heads/main', 'refs/tags/v*'] }, { claim: repository_id, anyOf: ['74'] }]
          sendAs: [deploy@example.org]`,
    issuer: 'https://token.actions.githubusercontent.com',
    alg: 'RS256',
    header: { typ: 'JWT', x5t: 'example-thumbprint' },
    claims: {
      ...LIFE,
      jti: 'example-id',
      sub: 'repo:octo-org/octo-repo:environment:prod',
      environment: 'prod',
      aud: MAIL,
      ref: 'refs/heads/main',
      sha: 'example-sha',
      repository: 'octo-org/octo-repo',
      repository_owner: 'octo-org',
      repository_id: '74',
      repository_owner_id: '65',
      repository_visibility: 'private',
      run_id: 'example-run-id',
      actor: 'octocat',
      workflow: 'example-workflow',
      event_name: 'workflow_dispatch',
      ref_type: 'branch',
      job_workflow_ref: 'octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main',
    },
    principal: { addresses: ['deploy@example.org'], subject: 'repo:octo-org/octo-repo:environment:prod' },
    refused: {
      'the audience it has by default': [{ aud: 'https://github.com/octo-org' }, 'token-audience'],
      'another repository': [{ sub: 'repo:mallory/octo-repo:environment:prod' }, 'token-identity'],
      'a repository of the same name, made anew': [{ repository_id: '75' }, 'token-identity'],
      'a pull request': [{ ref: 'refs/pull/2/merge' }, 'token-identity'],
      'a branch below another': [{ ref: 'refs/tags/v1/x' }, 'token-identity'],
      'an environment that looks like a part more': [
        { sub: 'repo:octo-org/octo-repo:environment:prod:ref:x' },
        'token-identity',
      ],
    },
  },
  GitLab: {
    preset: 'gitlab',
    source: 'https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload',
    yaml: `audiences: [${MAIL}]
      workloads:
        - subject: 'project_path:my-group/my-project:ref_type:branch:ref:*'
          where: [{ claim: ref_protected, anyOf: ['true'] }]
          sendAs: [deploy@example.org]`,
    issuer: 'https://gitlab.com',
    alg: 'RS256',
    header: { typ: 'JWT' },
    claims: {
      ...LIFE,
      namespace_id: '72',
      namespace_path: 'my-group',
      project_id: '20',
      project_path: 'my-group/my-project',
      user_id: '1',
      user_login: 'sample-user',
      user_email: 'sample-user@example.com',
      pipeline_id: '574',
      job_id: '302',
      ref: 'feature-branch-1',
      ref_type: 'branch',
      ref_path: 'refs/heads/feature-branch-1',
      ref_protected: 'true',
      aud: MAIL,
      jti: '235b3a54-b797-45c7-ae9a-f72d7bc6ef5b',
      sub: 'project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1',
    },
    principal: { addresses: ['deploy@example.org'] },
    refused: {
      'a branch anybody may push to': [{ ref_protected: 'false' }, 'token-identity'],
      'another project of the group': [
        { sub: 'project_path:my-group/other:ref_type:branch:ref:main' },
        'token-identity',
      ],
      'a project of a subgroup': [
        { sub: 'project_path:my-group/sub/my-project:ref_type:branch:ref:main' },
        'token-identity',
      ],
    },
  },
};
