import type { FastifyInstance } from 'fastify';
import { renderDocsPage } from '../http/docs-page.ts';
import type { Metrics } from '../metrics.ts';
import type { Service } from '../service.ts';

const metricsQuery = {
  type: 'object',
  properties: { format: { type: 'string', enum: ['json', 'prometheus'] } },
} as const;

/** Health, readiness, metrics and the description of the API. */
export function systemRoutes(
  app: FastifyInstance,
  { service, metrics }: { service: Service; metrics: Metrics },
): void {
  const schema = (summary: string) => ({ tags: ['system'], summary });
  app.get('/health', { schema: schema('The process lives') }, async () => ({ status: 'healthy' }));
  app.get(
    '/ready',
    { schema: schema('The database answers; whether the broker is connected') },
    async (_request, reply) => {
      // Requests are answered without the broker, too.
      const connected = service.feed?.state().connected;
      const broker = connected === undefined ? {} : { broker: connected ? 'connected' : 'away' };
      try {
        await service.store.history.ping();
        return { status: 'ready', ...broker };
      } catch {
        return reply.code(503).send({ status: 'unavailable', ...broker });
      }
    },
  );
  app.get(
    '/metrics',
    { schema: { ...schema('Figures: JSON, or Prometheus text'), querystring: metricsQuery } },
    async (request, reply) => {
      const wanted = request.headers.accept ?? '';
      const query = request.query as { format?: string };
      const isText = /text\/plain|openmetrics/.test(wanted) || query.format === 'prometheus';
      if (!isText) return metrics.json();
      return reply.type(metrics.contentType).send(await metrics.text());
    },
  );
  app.get('/openapi.json', { schema: { ...schema('This API'), hide: true } }, async () =>
    app.swagger(),
  );
  app.get(
    '/docs',
    { schema: { ...schema('This API, to read'), hide: true } },
    async (_request, reply) =>
      reply
        .type('text/html; charset=utf-8')
        .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
        .send(renderDocsPage(app.swagger() as never)),
  );
}
