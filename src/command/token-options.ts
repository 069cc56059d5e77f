// `postern token` on the command line: its options and its help; token.ts does the work.

import type { Command } from 'commander';
import type { CommandLine } from './surroundings.ts';
import type { TokenOptions } from './token.ts';

const HELP = `
Prints an access token and nothing else on standard output, so that mail programs can call it whenever they need one.
The first time, a browser opens to sign in and consent; the sign-in is kept in a file that only you can read
($XDG_CONFIG_HOME/postern or ~/.config/postern) and renewed from it, without a browser, until it is ended.

Where no browser runs, as on a server or in a script, --device shows an address and a code instead; they are opened and
entered in a browser anywhere, such as on a phone.

An app, which has no person, uses its own secret: --client-id with --client-secret-file, or with the secret in
POSTERN_CLIENT_SECRET in the environment. --issuer can be set as POSTERN_ISSUER.

Examples:
  postern token --issuer http://localhost:8080          sign in at the demo of \`npm start\`
  postern token --device                                sign in through a browser on another device
  postern token --sign-out                              end the sign-in, at the server too
  postern token --issuer https://mail.example.org --client-id billing --client-secret-file secret.txt

In ~/.msmtprc:
  auth oauthbearer
  passwordeval "postern token"

Exit codes: 0 done, 1 no token could be had, 2 wrong use.`;

export function addToken(program: Command, { surroundings, run }: CommandLine): void {
  program
    .command('token')
    .description('print an access token, signing in through the browser where needed')
    .option('--issuer <url>', 'where to sign in; that of the kept sign-in where absent')
    .option('--client-id <id>', 'client to sign in with (default: postern-cli)')
    .option('--client-secret-file <file>', 'file with the secret of an app')
    .option('--scope <scopes>', 'scopes to ask for, separated by spaces')
    .option('--file <file>', 'where sign-ins are kept')
    .option('--browser', 'open the browser even where no person seems to watch')
    .option('--device', 'show a code to enter in a browser on any device, instead of opening one here')
    .option('--sign-out', 'end the kept sign-in')
    .option('--json', 'print the token with its expiry as JSON')
    .addHelpText('after', HELP)
    .action((options: TokenOptions) =>
      run(async () => {
        const { runToken } = await import('./token.ts');
        const issuer = options.issuer ?? surroundings.environment['POSTERN_ISSUER'];
        return runToken({ options: { ...options, issuer }, surroundings });
      }),
    );
}
