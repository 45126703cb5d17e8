import type { FastifyInstance } from 'fastify';
import type { Service } from '../service.ts';
import { seed004LogRoutes } from './seed-004-logs.ts';
import { seed004ReleaseRoutes } from './seed-004-releases.ts';
import { seed004UploadRoutes } from './seed-004-uploads.ts';

/** The administrator's endpoints of seed 004. */
export function seed004AdminRoutes(app: FastifyInstance, parts: { service: Service }): void {
  seed004UploadRoutes(app, parts);
  seed004ReleaseRoutes(app, parts);
  seed004LogRoutes(app, parts);
}
