import type { Actor } from './access.ts';
import type { Store } from './store/store.ts';

/** Acts of administrators; the first ones are the words of seed 003. */
export type AuditType =
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
  | 'token_created';

export interface AuditFacts {
  readonly model?: string;
  readonly version?: string;
  readonly rollout?: string;
  readonly deviceId?: string;
  readonly data?: object;
}

export interface Audit {
  note(type: AuditType, actor: Actor, facts: AuditFacts): Promise<void>;
}

export function createAudit(store: Store, now: () => number): Audit {
  return {
    note: (type, actor, { model, version, rollout, deviceId, data }) =>
      store.history.addEvent({
        at: now(),
        type,
        actor: actor.name,
        model: model ?? null,
        version: version ?? null,
        rollout: rollout ?? null,
        device_id: deviceId ?? null,
        data: JSON.stringify(data ?? {}),
      }),
  };
}
