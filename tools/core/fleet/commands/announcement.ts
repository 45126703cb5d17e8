import announcementSchema from '../../../../schemas/ota-announcement.schema.json' with {
  type: 'json',
};
import type { ArtifactFacts } from '../../release/delivery.ts';
import { defineSchema, formatProblem } from '../../schema.ts';

/** Says that there is firmware, and where (schemas/ota-announcement.schema.json). */
export interface Announcement {
  readonly version: string;
  readonly url: string;
  readonly size: number;
  /** Lowercase hex. */
  readonly sha256: string;
  /** Base64 of the signature over the firmware; only of a signed release. */
  readonly signature?: string;
  readonly product?: string;
  readonly hardware?: string;
  readonly artifact?: string;
  readonly filename?: string;
}

const checkSchema = defineSchema(announcementSchema);
const longestBytes = 65_536;

export function buildAnnouncement(facts: ArtifactFacts, url: string): Announcement {
  const { product, hardware, version, artifact, filename, sizeBytes, sha256, signature } = facts;
  return {
    version,
    url,
    size: sizeBytes,
    sha256,
    ...(signature === undefined ? {} : { signature }),
    product,
    hardware,
    artifact,
    filename,
  };
}

/** Reads an announcement as a device does. A text is what is wrong with it. */
export function parseAnnouncement(payload: Uint8Array): Announcement | string {
  if (payload.length > longestBytes) return 'is too long';
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString());
  } catch {
    return 'is not JSON';
  }
  const problems = checkSchema(value);
  return problems.length === 0
    ? (value as Announcement)
    : problems.map((problem) => formatProblem(problem)).join('; ');
}
