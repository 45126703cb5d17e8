import { accessActs } from './access.ts';
import type { AdminAct } from './act.ts';
import { deviceActs } from './devices.ts';
import { releaseActs } from './releases.ts';
import { rolloutActs } from './rollouts.ts';

/** Everything that `ota admin` can do, in the order of its help. */
export const adminActs: readonly AdminAct[] = [
  ...releaseActs,
  ...rolloutActs,
  ...deviceActs,
  ...accessActs,
];
