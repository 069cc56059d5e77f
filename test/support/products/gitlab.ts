// Tokens that GitLab gives the jobs of its pipelines.

import { LIFE, MAIL, NOW, type Product } from './product.ts';

/** gitlabhq/gitlabhq, doc/ci/secrets/id_token_authentication.md: the sample under "Token payload", claim by claim; but a protected branch. */
export const GITLAB: Readonly<Record<string, Product>> = {
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
      nbf: NOW - 5,
      namespace_id: '72',
      namespace_path: 'my-group',
      project_id: '20',
      project_path: 'my-group/my-project',
      user_id: '1',
      user_login: 'sample-user',
      user_email: 'sample-user@example.com',
      user_identities: [
        { provider: 'github', extern_uid: '2435223452345' },
        { provider: 'bitbucket', extern_uid: 'john.smith' },
      ],
      pipeline_id: '574',
      pipeline_source: 'push',
      job_id: '302',
      ref: 'feature-branch-1',
      ref_type: 'branch',
      ref_path: 'refs/heads/feature-branch-1',
      ref_protected: 'true',
      environment: 'test-environment2',
      environment_protected: 'false',
      deployment_tier: 'testing',
      runner_id: 1,
      runner_environment: 'self-hosted',
      sha: '714a629c0b401fdce83e847fc9589983fc6f46bc',
      jti: '235b3a54-b797-45c7-ae9a-f72d7bc6ef5b',
      sub: 'project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1',
      aud: MAIL,
    },
    // Who started the job is nobody to send as.
    principal: { addresses: ['deploy@example.org'] },
    refused: {
      'a branch anybody may push to': {
        claims: { ref_protected: 'false' },
        code: 'token-identity',
        reason: 'ref_protected is "false"',
      },
      'a tag': {
        claims: { sub: 'project_path:my-group/my-project:ref_type:tag:ref:v1', ref_type: 'tag' },
        code: 'token-identity',
      },
      'another project of the group': {
        claims: { sub: 'project_path:my-group/other:ref_type:branch:ref:main' },
        code: 'token-identity',
      },
      'a project of a subgroup': {
        claims: { sub: 'project_path:my-group/sub/my-project:ref_type:branch:ref:main' },
        code: 'token-identity',
      },
      // https://gitlab.com/gitlab-org/gitlab/-/issues/548165 and …/561735: since 18.2.2 the claims of the project are the fork's.
      'a merge request from a fork': {
        claims: {
          sub: 'project_path:mallory/my-project:ref_type:branch:ref:main',
          project_path: 'mallory/my-project',
          job_project_path: 'my-group/my-project',
          pipeline_source: 'merge_request_event',
        },
        code: 'token-identity',
      },
      // A project may have it shorter, by ci_id_token_sub_claim_components.
      'a subject without a branch': {
        claims: { sub: 'project_path:my-group/my-project' },
        code: 'token-identity',
      },
      'the audience it has by default': { claims: { aud: 'https://gitlab.com' }, code: 'token-audience' },
      'a GitLab of somebody else': { claims: { iss: 'https://gitlab.example.com' }, code: 'token-issuer' },
    },
  },
};
