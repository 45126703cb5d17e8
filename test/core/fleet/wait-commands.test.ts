import { describe, expect, it } from 'vitest';
import { type Message, old, play, retainedIdle, update } from '../../support/wait-story.ts';

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
