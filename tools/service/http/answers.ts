import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import { toProblem } from './problems.ts';

/** Every failure as problem+json (RFC 9457), what is behind a 5xx in the log only. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error, request.routeOptions.config.seed === true);
    if (problem.status >= 500) request.log.error({ err: error }, 'request failed');
    reply.header('cache-control', 'no-store');
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    if (problem.status === 503) reply.header('retry-after', '5');
    if (request.retryAfterS !== undefined) reply.header('retry-after', request.retryAfterS);
    return reply.code(problem.status).type('application/problem+json').send(problem);
  });
  app.setNotFoundHandler((request) => {
    throw new OtaError(
      'not-found',
      `there is nothing at ${request.method} ${pathOf(request.url)}`,
      {
        hint: 'GET /docs lists what there is.',
      },
    );
  });
}

/** An address that the router cannot read; it is not repeated, whatever it holds. */
export function answerRouterError({ statusCode = 400 }: FastifyError, reply: FastifyReply): void {
  const error = Object.assign(new Error('the address is too long or not encoded well'), {
    statusCode,
  });
  reply.code(statusCode).type('application/problem+json').send(toProblem(error, false));
}

function pathOf(url: string): string {
  return url.split('?')[0] ?? url;
}
