import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, for signatures over it. */
    rawBody?: string;
  }
}

/** JSON as text and parsed; firmware as a stream. */
export function readBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    request.rawBody = String(body);
    return parseJson(request, String(body), done);
  });
  // Firmware is taken as a stream, whatever it is called.
  for (const type of ['application/octet-stream', 'application/x-binary'])
    app.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
}

/**
 * What is left of a body after the answer would stand before the next request of the connection: it is read away. Cutting
 * the connection instead could cost the client the answer; that happens to one who does not stop.
 */
export function readAway(app: FastifyInstance, mostBytes: number): void {
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.complete || raw.destroyed) return;
    let left = mostBytes;
    raw.unpipe();
    raw.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) raw.destroy();
    });
    raw.resume();
  });
}
