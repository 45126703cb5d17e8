import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { DeliveryFailure } from '../../tools/core/release/delivery.ts';
import { startServer } from '../../tools/simulator/server.ts';
import { parseRetryAfter, toExcerpt } from '../../tools/transports/https/answer.ts';
import { failureOf, sampleBytes } from '../support/deliveries.ts';
import { receiver, sendHttps } from '../support/https.ts';

/** A server that reacts to the first bytes of a request in its own way. */
async function rawServer(react: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.pause();
      react(socket);
    });
  });
  const running = await startServer(server);
  onTestFinished(running.close);
  return `http://127.0.0.1:${running.port}/fw`;
}

const tooLarge = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo big\n';

describe('what the status says', () => {
  it.each([
    [400, 'http-status', false],
    [401, 'unauthorized', false],
    [403, 'unauthorized', false],
    [404, 'http-status', false],
    [408, 'http-status', true],
    [409, 'http-status', false],
    [413, 'http-status', false],
    [425, 'http-status', true],
    [429, 'http-status', true],
    [500, 'http-status', true],
    [502, 'http-status', true],
    [503, 'http-status', true],
    [599, 'http-status', true],
  ])('%i is %s, retryable %s', async (status, code, retryable) => {
    const server = await receiver({ replies: [{ status, body: 'because' }] });
    const error = await failureOf(sendHttps({ url: `${server.url}/fw` }));
    expect(error).toMatchObject({ code, retryable, hint: expect.any(String) });
    expect(error.message).toContain(`PUT ${server.url}/fw answered ${status}`);
    expect(error.message).toContain(': because');
  });

  it('a problem in JSON (RFC 9457) is told in its own words', async () => {
    const problem = { detail: 'it is\u001b there', code: 'release-exists', hint: 'Pack anew.' };
    const headers = { 'Content-Type': 'application/problem+json; charset=utf-8' };
    const replies = [{ ...problem, errors: ['a', 2] }, { detail: 5 }, null].map((body) => ({
      status: 409,
      headers,
      body: JSON.stringify(body),
    }));
    const server = await receiver({ replies });
    const fail = async () => failureOf(sendHttps({ url: `${server.url}/fw` }));
    const told = await fail();
    expect(told.message).toMatch(/ answered 409 Conflict: it is there \(release-exists\)$/);
    expect(told).toMatchObject({ hint: 'Pack anew.', details: ['a', '2'], retryable: false });
    expect((await fail()).message).toContain('409 Conflict: {"detail":5}');
    expect((await fail()).message).toContain('409 Conflict: null');
  });

  it.each([200, 201, 202, 204])('%i is success', async (status) => {
    const server = await receiver({ replies: [{ status }] });
    const receipt = await sendHttps({ url: server.url });
    expect(receipt.answer).toMatch(new RegExp(`^${status} `));
  });

  it('500 on the first attempt and 200 on the second is a delivery', async () => {
    const server = await receiver({ replies: [{ status: 500 }, { status: 200 }] });
    expect(await failureOf(sendHttps({ url: server.url }))).toMatchObject({ retryable: true });
    expect((await sendHttps({ url: server.url })).answer).toBe('200 OK');
  });

  it('wrong credentials are unauthorized', async () => {
    const server = await receiver({ credentials: { username: 'jane', password: 'right' } });
    const url = server.url.replace('://', '://jane:wr0ng-password@');
    const error = await failureOf(sendHttps({ url }));
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false });
    expect(error.message).not.toContain('wr0ng-password');
    expect(error.message).toContain('who are you?');
  });
});

describe('what the server says of a rollout', () => {
  const rollout = { kind: 'canary', percentage: 10 } as const;
  const answers = async (body: string) => {
    const server = await receiver({ replies: [{ status: 200, body }] });
    return sendHttps({ url: `${server.url}/api/v1/firmware` }, { rollout });
  };

  it('a rollout that stays as it is deserves a warning', async () => {
    const { rollout: kept, warnings } = await answers(
      '{"rollout":"a\\u001b-1","rollout_outcome":"kept","rollout_state":"paused","rollout_audience":"all"}',
    );
    expect(kept).toEqual({ name: 'a\\x1b-1', outcome: 'kept', state: 'paused', audience: 'all' });
    expect(warnings).toEqual([expect.stringContaining('a\\x1b-1 already (paused, all)')]);
  });

  it.each(['', 'stored', 'null', '{"status":"created"}', '{"rollout":null}', '{"rollout":"a"}'])(
    '%j is no rollout: the delivery has failed, for good',
    async (body) => {
      const error = await failureOf(answers(body));
      expect(error).toMatchObject({ code: 'rollout-unsupported', retryable: false });
      expect(error.message).toContain('says nothing of the rollout canary:10');
    },
  );
});

describe('how long the server asks to wait', () => {
  it('Retry-After counts from now, in seconds or as a date', async () => {
    const replies = ['120', 'Thu, 01 Jan 2026 00:01:00 GMT'].map((after) => ({
      status: 503,
      headers: { 'Retry-After': after },
    }));
    const server = await receiver({ replies });
    const waits: (number | undefined)[] = [];
    for (const _ of replies) {
      const error = await failureOf(sendHttps({ url: server.url }));
      waits.push((error as DeliveryFailure).retryAfterMs);
    }
    expect(waits).toEqual([120_000, 60_000]);
  });

  it('is nothing where the same request cannot be made again', async () => {
    const server = await receiver({ replies: [{ status: 404, headers: { 'Retry-After': '5' } }] });
    const error = await failureOf(sendHttps({ url: server.url }));
    expect((error as DeliveryFailure).retryAfterMs).toBeUndefined();
  });

  const now = new Date('2026-01-01T00:00:00Z');
  it.each([
    [undefined, undefined],
    ['', undefined],
    ['soon', undefined],
    ['-5', 0],
    ['0', 0],
    ['7', 7000],
    [['3', '9'], 3000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['99999999999999999999', 86_400_000],
  ])('%j is %j ms', (header, expected) => {
    const found = parseRetryAfter(header, now);
    if (expected === 0 && header === '-5') expect([0, undefined]).toContain(found);
    else expect(found).toBe(expected);
  });
});

describe('what the server says besides', () => {
  it('is quoted in part: two hundred characters, one line, nothing that moves the cursor', async () => {
    const body = `<h1>\r\n\u001b[2Jno\u202e room</h1>${'x'.repeat(5000)}`;
    const server = await receiver({ replies: [{ status: 507, body }] });
    const error = await failureOf(sendHttps({ url: server.url }));
    const excerpt = error.message.split('Insufficient Storage: ')[1] ?? '';
    expect(excerpt).toMatch(/^<h1> \[2Jno room<\/h1>x+…$/);
    expect([...excerpt]).toHaveLength(201);
  });

  it('never repeats the secrets that it was sent', async () => {
    const url = await rawServer((socket) => {
      const words = 'you sent Bearer t0ken-1234 and c00kie';
      socket.end(`HTTP/1.1 400 Bad\r\nContent-Length: ${words.length}\r\n\r\n${words}`);
    });
    const headers = { Authorization: 'Bearer t0ken-1234', 'X-Mine': 'c00kie' };
    const error = await failureOf(sendHttps({ url, headers }));
    expect(error.message).toContain('you sent *** and ***');
  });

  it('cuts between characters, not inside them', () => {
    expect(toExcerpt('😀'.repeat(300))).toBe(`${'😀'.repeat(200)}…`);
  });
});

describe('an answer before the upload is through', () => {
  const bytes = Buffer.alloc(20_000_000);

  it('413 is reported as 413, whether the server goes on reading or not', async () => {
    const polite = await receiver({ replies: [{ status: 413, early: true, body: 'too big' }] });
    const error = await failureOf(sendHttps({ url: polite.url }, { bytes }));
    expect(error).toMatchObject({ code: 'http-status', retryable: false });
    expect(error.message).toContain('413');
  });

  it.each([
    ['and hangs up', (socket: Socket) => socket.end(tooLarge, () => socket.destroy())],
    ['and drops the line', (socket: Socket) => socket.write(tooLarge, () => socket.destroy())],
  ])('413 from a server that reads no further %s is still 413', async (_how, react) => {
    const url = await rawServer((socket) => void react(socket));
    for (let round = 0; round < 10; round += 1) {
      const error = await failureOf(sendHttps({ url }, { bytes }));
      expect(error).toMatchObject({ code: 'http-status', retryable: false });
      expect(error.message).toContain('413 Content Too Large: too big');
    }
  });

  it('ends the connection, also when the server would keep it', async () => {
    const sockets: Socket[] = [];
    const url = await rawServer((socket) => {
      sockets.push(socket);
      socket.resume();
      socket.write(tooLarge);
    });
    await failureOf(sendHttps({ url }, { bytes }));
    for (const socket of sockets) if (!socket.closed) await once(socket, 'close');
  });

  it('success is not believed: the server cannot have the whole firmware', async () => {
    const server = await receiver({ replies: [{ status: 200, early: true }] });
    const error = await failureOf(sendHttps({ url: server.url }, { bytes }));
    expect(error).toMatchObject({ code: 'http-status', retryable: true });
    expect(error.message).toMatch(/answered 200 OK after \d+ of 20000000 bytes/);
  });
});

describe('a server that does not play by the rules', () => {
  it('and stalls in the middle of the body is a timeout that tells how far it came', async () => {
    const server = await receiver({ replies: ['stall'] });
    const bytes = Buffer.alloc(50_000_000);
    const sending = sendHttps({ url: server.url }, { bytes, context: { timeoutMs: 1000 } });
    const error = await failureOf(sending);
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toMatch(/for 1 s while sending the firmware, after \d+ bytes/);
  });

  it('and never answers is a timeout while waiting for the answer', async () => {
    const server = await receiver({ replies: ['stall'] });
    const bytes = sampleBytes.subarray(0, 1000);
    const sending = sendHttps({ url: server.url }, { bytes, context: { timeoutMs: 1000 } });
    const error = await failureOf(sending);
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toContain('while waiting for the answer, after 1000 bytes');
  });

  it('and hangs up has broken the connection', async () => {
    const url = await rawServer((socket) => socket.destroy());
    const error = await failureOf(sendHttps({ url }));
    expect(error).toMatchObject({ code: 'connection-failed', retryable: true });
  });

  it('and does not speak HTTP is named', async () => {
    const url = await rawServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    const error = await failureOf(sendHttps({ url }));
    expect(error).toMatchObject({ code: 'connection-failed', retryable: false });
    expect(error.message).toContain('does not answer in HTTP');
  });

  it('and breaks off its own words has given its status all the same', async () => {
    const url = await rawServer((socket) =>
      socket.write('HTTP/1.1 507 Full\r\nContent-Length: 99\r\n\r\nno ro', () => socket.destroy()),
    );
    const error = await failureOf(sendHttps({ url }));
    expect(error).toMatchObject({ code: 'http-status' });
    expect(error.message).toContain('507 Full: no ro');
  });
});
