// New settings in a running gateway: no port is closed that stays, no session ends without a word, no message is lost, and what
// cannot be changed changes nothing.

import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeAuthority } from '../../support/certificate-maker.ts';
import { silence, startScriptedUpstream } from '../../support/scripted-upstream.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import {
  busyPort,
  type Change,
  ENVELOPE,
  expectCode,
  MESSAGE,
  say,
  startReloadSituation,
} from './reload-situation.ts';

const SHUTTING_DOWN = /^421 4\.3\.2 Service is shutting down, connect again \[/;

/** It hears this and no more. */
async function expectLastWord(client: SmtpClient, words: RegExp): Promise<void> {
  expect(await client.readReply()).toEqual([expect.stringMatching(words)]);
  await client.readEnd();
}

const named =
  (hostname: string): Change =>
  ({ submission }) => {
    submission.hostname = hostname;
  };

const faultsOf = async (reload: Promise<void>): Promise<{ path: string; message: string }[]> => {
  const error = await reload.then(
    () => new Error('expected the reload to be refused'),
    (reason: unknown) => reason,
  );
  if (error instanceof Error && 'faults' in error) return error.faults as { path: string; message: string }[];
  throw error;
};

describe('ports', () => {
  test('that stay are never closed: every connection during twenty reloads is let in, and ends with a reply', async () => {
    const { connect: connectTo, reload } = await startReloadSituation();
    let busy = true;
    const replies: string[] = [];
    async function keepConnecting(port: 'submission' | 'implicit' | 'relay'): Promise<void> {
      while (busy) {
        const client = await connectTo(port);
        const [greeting = ''] = await client.readReply();
        replies.push(greeting.slice(0, 9));
        // Where the reload comes between the two, its 421 takes the place of the answer to QUIT.
        if (greeting.startsWith('220')) replies.push((await client.command('QUIT'))[0]?.slice(0, 9) ?? '');
        client.destroy();
      }
    }
    const clients = (['submission', 'implicit', 'relay'] as const).map(keepConnecting);
    for (let count = 0; count < 20; count += 1) await reload(named(`host-${count}.example.org`));
    busy = false;
    await Promise.all(clients);
    const counts = Object.groupBy(replies, (reply) => reply.replace(/^220 .*/, '220'));
    expect(Object.keys(counts).filter((code) => !['220', '221 2.0.0', '421 4.3.2'].includes(code))).toEqual(
      [],
    );
    expect(counts['220']?.length).toBeGreaterThan(60);
  });

  test('that come are open when the reload is through; those that go are closed, and their idle sessions told', async () => {
    const { gateway, ports, connect: connectTo, open, reload } = await startReloadSituation();
    const moved: Change = ({ submission }) => {
      submission.listeners[2].listen = `127.0.0.1:${ports.spare}`;
    };
    const before = await open('relay');
    await reload(moved);
    expect(gateway.listeners.map(({ port }) => port)).toEqual([
      ports.submission,
      ports.implicit,
      ports.spare,
    ]);
    await say(await open('spare'), ENVELOPE.slice(0, 2));
    await expect(connectTo('relay')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expectLastWord(before, SHUTTING_DOWN);
    await reload();
    await open('relay');
    await expect(connectTo('spare')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('that somebody else has: all goes on as before, and nothing is left open', async () => {
    const { gateway, ports, connect: connectTo, open, reload } = await startReloadSituation();
    const session = await open();
    const taken = await busyPort();
    const more: Change = ({ submission }) => {
      submission.hostname = 'other.example.org';
      submission.listeners.push(
        { listen: `127.0.0.1:${ports.spare}`, tls: 'starttls' },
        { listen: `127.0.0.1:${taken}`, tls: 'starttls' },
      );
    };
    await faultsOf(reload(more));
    const handles = openHandles();
    for (let count = 0; count < 5; count += 1) {
      expect(await faultsOf(reload(more))).toEqual([
        {
          path: 'submission.listeners[4].listen',
          message: 'the port is in use; stop the other program or choose another port',
        },
      ]);
    }
    expect(openHandles()).toEqual(handles);
    expect(gateway.listeners.map(({ port }) => port)).toEqual([
      ports.submission,
      ports.implicit,
      ports.relay,
    ]);
    await expect(connectTo('spare')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await say(session, ['NOOP']);
    expect(await (await connectTo('relay')).readReply()).toEqual(['220 localhost ESMTP Postern']);
  });

  test('of its own under a wider address: it is not another program that is blamed', async () => {
    const { ports, reload, open } = await startReloadSituation();
    const wider: Change = ({ submission }) => {
      submission.listeners[0].listen = `0.0.0.0:${ports.submission}`;
    };
    expect(await faultsOf(reload(wider))).toEqual([
      {
        path: 'submission.listeners[0].listen',
        message:
          'Postern itself listens there, at 127.0.0.1; the address of a port changes with a restart only',
      },
    ]);
    await open('submission');
  });
});

/** What keeps a process alive, by kind; sockets of the test's own clients come and go. */
function openHandles(): Record<string, number> {
  const kinds = process.getActiveResourcesInfo().filter((kind) => /Server|FSEvent|Stat|Pipe/.test(kind));
  return Object.fromEntries(
    Object.entries(Object.groupBy(kinds, String)).map(([kind, all]) => [kind, all?.length ?? 0]),
  );
}

describe('new settings', () => {
  test('hold for every new connection, and not for earlier ones', async () => {
    const { open, connect: connectTo, reload } = await startReloadSituation();
    const early = await open();
    await say(early, ENVELOPE.slice(0, 1));
    await reload(named('new.example.org'), ({ submission }) => {
      submission.trustedNetworks[0].sendAs = ['fax@example.org'];
      submission.maxMessageBytes = 300_000;
    });
    const late = await connectTo('relay');
    expect(await late.readReply()).toEqual(['220 new.example.org ESMTP Postern']);
    expect(await late.command('EHLO client.example')).toContain('250-SIZE 300000');
    expect((await late.command('MAIL FROM:<scanner@example.org>'))[0]).toMatch(/^550 5\.7\.1 /);
    await say(late, ['MAIL FROM:<fax@example.org>']);
    await say(early, ENVELOPE.slice(1));
    await early.write(`${MESSAGE}.\r\n`);
    await expectCode(early.readReply(), '250');
  });

  test('of the mail server behind: new messages go to the new one, and the connections to the old one are closed', async () => {
    const { upstream, open, reload } = await startReloadSituation();
    const other = await startScriptedUpstream();
    onTestFinished(() => other.close());
    await reload(({ upstream: settings }) => {
      settings.port = other.port;
    });
    const client = await open();
    await say(client, ENVELOPE);
    await client.write(`${MESSAGE}.\r\n`);
    await expectCode(client.readReply(), '250');
    expect([upstream.accepted.length, other.accepted.length]).toEqual([0, 1]);
    await upstream.until(
      () => upstream.connections.every(({ closed }) => closed),
      'the old way to be closed',
    );
  });

  test('of the certificate: the next handshake shows another', async () => {
    const { folder, gateway, given, ports, reload } = await startReloadSituation();
    const shown = async (): Promise<string> => {
      const socket = connectTls({ host: '127.0.0.1', port: ports.implicit, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return String(subject.CN);
    };
    expect(await shown()).toBe('localhost');
    const { certificate, key } = await (await makeAuthority()).issue({
      names: ['localhost'],
      commonName: 'other',
    });
    writeFileSync(join(folder, 'other.pem'), certificate);
    writeFileSync(join(folder, 'other-key.pem'), key, { mode: 0o600 });
    const other: Change = ({ submission }) => {
      submission.tls = { certificate: 'other.pem', key: 'other-key.pem' };
    };
    await reload(other);
    expect(await shown()).toBe('other');
    const loaded = given(other);
    // Gone just after the configuration was read.
    rmSync(join(folder, 'other.pem'));
    expect((await faultsOf(gateway.reload(loaded))).map(({ path }) => path)).toEqual(['submission.tls']);
    expect(await shown()).toBe('other');
  });

  test('several at once are taken one after the other; the last one holds', async () => {
    const { connect: connectTo, ports, reload, upstream } = await startReloadSituation();
    // The first asks it what it offers, and waits a second for the answer: those behind it would overtake.
    upstream.on('greeting', silence(), { times: 1 });
    const busy = await busyPort();
    const at =
      (port: number): Change =>
      ({ submission }) => {
        submission.listeners[0].listen = `127.0.0.1:${port}`;
      };
    const results = await Promise.allSettled([
      reload(at(ports.spare)),
      reload(at(busy)),
      reload(at(ports.spare), named('last.example.org')),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await (await connectTo('spare')).readReply()).toEqual(['220 last.example.org ESMTP Postern']);
    await expect(connectTo('submission')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('the journal', () => {
  const eventsIn = (journal: readonly string[], name: string) =>
    journal.map((line) => JSON.parse(line)).filter(({ event }) => event === name);

  test('tells of a reload where Postern listens now, and of settings that have become dangerous', async () => {
    const { journal, ports, reload } = await startReloadSituation();
    const started = eventsIn(journal, 'dangerousSetting').length;
    await reload(({ submission }) => {
      submission.listeners.splice(0, 2);
      submission.trustedNetworks[0].networks = ['203.0.112.0/23'];
    });
    expect(eventsIn(journal, 'reloaded')).toMatchObject([
      { listeners: [`127.0.0.1:${ports.relay} starttls`], milliseconds: expect.any(Number) },
    ]);
    const dangers = eventsIn(journal, 'dangerousSetting').slice(started);
    expect(dangers.map(({ path }) => path)).toContain('submission.trustedNetworks[0].networks[0]');
    expect(eventsIn(journal, 'started')).toHaveLength(1);
  });

  test('tells every fault of one that was refused, and no secret', async () => {
    const { folder, journal, reload } = await startReloadSituation();
    const busy = await busyPort();
    await faultsOf(
      reload(({ submission }) => {
        submission.listeners[0].listen = `127.0.0.1:${busy}`;
        submission.listeners[2].listen = `192.0.2.1:${busy}`;
      }),
    );
    writeFileSync(join(folder, 'secret'), 'another-secret-for-the-reload-test');
    await faultsOf(reload());
    expect(eventsIn(journal, 'reloadRefused')).toMatchObject([
      {
        faults: [
          expect.stringMatching(/^submission\.listeners\[0\]\.listen: the port is in use/),
          expect.stringMatching(/^submission\.listeners\[2\]\.listen: this machine has no such address/),
        ],
      },
      { faults: [expect.stringMatching(/^authorization: has changed/)] },
    ]);
    expect(eventsIn(journal, 'reloaded')).toEqual([]);
    expect(journal.join('')).not.toMatch(/(another-secret|only)-for-the-reload-test/);
  });

  test('tells a fault of Postern’s own, which changes nothing either', async () => {
    const { gateway, given, journal, open } = await startReloadSituation();
    const session = await open();
    const broken = given();
    const [entry] = broken.settings.submission.trustedNetworks ?? [];
    // The configuration would never let it pass.
    entry?.networks.splice(0, 1, 'no network');
    await expect(gateway.reload(broken)).rejects.toThrow('not a network');
    expect(eventsIn(journal, 'fault')).toMatchObject([{ where: 'reload' }]);
    await say(session, ['NOOP']);
    await gateway.reload(given());
    await open();
  });
});

describe('settings that need a restart', () => {
  test.each<[string[], Change]>([
    [
      ['authorization'],
      (all) => {
        all.authorization.accessTokenLifetime = '10m';
      },
    ],
    [
      ['token.signingKeys'],
      (all) => {
        all.token.signingKeys = { rotateEvery: '20d' };
      },
    ],
    [
      ['token.leeway'],
      (all) => {
        all.token.leeway = '30s';
      },
    ],
    [
      ['token.audience'],
      (all) => {
        all.token.audience = 'https://other.example.org';
      },
    ],
    [
      ['store'],
      (all) => {
        all.store.sqlite = 'other.sqlite';
      },
    ],
    [
      ['audit'],
      (all) => {
        all.audit.level = 'warn';
      },
    ],
    [
      ['administration'],
      (all) => {
        all.administration.socket = 'run/other.sock';
      },
    ],
    [
      ['administration'],
      (all) => {
        delete all.administration;
      },
    ],
    [
      ['authorization', 'store', 'audit'],
      (all) => {
        all.authorization.accessTokenLifetime = '10m';
        all.store.sqlite = 'other.sqlite';
        all.audit.level = 'warn';
      },
    ],
  ])('%s: named, and nothing of the new file is used', async (paths, change) => {
    const { connect: connectTo, reload } = await startReloadSituation();
    const faults = await faultsOf(reload(named('other.example.org'), change));
    expect(faults.map(({ path }) => path)).toEqual(paths);
    for (const { message } of faults) expect(message).toMatch(/has changed.*restart/);
    expect(await (await connectTo('relay')).readReply()).toEqual(['220 localhost ESMTP Postern']);
  });

  test('a secret that has changed in its file is noticed, and neither the old nor the new one is told', async () => {
    const { folder, reload } = await startReloadSituation();
    writeFileSync(join(folder, 'secret'), 'another-secret-for-the-reload-test');
    const faults = await faultsOf(reload());
    expect(faults.map(({ path }) => path)).toEqual(['authorization']);
    expect(JSON.stringify(faults)).not.toContain('reload-test');
    writeFileSync(join(folder, 'secret'), 'only-for-the-reload-test');
    await reload();
  });

  test('trusted issuers need none', async () => {
    const { reload } = await startReloadSituation();
    await reload((all) => {
      all.token.trustedIssuers = [{ issuer: 'https://id.example.org', audiences: ['mail'] }];
    });
  });
});

describe('sessions from before', () => {
  test('that are idle are told at once, wherever they stand', async () => {
    const {
      open,
      connect: connectTo,
      reload,
    } = await startReloadSituation(({ submission }) => {
      submission.drainTimeout = '1h';
    });
    const greeted = await connectTo('submission');
    await greeted.readReply();
    const trusted = await open('relay');
    const secure = await open('implicit');
    await reload();
    for (const client of [greeted, trusted, secure]) await expectLastWord(client, SHUTTING_DOWN);
  });

  test('that are in the middle of a message finish it, get their 250, and are told then', async () => {
    const { upstream, open, reload } = await startReloadSituation();
    const [inEnvelope, inMessage, atEnd] = [await open(), await open(), await open()];
    await say(inEnvelope, ENVELOPE.slice(0, 1));
    await say(inMessage, ENVELOPE);
    await inMessage.write(MESSAGE.slice(0, 10));
    await say(atEnd, ENVELOPE);
    await atEnd.write(MESSAGE);
    await reload();
    await say(inEnvelope, ENVELOPE.slice(1));
    await inMessage.write(`${MESSAGE.slice(10)}.\r\n`);
    await inEnvelope.write(`${MESSAGE}.\r\n`);
    await atEnd.write('.\r\n');
    for (const client of [inEnvelope, inMessage, atEnd]) {
      await expectCode(client.readReply(), '250');
      await expectLastWord(client, SHUTTING_DOWN);
    }
    expect(upstream.accepted).toHaveLength(3);
  });

  test('that give up their message are told then', async () => {
    const { open, reload } = await startReloadSituation();
    const client = await open();
    await say(client, ENVELOPE.slice(0, 2));
    await reload();
    await client.write('RSET\r\n');
    await expectLastWord(client, SHUTTING_DOWN);
  });

  test('that do not end are ended after drainTimeout, with a word', async () => {
    const { upstream, open, reload } = await startReloadSituation();
    const client = await open();
    await say(client, ENVELOPE);
    await client.write(MESSAGE);
    await reload();
    await expectLastWord(client, SHUTTING_DOWN);
    await upstream.until(() => upstream.incomplete.length > 0, 'the message to be cut off');
    expect(upstream.accepted).toEqual([]);
  });

  test.each(['starttls', 'implicit'] as const)(
    'that are in the middle of their TLS handshake (%s) are told right after it',
    async (kind) => {
      // With none of the haste that the end of the time would bring.
      const { open, ports, reload } = await startReloadSituation(({ submission }) => {
        submission.drainTimeout = '1h';
      });
      if (kind === 'starttls') {
        const client = await open('submission');
        await expectCode(client.command('STARTTLS'), '220');
        await reload();
        await client.startTls();
        return expectLastWord(client, SHUTTING_DOWN);
      }
      const plain = connect(ports.implicit, '127.0.0.1');
      await reload();
      await expect(readAll(connectTls({ socket: plain, rejectUnauthorized: false }))).resolves.toMatch(
        SHUTTING_DOWN,
      );
    },
  );

  test('are in the list of sessions beside those of the new settings, and lose their trust like them', async () => {
    const { administration, open, reload, token, revokeToken, upstream } = await startReloadSituation();
    const accessToken = await token();
    const signedIn = async (): Promise<SmtpClient> => {
      const client = await open('implicit');
      const response = Buffer.from(`n,,\x01auth=Bearer ${accessToken}\x01\x01`).toString('base64');
      await expectCode(client.command(`AUTH OAUTHBEARER ${response}`), '235');
      return client;
    };
    const early = await signedIn();
    await say(early, ['MAIL FROM:<app@example.org>', ...ENVELOPE.slice(1)]);
    await early.write('From: app@example.org\r\n\r\nText\r\n');
    await reload(named('new.example.org'));
    const late = await signedIn();
    const sessions = await administration.sessions({});
    expect(sessions.map(({ user, state }) => `${user} ${state}`).sort()).toEqual([
      'app@example.org idle',
      'app@example.org in-message',
    ]);

    await revokeToken(accessToken);
    await expectLastWord(late, /^421 4\.7\.0 Access was revoked/);
    await early.write('.\r\n');
    await expectLastWord(early, /^421 4\.7\.0 Access was revoked/);
    expect(upstream.accepted).toEqual([]);
    await expect.poll(() => administration.sessions({})).toEqual([]);
  });
});

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe('a stop', () => {
  test('that comes while a reload is on its way ends both; no port is left open', async () => {
    const { gateway, ports, upstream, reload } = await startReloadSituation();
    // The reload asks it what it offers, and waits for the answer for a second.
    upstream.on('greeting', silence());
    const asked = upstream.connections.length;
    const reloading = faultsOf(
      reload(({ submission, upstream: settings }) => {
        submission.listeners[0].listen = `127.0.0.1:${ports.spare}`;
        settings.name = 'new.example.org';
      }),
    );
    await upstream.until(() => upstream.connections.length > asked, 'the reload to ask');
    await gateway.stop('test');
    expect(await reloading).toEqual([{ path: 'submission', message: expect.stringContaining('stopping') }]);
    for (const port of [ports.submission, ports.implicit, ports.relay, ports.spare]) {
      await expect(reached(port)).resolves.toBe(false);
    }
  });

  test('is not undone by a reload that comes after it', async () => {
    const { gateway, ports, reload } = await startReloadSituation();
    await gateway.stop('test');
    expect(await faultsOf(reload())).toEqual([
      { path: 'submission', message: expect.stringContaining('stopping') },
    ]);
    await expect(reached(ports.relay)).resolves.toBe(false);
  });

  test('ends sessions of earlier settings too', async () => {
    const { gateway, upstream, open, reload } = await startReloadSituation();
    const early = await open();
    await say(early, ENVELOPE);
    await reload();
    const late = await open();
    await say(late, ENVELOPE);
    const stopped = gateway.stop('test');
    for (const client of [early, late]) {
      await client.write(`${MESSAGE}.\r\n`);
      await expectCode(client.readReply(), '250');
      await expectLastWord(client, SHUTTING_DOWN);
    }
    await stopped;
    expect(upstream.accepted).toHaveLength(2);
  });
});

/** Whether somebody listens there. */
async function reached(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const outcome = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return outcome;
}
