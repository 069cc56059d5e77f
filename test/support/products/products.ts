// Access tokens of identity providers and platforms, shaped as their documentation shows them, signed with test keys.

import { AUTH0 } from './auth0.ts';
import { AUTHENTIK } from './authentik.ts';
import { ENTRA } from './entra.ts';
import { GITHUB_ACTIONS } from './github-actions.ts';
import { GITLAB } from './gitlab.ts';
import { GOOGLE } from './google.ts';
import { KEYCLOAK } from './keycloak.ts';
import { KUBERNETES } from './kubernetes.ts';
import { OKTA } from './okta.ts';
import type { Product } from './product.ts';
import { ZITADEL } from './zitadel.ts';

export const PRODUCTS: Readonly<Record<string, Product>> = {
  ...KEYCLOAK,
  ...ENTRA,
  ...OKTA,
  ...GOOGLE,
  ...AUTHENTIK,
  ...ZITADEL,
  ...AUTH0,
  ...KUBERNETES,
  ...GITHUB_ACTIONS,
  ...GITLAB,
};
