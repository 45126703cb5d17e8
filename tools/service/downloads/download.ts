import type { OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { OtaError } from '../../core/errors.ts';
import { createArtifactSender } from '../artifacts/artifact-sender.ts';
import type { ArtifactStore, ByteRange, OpenArtifact } from '../artifacts/artifact-store.ts';
import type { ReleaseRow } from '../store/tables.ts';
import { createHotFiles } from './hot-files.ts';
import { chooseRange } from './range.ts';

/** Sends files; what is asked for often is kept in memory, within a bound. */
export interface Downloads {
  send(request: FastifyRequest, reply: FastifyReply, release: ReleaseRow): Promise<unknown>;
}

/** @param cacheBytes bound of the memory for hot files; 0 reads everything from the store */
export function createDownloads(artifacts: ArtifactStore, cacheBytes: number): Downloads {
  const hot = createHotFiles(artifacts, cacheBytes);
  const sendArtifact = createArtifactSender();
  async function openSource(method: string, { sha256, size }: ReleaseRow) {
    if (method !== 'HEAD') return (await hot.get(sha256, size)) ?? artifacts.open(sha256);
    await (await artifacts.open(sha256)).close();
    return 'none';
  }

  /** Past Fastify, which does not say when the system has taken a chunk. */
  async function sendFrom(
    artifact: OpenArtifact,
    part: ByteRange,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
    await sendArtifact(artifact, part, raw).catch((error: unknown) => {
      request.log.error({ err: error }, 'a download broke off');
      raw.destroy(); // the receiver sees that bytes are missing
    });
  }

  return {
    async send(request, reply, release) {
      const etag = `"${release.sha256}"`;
      if (isKnownTo(request.headers['if-none-match'], etag))
        return reply.headers(headersOf(release, etag)).code(304).send();
      const range = chooseRange(request, release.size, etag);
      if (range === 'unsatisfiable') {
        reply.header('content-range', `bytes */${release.size}`);
        throw new OtaError('range-invalid', `${request.headers.range} lies outside the file`, {
          hint: `The file has ${release.size} bytes.`,
        });
      }
      const part = range ?? { start: 0, end: release.size - 1 };
      // The bytes first: what fails is answered without the headers of a file that nobody gets.
      const source = await openSource(request.method, release);
      reply.headers(headersOf(release, etag));
      reply.header('content-length', part.end - part.start + 1);
      if (range !== undefined)
        reply.code(206).header('content-range', `bytes ${part.start}-${part.end}/${release.size}`);
      // An empty stream: Fastify would set the length of an empty text.
      if (source === 'none') return reply.send(Readable.from([]));
      if (Buffer.isBuffer(source)) return reply.send(source.subarray(part.start, part.end + 1));
      await sendFrom(source, part, request, reply);
      return reply;
    },
  };
}

/** The checksums of both seeds, RFC 9530, and MD5 for devices that know nothing else. */
function headersOf(release: ReleaseRow, etag: string): Record<string, string> {
  const name = `${release.model}_${release.version}.bin`.replaceAll(/[^\w.+-]/g, '_');
  return {
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${name}"`,
    'accept-ranges': 'bytes',
    etag,
    // Proxies that compress take the Content-Length away, which updaters need.
    'cache-control': 'private, max-age=3600, no-transform',
    'x-firmware-version': headerText(release.version),
    'x-firmware-build': String(release.build),
    'x-firmware-hash': release.sha256,
    'x-checksum-sha256': release.sha256,
    'x-md5': release.md5,
    // The digest of the whole file, whatever part is sent (RFC 9530 §3).
    'repr-digest': `sha-256=:${Buffer.from(release.sha256, 'hex').toString('base64')}:`,
    ...(release.signature === null ? {} : { 'x-firmware-signature': release.signature }),
  };
}

function headerText(text: string): string {
  return encodeURIComponent(text).replaceAll('%2B', '+');
}

/** RFC 9110 §13.1.2: any of the list, also where a proxy has made it a weak one. */
function isKnownTo(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map((part) => part.trim().replace(/^W\//, ''));
  return tags.includes(etag) || header?.trim() === '*';
}
