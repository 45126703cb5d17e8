import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import Fastify, { type FastifyInstance } from 'fastify';
import { createMetrics } from '../metrics.ts';
import { adminRoutes } from '../routes/admin.ts';
import { deviceRoutes } from '../routes/devices.ts';
import { modelRoutes } from '../routes/models.ts';
import { publisherRoutes } from '../routes/publisher.ts';
import type { FileBody } from '../routes/schemas.ts';
import { seed003AdminRoutes } from '../routes/seed-003-admin.ts';
import { seed003DeviceRoutes } from '../routes/seed-003-device.ts';
import { seed004AdminRoutes } from '../routes/seed-004-admin.ts';
import { seed004DeviceRoutes } from '../routes/seed-004-device.ts';
import { systemRoutes } from '../routes/system.ts';
import { tokenRoutes } from '../routes/tokens.ts';
import type { Service } from '../service.ts';
import { answerErrors } from './answers.ts';
import { readAway, readBodies } from './bodies.ts';
import { registerLimits } from './limits.ts';
import { type AppOptions, serverOptions } from './server-options.ts';
import { requireStorableRequest } from './texts.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Errors look as the clients of a seed expect them. */
    seed?: boolean;
    /** A body that is not JSON, for the description: the schema of a request would be checked. */
    file?: FileBody;
  }
}

/** The web application: routes, errors, limits; it listens nowhere yet. */
export async function createApp(service: Service, options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify(serverOptions(service.settings, options)) as unknown as FastifyInstance;
  readBodies(app);
  answerErrors(app);
  app.addHook('preValidation', async (request) => requireStorableRequest(request));
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
    reply.header('x-content-type-options', 'nosniff');
  });
  readAway(app, service.settings.maxUploadBytes);
  await app.register(import('@fastify/multipart'), {
    throwFileSizeLimit: false,
    limits: {
      files: 1,
      fields: 30,
      fieldSize: 64 * 1024,
      fileSize: service.settings.maxUploadBytes + 1,
    },
  });
  await registerLimits(app, service.settings);
  const metrics = createMetrics(app, service);
  await app.register(import('@fastify/swagger'), { openapi: openapiHead, transform: describeFile });
  const routes = [
    seed003DeviceRoutes,
    seed003AdminRoutes,
    publisherRoutes,
    deviceRoutes,
    adminRoutes,
    tokenRoutes,
    modelRoutes,
  ];
  for (const add of routes) add(app, { service });
  for (const prefix of ['/api/ota', '/ota']) addSeed004(app, service, prefix);
  systemRoutes(app, { service, metrics });
  return app;
}

function addSeed004(app: FastifyInstance, service: Service, prefix: string): void {
  app.register(
    (scope, _options, done) => {
      seed004DeviceRoutes(scope, { service, prefix });
      done();
    },
    { prefix },
  );
  app.register(
    (scope, _options, done) => {
      seed004AdminRoutes(scope, { service });
      done();
    },
    { prefix: `${prefix}/admin` },
  );
}

/** Puts the bodies that are read as streams into the description. */
const describeFile: NonNullable<FastifyDynamicSwaggerOptions['transform']> = ({
  schema,
  url,
  route,
}) => {
  const { file } = route.config ?? {};
  return { url, schema: file === undefined ? schema : { ...schema, ...file } };
};

const openapiHead = {
  info: {
    title: 'OTA service',
    description: 'Releases, rollouts and the truth about devices.',
    version: '1',
  },
  components: {
    securitySchemes: {
      key: { type: 'apiKey' as const, in: 'header' as const, name: 'X-API-Key' },
      bearer: { type: 'http' as const, scheme: 'bearer' },
    },
  },
};
