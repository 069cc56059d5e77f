// Owns what the OAuth server shows when it has to show something: errors it must not send to the program, and sign-out.

import { errors } from 'oidc-provider';
import type { RelyingParty } from '../../relying-party/identity-provider.ts';
import { showPage } from '../door.ts';
import { signedOutPage, signOutPage } from '../pages/account.ts';
import type { Site } from '../pages/document.ts';
import { expiredPage, faultPage, oauthProblem } from '../pages/problem.ts';
import { referenceOf } from '../received.ts';
import type { ProviderPages } from './provider.ts';

export function createProviderPages(options: {
  readonly site: Site;
  readonly identityProvider: Pick<RelyingParty, 'endSessionUrl'>;
}): ProviderPages {
  const { site, identityProvider } = options;
  return {
    error(ctx, { error, error_description: description }, cause) {
      if (cause instanceof errors.SessionNotFound) return showPage(ctx, expiredPage(), site);
      if (error === 'server_error') return showPage(ctx, faultPage(referenceOf(ctx.req)), site);
      // Errors that normally travel in a redirect bring its status with them.
      const status = ctx.status >= 400 ? ctx.status : 400;
      return showPage(ctx, oauthProblem({ status, error, description }), site);
    },
    signOut(ctx) {
      const secret = ctx.oidc.session?.state?.['secret'];
      const action = new URL(ctx.oidc.urlFor('end_session_confirm')).pathname;
      showPage(ctx, signOutPage({ action, secret: String(secret) }), site);
    },
    signedOut(ctx) {
      const endSessionUrl = identityProvider.endSessionUrl({})?.href;
      showPage(ctx, signedOutPage({ name: site.identityProvider, endSessionUrl }), site);
    },
  };
}
