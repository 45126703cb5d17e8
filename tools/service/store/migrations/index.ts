import type { Migration } from 'kysely';
import { createFleet } from './0001-fleet.ts';
import { separateSightings } from './0002-sightings.ts';
import { addDeviceClock } from './0003-device-clock.ts';
import { listTokens } from './0004-tokens.ts';

/** Schema changes in order, forward only. A published one is never edited: add the next. */
export function migrations(kind: 'sqlite' | 'postgres'): Record<string, Migration> {
  return {
    '0001-fleet': { up: (db) => createFleet(db, kind) },
    '0002-sightings': { up: (db) => separateSightings(db, kind) },
    '0003-device-clock': { up: addDeviceClock },
    '0004-tokens': { up: listTokens },
  };
}
