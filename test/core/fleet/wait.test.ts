import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceStatus } from '../../../tools/core/fleet/commands/status.ts';
import {
  type DeviceWait,
  type Expectation,
  expireWait,
  observeStatus,
  startDeviceWait,
} from '../../../tools/core/fleet/commands/wait.ts';

const sentAtMs = 1_000_000;
const update: Expectation = {
  action: 'update',
  commandId: 'mine',
  sentAtMs,
  targetVersion: '2.0.0',
  force: false,
  acceptReported: false,
  timeoutMs: 30_000,
};

type Message = Partial<DeviceStatus> & { readonly at?: number; readonly retained?: boolean };

/** Plays messages, `at` seconds after the command; the device has run for an hour, on 1.0.0. */
function play(messages: readonly Message[], expectation = update): DeviceWait {
  return messages.reduce<DeviceWait>(
    (wait, { at = 1, retained = false, ...fields }) => {
      const status: DeviceStatus = { state: 'idle', extra: {}, ...fields };
      return observeStatus(
        wait,
        { status, retained, receivedAtMs: sentAtMs + at * 1000 },
        expectation,
      );
    },
    startDeviceWait('d1', expectation),
  );
}

const old = { currentVersion: '1.0.0', uptimeS: 3600 } as const;
const retainedIdle: Message = { ...old, retained: true, at: -5 };
const downloading: Message = { ...old, state: 'downloading', progressPct: 10, at: 2 };
const written: Message = { ...old, state: 'success', at: 8 };
const running: Message = { state: 'idle', currentVersion: '2.0.0', uptimeS: 1, at: 12 };

describe('waiting after an announcement', () => {
  const { commandId: _, ...announced } = { ...update, timeoutMs: 600_000 };
  const told = (...messages: Message[]) => play(messages, announced);
  const kept = { retained: true, at: -5 } as const;

  it('ends well as after a command, whatever command a device still names', () => {
    const late = { commandId: 'earlier' };
    const seen = told(retainedIdle, { ...downloading, ...late }, { ...written, ...late });
    expect(seen.outcome).toBeUndefined();
    const all = told(retainedIdle, downloading, written, { ...running, ...late });
    expect(all.outcome?.kind).toBe('updated');
  });

  it('takes the kept word of a device that runs the version already', () => {
    const runs: Message = { ...running, ...kept };
    expect(told(runs).outcome).toEqual({ kind: 'up_to_date', ok: true, reason: 'runs 2.0.0' });
    for (const unsure of [{ rollbackPending: true }, { state: 'success' }] as const) {
      expect(told({ ...runs, ...unsure }).outcome).toBeUndefined();
    }
    expect(told(retainedIdle).outcome).toBeUndefined();
  });

  it('does not take a kept failure for the end', () => {
    expect(told({ ...old, ...kept, state: 'failed' }).outcome).toBeUndefined();
    const failed = told(retainedIdle, { ...old, state: 'failed', error: 'ESP_FAIL' });
    expect(failed.outcome).toMatchObject({ kind: 'failed', reason: 'ESP_FAIL' });
  });

  it('gives a device up when the time is over, also one that has just moved', () => {
    const at = (ms: number, wait: DeviceWait) => expireWait(wait, sentAtMs + ms, announced).outcome;
    const busy = told({ ...downloading, at: 599 });
    expect(at(599_999, busy)).toBeUndefined();
    expect(at(600_000, busy)?.reason).toBe(
      'not done in 600 s; last state: downloading 10 %, runs 1.0.0',
    );
    expect(at(600_000, told(retainedIdle))?.reason).toBe(
      'no answer in 600 s; before the announcement: idle, runs 1.0.0',
    );
  });
});

describe('waiting for an update', () => {
  it('ends well when the new version is seen running after a reboot', () => {
    expect(play([retainedIdle, downloading, written]).outcome).toBeUndefined();
    expect(play([retainedIdle, downloading, written, running]).outcome).toEqual({
      kind: 'updated',
      ok: true,
      reason: 'runs 2.0.0',
    });
  });

  it('ends well also when the last messages come late, all at once', () => {
    const late = [
      { ...old, state: 'installing' as const, uptimeS: 3610, at: 60 },
      { ...old, state: 'success' as const, uptimeS: 3611, at: 60 },
      { ...running, uptimeS: 40, at: 60 },
    ];
    expect(play([{ ...downloading, uptimeS: 3602 }, ...late]).outcome?.kind).toBe('updated');
    expect(play([retainedIdle, ...late]).outcome?.kind).toBe('updated');
    const back = { ...old, uptimeS: 40, at: 60 };
    const unsaid = play([{ ...downloading, uptimeS: 3602 }, ...late.slice(0, 2), back]);
    expect(unsaid.outcome?.kind).toBe('rolled_back');
  });

  it('does not take a repeated message from before for a reboot, late or not', () => {
    const start = { ...downloading, uptimeS: 3602 };
    const installing = { ...old, state: 'installing' as const, uptimeS: 3610, at: 10 };
    const repeated = { ...old, uptimeS: 3605 };
    for (const at of [10, 60, 3000]) {
      expect(play([start, installing, { ...repeated, at }]).outcome).toBeUndefined();
    }
  });

  it('does not take the word "success" before the reboot for it', () => {
    expect(play([downloading, written]).outcome).toBeUndefined();
    const early = { ...written, currentVersion: '2.0.0' };
    expect(play([retainedIdle, downloading, early]).outcome).toBeUndefined();
  });

  it('takes the word when told to', () => {
    const trusting = { ...update, acceptReported: true };
    expect(play([downloading, written], trusting).outcome?.kind).toBe('reported');
    expect(play([written], trusting).outcome).toBeUndefined();
    expect(play([{ ...written, commandId: 'mine' }], trusting).outcome?.kind).toBe('reported');
    const other = { ...written, availableVersion: '1.5.0' };
    expect(play([downloading, other], trusting).outcome).toBeUndefined();
  });

  it('sees a reboot also when all of it arrives at once, after a lost connection', () => {
    const late = { at: 50 } as const;
    const burst = [
      { ...downloading, ...late },
      { ...written, ...late },
      { ...running, uptimeS: 30, ...late },
    ];
    expect(play([retainedIdle, ...burst]).outcome?.kind).toBe('updated');
    // Not what the old boot said: the version alone, or a repeated message from before.
    const named = { ...written, ...late, currentVersion: '2.0.0' };
    const repeated = { ...downloading, ...late, uptimeS: 3590 };
    expect(play([retainedIdle, ...burst.slice(0, 2), named, repeated]).outcome).toBeUndefined();
  });

  it('waits for the end of the trial', () => {
    const trial = { ...running, rollbackPending: true };
    expect(play([downloading, written, trial]).outcome).toBeUndefined();
    const confirmed = { ...running, uptimeS: 5000, at: 5030 };
    expect(play([downloading, written, trial, confirmed]).outcome?.kind).toBe('updated');
  });

  it('sees a rollback, said or not', () => {
    const trial = { ...running, rollbackPending: true };
    const back = { ...old, uptimeS: 1, at: 20 };
    const said = play([downloading, written, trial, { ...back, state: 'rolled_back' }]);
    expect(said.outcome).toMatchObject({ kind: 'rolled_back', ok: false });
    const unsaid = play([downloading, written, back]);
    expect(unsaid.outcome).toEqual({
      kind: 'rolled_back',
      ok: false,
      reason: 'restarted into 1.0.0 after 2.0.0 was written',
    });
  });

  it('ignores retained messages, whatever they claim', () => {
    const liars: Message[] = [
      { state: 'success', currentVersion: '2.0.0', retained: true },
      { state: 'failed', retained: true },
      { state: 'idle', currentVersion: '2.0.0', uptimeS: 0, retained: true },
    ];
    for (const liar of liars) {
      expect(play([liar]).outcome).toBeUndefined();
      expect(play([liar], { ...update, acceptReported: true }).outcome).toBeUndefined();
    }
  });

  it('counts a retained message that answers this very command', () => {
    const failed: Message = { state: 'failed', error: 'ESP_FAIL', commandId: 'mine' };
    expect(play([{ ...failed, retained: true }]).outcome).toMatchObject({
      kind: 'failed',
      reason: 'ESP_FAIL',
    });
  });

  it('ignores messages that answer another command', () => {
    const foreign = { commandId: 'other' };
    expect(play([{ state: 'failed', ...foreign }]).outcome).toBeUndefined();
    expect(play([{ ...running, ...foreign }]).outcome).toBeUndefined();
  });

  it('does not take the repeated end of an earlier update for the end of this one', () => {
    const failed: Message = { ...old, state: 'failed' };
    const kept = { ...failed, retained: true, at: -5 };
    expect(play([kept, failed]).outcome).toBeUndefined();
    expect(play([kept, downloading, { ...failed, at: 5 }]).outcome?.kind).toBe('failed');
    expect(play([retainedIdle, failed]).outcome?.kind).toBe('failed');
  });

  it('ends at once for a device that runs the version already, unless forced', () => {
    const there: Message = { currentVersion: '2.0.0', uptimeS: 900, at: 1 };
    expect(play([there]).outcome).toMatchObject({ kind: 'up_to_date', ok: true });
    const force = { ...update, force: true };
    expect(play([there], force).outcome).toBeUndefined();
    const again = { ...there, state: 'installing' as const, at: 2 };
    expect(play([there, again, { ...there, uptimeS: 903, at: 4 }], force).outcome).toBeUndefined();
    expect(play([there, again, { ...running, at: 920 }], force).outcome?.kind).toBe('updated');
  });

  it('learns the version from the device when none is given', () => {
    const { targetVersion: _, ...open } = update;
    const offered = { ...downloading, availableVersion: '2.0.0' };
    expect(play([offered, written, running], open).outcome?.kind).toBe('updated');
    expect(play([{ ...old, message: 'No update available' }], open).outcome).toMatchObject({
      kind: 'up_to_date',
      ok: true,
    });
  });

  it('needs no uptime when the version changes', () => {
    const plain = [
      { state: 'idle', currentVersion: '1.0.0', retained: true },
      { state: 'downloading', currentVersion: '1.0.0' },
      { state: 'idle', currentVersion: '2.0.0' },
    ] as const;
    expect(play(plain).outcome?.kind).toBe('updated');
  });

  it('is not fooled by a duplicated old message', () => {
    const idle = { ...old, uptimeS: 3590 };
    expect(play([idle, downloading, written, idle]).outcome).toBeUndefined();
    expect(play([idle, downloading, written, idle, running]).outcome?.kind).toBe('updated');
  });

  it('tells a power cut in the middle from the restart into the new image', () => {
    const cut: Message = { ...downloading, uptimeS: 0, timestampUs: 200_000, at: 3 };
    const again: Message = { ...cut, progressPct: 100, timestampUs: 600_000, at: 3.4 };
    const rewritten: Message = { ...again, state: 'success', timestampUs: 700_000, at: 3.5 };
    expect(play([downloading, cut, again, rewritten]).outcome).toBeUndefined();
    const installing = { ...rewritten, state: 'installing' as const };
    expect(play([downloading, cut, again, installing, rewritten]).outcome).toBeUndefined();
    const done: Message = { ...running, uptimeS: 0, timestampUs: 100_000, at: 3.9 };
    expect(play([downloading, cut, again, installing, rewritten, done]).outcome?.kind).toBe(
      'updated',
    );
  });

  it('keeps its first outcome', () => {
    const done = play([downloading, written, running, { state: 'failed', at: 60 }]);
    expect(done.outcome?.kind).toBe('updated');
    expect(done.last?.state).toBe('failed');
  });
});

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

describe('waiting for the other commands', () => {
  const ask = (action: 'check' | 'rollback' | 'status') => ({
    ...update,
    action,
  });

  it('takes the first fresh message for the answer to `status`', () => {
    expect(play([retainedIdle], ask('status')).outcome).toBeUndefined();
    expect(play([{ ...old }], ask('status')).outcome?.kind).toBe('answered');
  });

  it('ends a check by an available version, or by the word that there is none', () => {
    const check = ask('check');
    expect(play([{ ...old, state: 'checking' }], check).outcome).toBeUndefined();
    expect(play([{ ...old, availableVersion: '2.0.0' }], check).outcome).toMatchObject({
      kind: 'answered',
      reason: '2.0.0 is available, runs 1.0.0',
    });
    for (const message of ['no update', 'Firmware is up to date']) {
      expect(play([{ ...old, message }], check).outcome?.kind).toBe('up_to_date');
    }
    expect(play([old], check).outcome).toBeUndefined();
    expect(play([{ ...old, state: 'checking' }, old], check).outcome?.kind).toBe('up_to_date');
    expect(play([{ ...old, state: 'failed' }], check).outcome?.kind).toBe('failed');
  });

  it('ends a rollback when another version is seen running', () => {
    const rollback = ask('rollback');
    const back: Message = { currentVersion: '0.9.0', uptimeS: 1, at: 5 };
    const said: Message = { ...old, state: 'rolled_back', commandId: 'mine' };
    expect(play([retainedIdle, said], rollback).outcome).toBeUndefined();
    expect(play([retainedIdle, said, back], rollback).outcome).toMatchObject({
      kind: 'rolled_back',
      ok: true,
    });
    expect(play([said], { ...rollback, acceptReported: true }).outcome?.kind).toBe('reported');
    expect(play([retainedIdle, { ...old, state: 'failed' }], rollback).outcome?.ok).toBe(false);
  });
});
