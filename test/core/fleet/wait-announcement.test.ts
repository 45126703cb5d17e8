import { describe, expect, it } from 'vitest';
import { type DeviceWait, expireWait } from '../../../tools/core/fleet/commands/wait.ts';
import {
  downloading,
  type Message,
  old,
  play,
  retainedIdle,
  running,
  sentAtMs,
  update,
  written,
} from '../../support/wait-story.ts';

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
