import type { FastifyInstance } from 'fastify';
import {
  type AttemptState,
  attemptStates,
  statusOfState,
} from '../../core/fleet/attempts/attempt.ts';
import type { Service } from '../service.ts';
import type { AttemptEntry } from '../store/history-store.ts';
import { isoTime } from './schemas.ts';
import { pageQuery, schemaOf } from './seed-004-schemas.ts';

interface LogQuery {
  device_id?: string;
  firmware_id?: number;
  status?: string;
  skip: number;
  limit: number;
}

/** How updates went, in the words of seed 004: one row an attempt. */
export function seed004LogRoutes(app: FastifyInstance, { service }: { service: Service }): void {
  app.get<{ Querystring: LogQuery }>(
    '/logs',
    {
      schema: schemaOf('Update attempts, newest first', { querystring: pageQuery }),
      config: { seed: true },
    },
    async (request) => {
      await service.access.require(request.headers, 'viewer');
      const { device_id: deviceId, firmware_id: releaseId, status, ...page } = request.query;
      const states = status === undefined ? undefined : statesOf(status);
      if (states?.length === 0) return [];
      const filter = { deviceId, releaseId, states, ...page };
      return (await service.store.history.attempts(filter)).map(toLog);
    },
  );
}

/** The states that a word means: one of ours, or one of the seed's. */
function statesOf(status: string): AttemptState[] {
  return attemptStates.filter((state) => state === status || statusOfState(state) === status);
}

function toLog(row: AttemptEntry) {
  const state = row.state as AttemptState;
  return {
    id: row.id,
    device_id: /^\d{1,15}$/.test(row.device_id) ? Number(row.device_id) : row.device_id,
    firmware_id: row.release_id,
    status: statusOfState(state),
    error_message: row.error,
    bytes_downloaded: row.bytes,
    download_started_at: isoTime(row.started_at),
    download_completed_at: isoTime(row.downloaded_at),
    installed_at: isoTime(row.installed_at),
    created_at: isoTime(row.created_at),
    updated_at: isoTime(row.updated_at),
    state,
    version: row.version,
  };
}
