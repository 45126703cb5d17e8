import { isInPercentage } from './bucket.ts';

/**
 * Whom a rollout addresses. `all` and `canary` are the same rule under two names (seed 003); a percentage narrows
 * every kind but `specific`. A group matches when the device is in any of those named.
 */
export type Audience =
  | { readonly kind: 'all' | 'canary'; readonly percentage: number }
  | { readonly kind: 'groups'; readonly groups: readonly string[]; readonly percentage: number }
  | { readonly kind: 'specific'; readonly deviceIds: readonly string[] };

/** What an audience looks at. */
export interface AudienceMember {
  readonly id: string;
  readonly groups: readonly string[];
}

/** Whether a rollout for this audience may reach this device. */
export function isInAudience(audience: Audience, device: AudienceMember): boolean {
  switch (audience.kind) {
    case 'all':
    case 'canary':
      return isInPercentage(device.id, audience.percentage);
    case 'groups':
      return (
        audience.groups.some((group) => device.groups.includes(group)) &&
        isInPercentage(device.id, audience.percentage)
      );
    case 'specific':
      return audience.deviceIds.includes(device.id);
  }
}

/** The same audience with another percentage; a list of devices has none and stays as it is. */
export function withPercentage(audience: Audience, percentage: number): Audience {
  return audience.kind === 'specific' ? audience : { ...audience, percentage };
}

/** Whether two audiences are the same devices, whatever the order in which they are named. */
export function isSameAudience(a: Audience, b: Audience): boolean {
  return identityOf(a) === identityOf(b);
}

function identityOf(audience: Audience): string {
  const setOf = (names: readonly string[]): string[] => [...new Set(names)].sort();
  if (audience.kind === 'specific') return JSON.stringify([setOf(audience.deviceIds)]);
  const groups = audience.kind === 'groups' ? setOf(audience.groups) : null;
  return JSON.stringify([groups, audience.percentage]);
}
