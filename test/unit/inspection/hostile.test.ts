// A server that means harm to who looks at it: nothing hangs, nothing grows, and what it says cannot move a cursor.

import type { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openDialogue } from '../../../src/inspection/dialogue.ts';
import type { PortReport } from '../../../src/inspection/report.ts';
import { Transcript } from '../../../src/inspection/transcript.ts';
import { type BadServer, type Faults, startBadServer } from '../../support/bad-server.ts';
import { useSteadyTime } from '../../support/steady-time.ts';
import { lookAt } from './look-at.ts';

useSteadyTime();

let server: BadServer | undefined;

afterEach(() => server?.close());

const LIMITS = { answer: 300, whole: 1500 };

async function visitHostile(
  faults: Faults | ((socket: Socket) => void),
  mode: PortReport['mode'] = 'starttls',
  limits = LIMITS,
) {
  const takesOver = (socket: Socket): boolean => {
    if (typeof faults === 'function') faults(socket);
    return typeof faults === 'function';
  };
  server = await startBadServer(mode === 'implicit' ? mode : 'starttls', {
    ...(typeof faults === 'function' ? {} : faults),
    takesOver,
  });
  const began = performance.now();
  const looked = await lookAt(server, { mode, limits, withTranscript: true });
  return { ...looked, took: performance.now() - began };
}

/** Writes again and again until the other side has had enough. */
function flood(socket: Socket, text: string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(text)) {
      // Until the buffers are full.
    }
  };
  socket.on('drain', more);
  more();
}

const EHLO = '220 hello\r\n';

describe('a server that', () => {
  it.each<[string, (socket: Socket) => void, RegExp]>([
    ['says nothing', () => undefined, /waited 0\.3 s for a reply/],
    ['closes at once', (socket) => socket.end(), /closed the connection/],
    ['breaks off at once', (socket) => socket.resetAndDestroy(), /broke the connection off|closed/],
    ['speaks HTTP', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), /no SMTP reply: "HTTP/],
    ['sends a line without an end', (socket) => flood(socket, 'x'.repeat(65_536)), /a line of more than/],
    [
      'sends a reply without an end',
      (socket) => flood(socket, '220-x\r\n'.repeat(1000)),
      /a reply of more than/,
    ],
    [
      'sends long lines without an end',
      (socket) => flood(socket, `220-${'x'.repeat(9000)}\r\n`),
      /a reply of more than/,
    ],
    ['changes its code in a reply', (socket) => socket.write('220-a\r\n250 b\r\n'), /no SMTP reply/],
    [
      'refuses everybody',
      (socket) => socket.write('554 5.7.1 Go away\r\n'),
      /greets with a refusal: 554 5\.7\.1 Go/,
    ],
    ['floods with good replies', (socket) => flood(socket, '220 x\r\n'.repeat(1000)), /./],
    [
      'sends one byte at a time',
      (socket) => {
        const timer = setInterval(() => socket.write('2'), 20);
        socket.on('close', () => clearInterval(timer));
      },
      /waited 0\.3 s for a reply/,
    ],
    ['hangs after the greeting', (socket) => socket.write(EHLO), /waited 0\.3 s for a reply/],
  ])('%s is a problem, and soon told', async (_name, takesOver, means) => {
    const { complaints, report, took } = await visitHostile(takesOver);
    expect(complaints.map(({ level }) => level)).toContain('problem');
    expect(complaints[0]?.means).toMatch(means);
    expect(took).toBeLessThan(LIMITS.whole + 500);
    expect(JSON.stringify(report).length).toBeLessThan(200_000);
  });

  it('hangs in the handshake is a problem, and soon told', async () => {
    const { complaints, took } = await visitHostile(() => undefined, 'implicit');
    expect(complaints).toMatchObject([{ check: 'reached', level: 'problem' }]);
    expect(complaints[0]?.means).toContain('waited 0.3 s for the TLS handshake');
    expect(took).toBeLessThan(LIMITS.whole);
  });

  it('answers a handshake in clear text is told to be asked for STARTTLS', async () => {
    const { complaints } = await visitHostile((socket) => socket.write(EHLO), 'implicit');
    expect(complaints[0]).toMatchObject({ check: 'reached', advice: expect.stringContaining(':starttls') });
  });

  it('waits for a handshake is told to be asked for TLS', async () => {
    const { complaints } = await visitHostile(() => undefined);
    expect(complaints[0]).toMatchObject({ check: 'reached', advice: expect.stringContaining(':implicit') });
  });

  it('takes its time with every answer is left when the time for the port is over', async () => {
    const slowly = (socket: Socket): void => {
      const say = (text: string): void => void setTimeout(() => socket.write(text), 200);
      say(EHLO);
      socket.on('data', (bytes) => say(/STARTTLS/.test(String(bytes)) ? '454 no\r\n' : '250 ok\r\n'));
    };
    const { complaints, took } = await visitHostile(slowly);
    expect(complaints.filter(({ check }) => check === 'time-limit').length).toBeGreaterThan(0);
    expect(complaints.find(({ check }) => check === 'time-limit')?.level).toBe('problem');
    expect(took).toBeLessThan(LIMITS.whole + 500);
  });

  it('never ends its answers is left, too', async () => {
    const { port, took, report } = await visitHostile({ floodsAtQuit: true });
    expect(port.findings.find(({ check }) => check === 'starttls-injection')?.level).toBe('problem');
    expect(took).toBeLessThan(LIMITS.whole + 500);
    expect(JSON.stringify(report).length).toBeLessThan(200_000);
  });

  it('always has a reply ready is not read when the time for the port is over', async () => {
    server = await startBadServer('starttls', { banner: '220 one\r\n220 two' });
    const limits = { answer: 3000, deadline: performance.now() + 300 };
    const transcript = new Transcript();
    const dialogue = await openDialogue({ host: '127.0.0.1', port: server.port, limits, transcript });
    await dialogue.read();
    await vi.waitUntil(() => dialogue.unread !== '' && performance.now() > limits.deadline);
    await expect(dialogue.read()).rejects.toMatchObject({ kind: 'used-up' });
  });

  it('hangs up on every connection but the first leaves no question answered with ok', async () => {
    server = await startBadServer('starttls', {
      takesOver: (socket, count) => {
        if (count > 1) socket.end('421 4.7.0 Too many connections\r\n');
        return count > 1;
      },
    });
    const { port } = await lookAt(server, { mode: 'starttls' });
    const asked = ['tls-old-versions', 'starttls-injection', 'login-in-clear', 'bad-token', 'relay'];
    const found = port.findings.filter(({ check }) => asked.includes(check));
    expect(found.map(({ check, level }) => [check, level])).toEqual(asked.map((check) => [check, 'warning']));
    expect(found[0]?.means).toContain('not examined to the end');
  });
});

describe('what a server says', () => {
  const EVIL = '\u001b[2J\u0007\u009b31m\u202eevil\u2028.';

  it('reaches no terminal as more than text', async () => {
    const { report, port } = await visitHostile(
      {
        banner: `220 ${EVIL}`,
        extensions: [EVIL],
        mechanisms: { inside: [EVIL, 'OAUTHBEARER'] },
        sender: () => `550 ${EVIL}`,
        recipient: () => '550 no',
      },
      'starttls',
      { answer: 3000, whole: 15_000 },
    );
    expect(port.banner).toBe('220 \\x1b[2J\\x07\\x9b31m\\u{202e}evil\\u{2028}.');
    expect(port.transcript?.join('\n')).toContain('\\x1b[2J');
    for (const text of textsOf(report)) expect(text).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
  });

  it('is cut where it is long', async () => {
    const { port } = await visitHostile({ banner: `220 ${'x'.repeat(10_000)}` }, 'starttls', {
      answer: 3000,
      whole: 15_000,
    });
    expect(port.banner?.length).toBeLessThan(300);
    for (const line of port.transcript ?? []) expect(line.length).toBeLessThan(600);
  });
});

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return [...Object.keys(value), ...Object.values(value).flatMap(textsOf)];
}
