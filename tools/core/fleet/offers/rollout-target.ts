import { OtaError } from '../../errors.ts';
import type { Audience } from './rollout-audience.ts';

export const targetTypes = ['all', 'group', 'canary', 'specific'] as const;
export type TargetType = (typeof targetTypes)[number];

export interface TargetFilter {
  readonly device_ids?: readonly string[];
  readonly groups?: readonly string[];
}

/** An audience in the words of seed 003. */
export interface RolloutTarget {
  readonly target_type: TargetType;
  readonly target_filter: TargetFilter | null;
  readonly rollout_percentage: number;
}

/** Writes an audience in the words of seed 003. */
export function toTarget(audience: Audience): RolloutTarget {
  switch (audience.kind) {
    case 'all':
    case 'canary':
      return {
        target_type: audience.kind,
        target_filter: null,
        rollout_percentage: audience.percentage,
      };
    case 'groups':
      return {
        target_type: 'group',
        target_filter: { groups: [...audience.groups] },
        rollout_percentage: audience.percentage,
      };
    case 'specific':
      return {
        target_type: 'specific',
        target_filter: { device_ids: [...audience.deviceIds] },
        rollout_percentage: 100,
      };
  }
}

/** @throws OtaError `request-invalid` when the type needs a filter that is not there */
export function fromTarget(target: {
  readonly target_type: TargetType;
  readonly target_filter?: TargetFilter | null | undefined;
  readonly rollout_percentage: number;
}): Audience {
  const { target_type: type, target_filter: filter, rollout_percentage: percentage } = target;
  switch (type) {
    case 'all':
    case 'canary':
      return { kind: type, percentage };
    case 'group':
      if (filter?.groups === undefined) throw noFilter('groups', type);
      return { kind: 'groups', groups: filter.groups, percentage };
    case 'specific':
      if (filter?.device_ids === undefined) throw noFilter('device_ids', type);
      return { kind: 'specific', deviceIds: filter.device_ids };
  }
}

function noFilter(key: string, type: TargetType): OtaError {
  return new OtaError('request-invalid', `target_type ${type} needs target_filter.${key}`, {
    hint: `For example {"${key}": ["a", "b"]}.`,
  });
}
