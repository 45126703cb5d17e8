import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../tools/core/error-codes.ts';
import { explainBreak } from '../../tools/transports/esphome/failures.ts';
import { refusals } from '../../tools/transports/esphome/responses.ts';
import type { SessionOptions } from '../../tools/transports/esphome/session.ts';
import type { Phase } from '../../tools/transports/esphome/steps.ts';
import { bodyOf, replaySession } from '../support/replay.ts';

const image = Buffer.alloc(20_000, 0xe9);
const options: SessionOptions = { windowBlocks: 16, random: (size) => Buffer.alloc(size, 0xab) };
const bytes = (...values: (number | string)[]) =>
  Buffer.concat(
    values.map((value) => (typeof value === 'number' ? Buffer.of(value) : Buffer.from(value))),
  );

/** A whole session of a 2026 device with a password, answer by answer. */
const password = 'top secret';
const answers: readonly (readonly [step: string, answer: Buffer])[] = [
  ['greeting', bytes(0, 2)],
  ['features', bytes(0x48, 0x10)],
  ['challenge', bytes(2, '5'.repeat(64))],
  ['verdict', bytes(0x41)],
  ['prepared', bytes(0x42)],
  ['checksum', bytes(0x49)],
  ['first block', bytes(0x47)],
  ['second block', bytes(0x47)],
  ['last block', bytes(0x47)],
  ['received', bytes(0x44)],
  ['committed', bytes(0x45)],
];

function upload(given: readonly Uint8Array[], changes: Partial<SessionOptions> = {}) {
  return replaySession({ ...options, password, ...changes }, bodyOf(image), given);
}

describe('an upload session', () => {
  it('ends with a summary', () => {
    expect(upload(answers.map(([, answer]) => answer)).summary).toEqual({
      protocolVersion: 2,
      authentication: 'sha256',
      encrypted: false,
      gzip: false,
      sentBytes: 20_000,
    });
  });

  it('does not care where answers are cut', () => {
    const given = answers.map(([, answer]) => answer);
    const whole = Buffer.concat(upload(given).sent);
    given.forEach((answer, index) => {
      for (let cut = 1; cut < answer.length; cut += 1) {
        const pieces = [answer.subarray(0, cut), answer.subarray(cut)];
        const { sent, summary } = upload(given.toSpliced(index, 1, ...pieces));
        expect(summary?.sentBytes).toBe(20_000);
        expect(Buffer.concat(sent).equals(whole)).toBe(true);
      }
    });
    // As devices write them: flags and challenge in one segment, the last three answers in another.
    const glue = (from: number, to: number) => Buffer.concat(given.slice(from, to));
    const glued = [glue(0, 1), glue(1, 3), ...given.slice(3, 8), glue(8, 11)];
    expect(upload(glued).summary?.sentBytes).toBe(20_000);
    const stream = Buffer.concat(given);
    expect(upload([...stream].map((byte) => bytes(byte))).summary?.sentBytes).toBe(20_000);
  });

  it.each(answers.map(([step], index) => [step, index] as const))(
    'takes garbage in place of the answer "%s" for what it is',
    (_step, index) => {
      for (const garbage of [0x05, 0x3f, 0x7e]) {
        const given = answers.map(([, answer]) => answer).slice(0, index);
        const { failure } = upload([...given, Buffer.alloc(70, garbage)]);
        const wholeImageSent = index > 7;
        expect(failure?.code).toBe(
          index === 0
            ? 'device-wrong-protocol'
            : wholeImageSent
              ? 'device-may-have-committed'
              : 'device-unexpected-answer',
        );
        expect(failure?.retryable).toBe(false);
      }
    },
  );

  it.each(answers.map(([step], index) => [step, index] as const).slice(1))(
    'reports an error answer in place of "%s" as the device means it',
    (_step, index) => {
      for (const refusal of refusals) {
        const given = answers.map(([, answer]) => answer).slice(0, index);
        const { failure } = upload([...given, bytes(refusal.answer)]);
        expect(failure).toBeDefined();
        expect(failure?.retryable).toBe(false);
        expect(failure?.hint).not.toBe('');
        expect(failure?.message).toContain(`0x${refusal.answer.toString(16).toUpperCase()}`);
        if (![0x80, 0x82].includes(refusal.answer)) expect(failure?.code).toBe(refusal.code);
      }
    },
  );

  it('sees an error answer behind acknowledgements, before all blocks are sent', () => {
    const given = answers.map(([, answer]) => answer).slice(0, 6);
    const { failure, state } = upload([...given, bytes(0x47, 0x83)]);
    expect(failure?.code).toBe('device-flash-failed');
    expect(state.phase).toBe('upload');
  });

  it('keeps the last block back until all before it are acknowledged', () => {
    const given = answers.map(([, answer]) => answer);
    const { sent, state } = upload(given.slice(0, 7));
    expect(sent.at(-1)).toHaveLength(2 * 8192);
    expect(state).toMatchObject({ phase: 'upload', deliveredBytes: 8192 });
    const after = upload(given.slice(0, 8));
    expect(after.sent.at(-1)).toHaveLength(20_000 - 2 * 8192);
    expect(after.state).toMatchObject({ phase: 'finishing', deliveredBytes: 2 * 8192 });
  });

  it('sends one block at a time in lock step', () => {
    const { sent } = upload(
      answers.map(([, answer]) => answer),
      { windowBlocks: 1 },
    );
    expect(sent.slice(-4).map(({ length }) => length)).toEqual([8192, 8192, 3616, 1]);
  });

  it('refuses an acknowledgement of bytes that were not sent', () => {
    const given = answers.map(([, answer]) => answer).slice(0, 6);
    const { failure } = upload([...given, bytes(0x47, 0x47, 0x47)]);
    expect(failure?.code).toBe('device-unexpected-answer');
  });

  it('sends nothing when the device asks for a password and there is none', () => {
    const given = answers.map(([, answer]) => answer).slice(0, 3);
    const { sent, failure } = replaySession(options, bodyOf(image), given);
    expect(sent.map(({ length }) => length)).toEqual([5, 1]);
    expect(failure).toMatchObject({ code: 'device-password-missing', retryable: false });
  });

  it('answers with an empty password when that is the password', () => {
    const given = answers.map(([, answer]) => answer);
    expect(upload(given, { password: '' }).summary?.authentication).toBe('sha256');
  });

  it('sends nothing in the clear when it has a key and the device offers no encryption', () => {
    const encryptionKey = Buffer.alloc(32, 5);
    for (const answer of [bytes(0x40), bytes(0x46), bytes(0x48, 0x13), bytes(0x40, 0x41)]) {
      const { sent, failure } = upload([bytes(0, 2), answer], { encryptionKey });
      expect(Buffer.concat(sent).toString('hex')).toBe('6c26f75c451f');
      expect(failure).toMatchObject({ code: 'device-encryption-missing', retryable: false });
    }
  });

  it.each([
    ['SSH-2.0-OpenSSH_9.6\r\n', 'an SSH server'],
    ['HTTP/1.1 400 Bad Request\r\n', 'a web server'],
    ['220 mail.example ESMTP\r\n', 'something else'],
    ['\x01\x02', 'something else'],
    ['\xff\xfd\x18', 'something else'],
    ['\x00SSH', 'version 83'],
  ])('names who else listens: %j', (banner, who) => {
    const whole = Buffer.from(banner, 'latin1');
    const { failure } = upload([whole]);
    expect(failure?.message).toContain(who);
    expect(['device-wrong-protocol', 'device-unsupported']).toContain(failure?.code);
    for (let cut = 1; cut < whole.length; cut += 1) {
      const { failure, state } = upload([whole.subarray(0, cut)]);
      const hungUp = failure ?? explainBreak({ kind: 'closed' }, state);
      if (whole[0] !== 0 && whole[0] !== 0xff) expect(hungUp.code).toBe('device-wrong-protocol');
    }
  });
});

describe('a session with bytes that nobody expects', () => {
  const given = answers.map(([, answer]) => answer);

  it('ends with a failure that has a code, or waits; it never crashes', () => {
    fc.assert(
      fc.property(
        fc.nat(given.length),
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
        fc.boolean(),
        (honest, rest, encrypted) => {
          const encryptionKey = encrypted ? { encryptionKey: Buffer.alloc(32, 3) } : {};
          const { failure, summary } = upload([...given.slice(0, honest), ...rest], encryptionKey);
          if (failure !== undefined) expect(errorCodes).toHaveProperty(failure.code);
          if (summary !== undefined) expect(honest).toBeGreaterThan(0);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('a connection that breaks', () => {
  const at = (phase: Phase) => ({ phase, deliveredBytes: 0, strayText: '' });
  const before: Phase[] = ['features', 'encryption', 'authentication', 'preparing', 'checksum'];

  it.each([...before, 'upload'] as Phase[])('may be tried again (%s)', (phase) => {
    expect(explainBreak({ kind: 'closed' }, at(phase))).toMatchObject({
      code: 'connection-failed',
      retryable: true,
      retryAfterMs: undefined,
    });
  });

  it('waits until the device has let go of a session that fell silent', () => {
    const silence = (phase: Phase, silentMs: number) =>
      explainBreak({ kind: 'silent', silentMs }, at(phase));
    expect(silence('upload', 60_000)).toMatchObject({ code: 'timeout', retryAfterMs: 45_000 });
    expect(silence('authentication', 5000)).toMatchObject({
      code: 'timeout',
      retryAfterMs: 15_000,
    });
    expect(silence('upload', 120_000)).toMatchObject({ retryable: true, retryAfterMs: undefined });
  });

  it('is never tried again once the whole image was sent', () => {
    for (const reason of [{ kind: 'closed' }, { kind: 'silent', silentMs: 1000 }] as const) {
      expect(explainBreak(reason, at('finishing'))).toMatchObject({
        code: 'device-may-have-committed',
        retryable: false,
      });
    }
  });

  it('before any word means that the device serves somebody else', () => {
    expect(explainBreak({ kind: 'silent', silentMs: 60_000 }, at('greeting'))).toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('busy'),
      retryable: true,
    });
  });
});

describe('the table of error answers', () => {
  it('has a cause and a remedy for each, and a code of the catalogue', () => {
    expect(refusals.map(({ answer }) => answer)).toEqual([
      ...Array.from({ length: 0x17 }, (_, index) => 0x80 + index),
      0xff,
    ]);
    for (const refusal of refusals) {
      expect(errorCodes[refusal.code].exit).toBe(1);
      expect(refusal.message.length).toBeGreaterThan(10);
      expect(refusal.hint).toMatch(/[.?]$/);
    }
  });
});
