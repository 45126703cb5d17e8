import type { Kysely } from 'kysely';

/** How long a device had been up when its attempt last moved: reports over MQTT may overtake each other. */
export async function addDeviceClock(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('attempts').addColumn('uptime_ms', 'bigint').execute();
}
