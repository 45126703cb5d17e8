import { describe, expect, it } from 'vitest';
import {
  downloading,
  type Message,
  old,
  play,
  retainedIdle,
  running,
  update,
  written,
} from '../../support/wait-story.ts';

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
