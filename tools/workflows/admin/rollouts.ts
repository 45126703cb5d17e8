import { OtaError } from '../../core/errors.ts';
import { parseAudience } from '../../core/fleet/offers/audience-text.ts';
import { targetTypes, toTarget } from '../../core/fleet/offers/rollout-target.ts';
import { type AdminAct, type AdminArgs, segment } from './act.ts';

const rollout = (args: AdminArgs): string => `/api/admin/rollout/${segment(args.name)}`;

/** What may be decided about a rollout, at its beginning and later. */
const settings = ['target', 'percentage', 'group', 'device', 'downgrade', 'deadline'] as const;

function settingsOf(args: AdminArgs): Record<string, unknown> {
  return {
    ...targetOf(args),
    allow_downgrade: args.downgrade,
    deadline_seconds: args.deadline,
  };
}

/** `--target` takes the whole audience (`canary:10`), or a type of seed 003 with flags of its own beside it. */
function targetOf({ target, percentage, group, device }: AdminArgs): object {
  if (target !== undefined && !(targetTypes as readonly unknown[]).includes(target)) {
    const audience = parseAudience(String(target));
    if (percentage === undefined && group === undefined && device === undefined)
      return toTarget(audience);
    throw new OtaError('usage', `--target ${target} says it all`, {
      hint: 'Leave --percentage, --group and --device out.',
    });
  }
  const filters = { groups: group, device_ids: device };
  return {
    target_type: target,
    target_filter: group === undefined && device === undefined ? undefined : filters,
    rollout_percentage: percentage,
  };
}

const columns = [
  ...['name', 'device_model', 'firmware_version', 'target_type', 'rollout_percentage', 'state'],
];

export const rolloutActs: readonly AdminAct[] = [
  {
    words: 'rollout create',
    needs: ['name', 'version', 'device-type'],
    takes: ['build', 'draft', ...settings],
    method: 'POST',
    path: () => '/api/admin/rollout/create',
    body: (args) => ({
      ...settingsOf({ ...args, target: args.target ?? 'all' }),
      name: args.name,
      firmware_version: args.version,
      device_model: args['device-type'],
      build_number: args.build,
      is_active: args.draft === true ? false : undefined,
    }),
    place: 'rollout',
  },
  {
    words: 'rollout list',
    needs: [],
    method: 'GET',
    path: () => '/api/admin/rollouts',
    place: 'rollouts',
    columns,
  },
  { words: 'rollout show', needs: ['name'], method: 'GET', path: rollout },
  {
    words: 'rollout set',
    needs: ['name'],
    needsOneOf: settings,
    method: 'PATCH',
    path: rollout,
    body: settingsOf,
    place: 'rollout',
  },
  ...(['pause', 'resume', 'finish', 'cancel'] as const).map(
    (act): AdminAct => ({
      words: `rollout ${act}`,
      needs: ['name'],
      method: 'POST',
      path: (args) => `${rollout(args)}/${act}`,
    }),
  ),
  { words: 'rollout delete', needs: ['name'], method: 'DELETE', path: rollout },
];
