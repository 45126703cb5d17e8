import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceStatus } from '../../../tools/core/fleet/commands/status.ts';
import {
  expireWait,
  observeStatus,
  startDeviceWait,
} from '../../../tools/core/fleet/commands/wait.ts';
import {
  downloading,
  type Message,
  old,
  play,
  retainedIdle,
  sentAtMs,
  update,
} from '../../support/wait-story.ts';

describe('a device that makes no progress', () => {
  const expire = (messages: readonly Message[], at: number) =>
    expireWait(play(messages), sentAtMs + at * 1000, update).outcome;

  it('is silent when nothing fresh came, and its state before is told', () => {
    expect(expire([retainedIdle], 29.9)).toBeUndefined();
    expect(expire([retainedIdle], 30)).toEqual({
      kind: 'silent',
      ok: false,
      reason: 'no answer in 30 s; before the command: idle, runs 1.0.0',
    });
    expect(expire([], 30)?.reason).toBe('no answer in 30 s');
  });

  it('is given up with its last state', () => {
    expect(expire([downloading], 31.9)).toBeUndefined();
    expect(expire([downloading], 32)).toEqual({
      kind: 'timed_out',
      ok: false,
      reason: 'no progress for 30 s; last state: downloading 10 %, runs 1.0.0',
    });
  });

  it('gains no time by repeating itself', () => {
    const again = { ...downloading, uptimeS: 3630, at: 31 };
    expect(expire([downloading, again], 32)?.kind).toBe('timed_out');
    expect(expire([downloading, { ...again, progressPct: 11 }], 32)).toBeUndefined();
  });

  it('may begin again after a power cut, but not for ever', () => {
    const cut = (at: number): Message => ({ ...old, state: 'downloading', uptimeS: 1, at });
    const more = (at: number): Message => ({ ...cut(at), uptimeS: 10, progressPct: 5 });
    expect(expire([downloading, cut(20)], 40)).toBeUndefined();
    const often = [20, 40, 60, 80, 100].flatMap((at) => [cut(at), more(at + 9)]);
    expect(expire([downloading, ...often], 115)?.kind).toBe('timed_out');
  });

  it('always comes to an end, whatever it sends', () => {
    const state = fc.constantFrom('idle', 'checking', 'downloading', 'installing' as const);
    const message = fc.record({ state, progressPct: fc.nat(100), uptimeS: fc.nat(200) });
    fc.assert(
      fc.property(fc.infiniteStream(message), (stream) => {
        let wait = startDeviceWait('d1', update);
        let at = sentAtMs;
        for (let count = 0; count < 20_000 && wait.outcome === undefined; count += 1) {
          at += 20_000;
          const status = { ...stream.next().value, extra: {} } as DeviceStatus;
          wait = observeStatus(wait, { status, retained: false, receivedAtMs: at }, update);
          wait = expireWait(wait, at, update);
        }
        expect(wait.outcome?.ok).toBe(false);
      }),
      { numRuns: 20 },
    );
  });
});
