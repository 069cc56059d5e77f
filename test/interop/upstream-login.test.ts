// Postern signs in at real mail servers that take mail from nobody else: by password, by certificate; what arrives is the same as directly.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectSame, type Outcome } from './comparison.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { ACCOUNT } from './gate-account.ts';
import type { MailServer } from './mail-server.ts';
import { KINDS } from './messages/all.ts';
import type { Kind } from './messages/kind.ts';
import { type RoutedGate, startRoutedGate } from './routed-gate.ts';
import { openSession } from './session.ts';
import { type Credential, clientOf, connectSignedIn, WRONG_PASSWORD, waysOf } from './signing-in.ts';
import { type Sink, startSink } from './sink.ts';
import { type SignIn, STRICT_SERVERS } from './strict-servers.ts';
import { submit } from './submit.ts';
import { until } from './until.ts';

const SENT = KINDS.filter(({ name }) => ['several recipients', 'every way a dot can stand'].includes(name));
const [ONE] = SENT as [Kind];

describe.each(STRICT_SERVERS)('$name', ({ startServer, signIns }) => {
  const closing: (() => unknown)[] = [];
  let sink: Sink;
  let server: MailServer;
  let routed: RoutedGate;

  const ways = Object.keys(signIns) as SignIn[];

  beforeAll(async () => {
    const folder = makeFolder('strict');
    closing.push(() => removeFolder(folder));
    sink = await startSink(folder);
    closing.push(() => sink.close());
    server = await startServer({ sink: sink.port });
    closing.push(() => server.close());
    routed = await startRoutedGate({ port: server.port, folder, ways: await waysOf(ways, folder) });
    closing.push(() => routed.gate.close());
  });
  afterAll(async () => {
    for (const close of closing.toReversed()) await close();
  });

  async function sendDirectly(kind: Kind, signIn: SignIn, credential: Credential): Promise<Outcome> {
    const { client, offered } = await connectSignedIn(server.port, signIn, credential);
    const outcome = await arrivalsOf(() => submit(client, kind, { pipelining: offered.has('PIPELINING') }));
    client.destroy();
    return outcome;
  }

  async function sendThrough(kind: Kind, signIn: SignIn, credential: Credential): Promise<Outcome> {
    const client = await openSession(routed.gate, await routed.tokenOf(clientOf(signIn, credential)));
    const outcome = await arrivalsOf(() => submit(client, kind));
    client.destroy();
    return outcome;
  }

  async function arrivalsOf(send: () => Promise<Outcome['answers']>): Promise<Outcome> {
    const before = sink.arrivals.length;
    const answers = await send();
    await server.settled();
    return { answers, arrivals: sink.arrivals.slice(before) };
  }

  test.each(Object.entries(signIns) as [SignIn, RegExp][])('knows the gate: %s', async (signIn, whose) => {
    for (const kind of SENT) {
      const direct = await sendDirectly(kind, signIn, 'right');
      const logged = timesIn(server.log(), whose);
      const through = await sendThrough(kind, signIn, 'right');
      expect(through.answers.message.at(-1)).toMatch(/^250 /);
      expectSame(kind, { direct, through });
      const isNamed = () =>
        timesIn(server.log(), whose) > logged || whose.test(through.arrivals[0]?.head ?? '');
      await until(isNamed, `${whose} in the log:\n${server.log()}`);
    }
  });

  const mechanisms = ways.filter((signIn) => signIn !== 'certificate alone');

  test.runIf(mechanisms.length > 0).each(mechanisms)('turns the gate away: wrong for %s', (signIn) =>
    expectNobody(signIn, 'wrong', 'upstream-login'),
  );

  const certificates = ways.includes('certificate alone') ? (['wrong', 'none'] as const) : [];

  test.runIf(certificates.length > 0).each(certificates)(
    'turns the gate away: %s for a certificate',
    async (credential) => {
      const signIn = 'certificate alone';
      const direct = await sendDirectly(ONE, signIn, credential).catch(() => undefined);
      // Nobody was let in at all.
      if (!direct) return await expectNobody(signIn, credential, 'upstream-unavailable');
      const through = await sendThrough(ONE, signIn, credential);
      expect(through.answers.recipients).toEqual(direct.answers.recipients);
      expect(through.answers.recipients.join()).toMatch(/^55\d/);
      expect([...direct.arrivals, ...through.arrivals]).toEqual([]);
    },
  );

  /** The client may try again later, the operator reads why, and nothing arrives. */
  async function expectNobody(signIn: SignIn, credential: Credential, code: string): Promise<void> {
    const { answers, arrivals } = await sendThrough(ONE, signIn, credential);
    expect(answers.mailFrom).toMatch(/^451 4\./);
    const [, session = 'none'] = /\[(\w+)\]$/.exec(answers.mailFrom) ?? [];
    const line = await routed.gate.journal.find(
      (entry) => entry['code'] === code && JSON.stringify(entry).includes(session),
      `${code} of ${session}`,
    );
    expect(line['reason']).toMatch(/./);
    expect(arrivals).toEqual([]);
  }

  test('neither password stands in the journal', () => {
    expect(routed.gate.journal.leaks([ACCOUNT.password, WRONG_PASSWORD])).toEqual([]);
  });
});

const timesIn = (text: string, wanted: RegExp): number => text.split(wanted).length - 1;
