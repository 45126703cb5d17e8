import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ArtifactFacts, Payload } from '../../core/release/delivery.ts';
import { https } from '../../transports/https.ts';
import { createPayload } from '../../workspace/firmware/payload.ts';
import type { Publication } from './publish.ts';

/** Uploads with PUT, one file after the other, version.json last. @throws OtaError as the HTTPS transport does */
export async function publishOverHttps(publication: Publication, url: string): Promise<void> {
  const { options, files } = publication;
  const { https: settings } = options;
  for (const { name, role } of files) {
    const payload =
      role === 'version' ? textPayload(publication, name) : binaryPayload(publication, name);
    const channel = {
      url: `${url}/${encodeURIComponent(name)}`,
      method: 'PUT',
      verify: settings.verify,
      ...(settings.ca === undefined ? {} : { ca: settings.ca }),
      ...(url.startsWith('http:') ? { allow_http: true } : {}),
      headers: authorization(settings),
    };
    const [delivery] = https.prepare(channel, { artifact: payload.facts, devices: [] });
    await delivery?.send(payload, {
      signal: options.signal,
      attempt: 1,
      env: options.env,
      cwd: settings.cwd,
      now: options.now,
      random: options.random,
      onProgress: () => {},
    });
  }
}

/** RFC 7617. */
function authorization({
  username,
  password,
}: Publication['options']['https']): Record<string, string> {
  if (username === undefined || username === '') return {};
  const text = Buffer.from(`${username}:${password ?? ''}`).toString('base64');
  return { Authorization: `Basic ${text}` };
}

function factsOf(publication: Publication, filename: string): ArtifactFacts {
  return {
    product: 'publication',
    hardware: '',
    version: publication.versionFile.version,
    artifact: filename,
    filename,
    sizeBytes: publication.sizeBytes,
    sha256: publication.sha256,
  };
}

function binaryPayload(publication: Publication, name: string): Payload {
  return createPayload(publication.options.binaryPath, factsOf(publication, name));
}

function textPayload(publication: Publication, name: string): Payload {
  const bytes = Buffer.from(publication.versionText);
  return {
    facts: {
      ...factsOf(publication, name),
      sizeBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    },
    stream: () => Readable.from([bytes]),
    bytes: async () => bytes,
  };
}
