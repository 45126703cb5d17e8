import type { Store } from '../store/store.ts';
import type { EventRow } from '../store/tables.ts';
import type { Actor } from './access.ts';

/** Acts of administrators; the first ones are the words of seed 003. */
export type AuditType =
  /** The first of two steps; the second is `firmware_uploaded`. */
  | 'file_uploaded'
  | 'firmware_uploaded'
  | 'firmware_updated'
  | 'rollout_created'
  | 'rollout_updated'
  | 'rollout_deleted'
  | 'rollback_initiated'
  | 'device_updated'
  | 'model_updated'
  | 'key_created'
  | 'key_revoked'
  | 'token_created'
  | 'token_revoked';

export interface AuditFacts {
  readonly model?: string;
  readonly version?: string;
  readonly rollout?: string;
  readonly deviceId?: string;
  readonly data?: object;
}

export interface Audit {
  /** An entry to be stored in the same transaction as what it tells of. */
  entry(type: AuditType, actor: Actor, facts: AuditFacts): Omit<EventRow, 'id'>;
  /** Stores an entry by itself. */
  note(type: AuditType, actor: Actor, facts: AuditFacts): Promise<void>;
}

export function createAudit(store: Store, now: () => number): Audit {
  const entry: Audit['entry'] = (type, actor, { model, version, rollout, deviceId, data }) => ({
    at: now(),
    type,
    actor: actor.name,
    model: model ?? null,
    version: version ?? null,
    rollout: rollout ?? null,
    device_id: deviceId ?? null,
    data: JSON.stringify(data ?? {}),
  });
  return {
    entry,
    note: (type, actor, facts) => store.history.addEvent(entry(type, actor, facts)),
  };
}
