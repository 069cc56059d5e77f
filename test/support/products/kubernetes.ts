// Tokens that Kubernetes gives its workloads.

import { LIFE, MAIL, NOW, type Product } from './product.ts';

const serviceaccount = { name: 'reports', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' };

/** The sample of https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims, claim by claim. */
export const KUBERNETES: Readonly<Record<string, Product>> = {
  Kubernetes: {
    preset: 'kubernetes',
    source:
      'https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims',
    yaml: `issuer: https://kubernetes.default.svc.cluster.local
      jwksUri: https://kubernetes.default.svc.cluster.local/openid/v1/jwks
      audiences: [${MAIL}]
      workloads: [{ subject: 'system:serviceaccount:mail:*', sendAs: [reports@example.org] }]`,
    issuer: 'https://kubernetes.default.svc.cluster.local',
    alg: 'RS256',
    // The page shows no header; tokens of clusters have `alg` and `kid`.
    header: { typ: undefined },
    claims: {
      ...LIFE,
      nbf: NOW,
      aud: [MAIL],
      jti: 'aed34954-b33a-4142-b1ec-389d6bbb4936',
      sub: 'system:serviceaccount:mail:reports',
      'kubernetes.io': {
        namespace: 'mail',
        node: { name: 'my-node', uid: '646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1' },
        pod: { name: 'my-pod', uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' },
        serviceaccount,
      },
    },
    principal: { addresses: ['reports@example.org'], clientId: undefined, groups: [] },
    also: {
      'of `kubectl create token`, bound to no pod': {
        'kubernetes.io': { namespace: 'mail', serviceaccount },
      },
      'bound to a Secret': {
        'kubernetes.io': {
          namespace: 'mail',
          secret: { name: 'mail', uid: '8b0ff1f2-1c3e-4c59-9c0f-000000000001' },
          serviceaccount,
        },
      },
      'with the time of a warning': {
        'kubernetes.io': { namespace: 'mail', serviceaccount, warnafter: NOW + 200 },
      },
      'of an older cluster, without an id': { jti: undefined },
    },
    refused: {
      'another namespace': {
        claims: { sub: 'system:serviceaccount:web:reports' },
        code: 'token-identity',
        reason: 'no entry of workloads fits sub "system:serviceaccount:web:reports"',
      },
      'the token that every pod has': {
        claims: { aud: ['https://kubernetes.default.svc.cluster.local'] },
        code: 'token-audience',
      },
      'no audience': { claims: { aud: undefined }, code: 'token-audience' },
      // KEP-1205 and the page above: what a Secret of type kubernetes.io/service-account-token holds never ends.
      'a token of the old kind, out of a Secret': {
        claims: {
          iss: 'kubernetes/serviceaccount',
          aud: undefined,
          exp: undefined,
          'kubernetes.io': undefined,
          'kubernetes.io/serviceaccount/namespace': 'mail',
          'kubernetes.io/serviceaccount/service-account.name': 'reports',
        },
        code: 'token-issuer',
      },
    },
  },
};
