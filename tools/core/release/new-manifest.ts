import type { Settings } from './channel.ts';
import { parseManifest, type RootManifest } from './manifest.ts';
import { requireFileName } from './names.ts';
import { artifactFilename } from './package-plan.ts';

export interface NewProduct {
  readonly name: string;
  /** Chip or board names. */
  readonly hardware: readonly string[];
  /** The project name that images must carry. */
  readonly project?: string;
  /** A channel to start from for each protocol, by name. */
  readonly channels: Readonly<Record<string, Settings>>;
}

/**
 * The root manifest of a product without versions.
 *
 * @throws OtaError `name-invalid` when no file could be named after the product, `manifest-invalid`
 */
export function createManifest({ name, hardware, project, channels }: NewProduct): RootManifest {
  const protocols = Object.keys(channels);
  const manifest = parseManifest(
    {
      schema_version: 1,
      product: {
        name,
        ...(hardware.length > 0 && { hardware: hardware.length === 1 ? hardware[0] : hardware }),
        ...(project !== undefined && { project }),
      },
      ...(protocols.length > 0 && { deployment: { default_protocols: protocols, channels } }),
      versions: [],
    },
    'the new manifest',
  );
  const sample = { version: '1.0.0', overrides: {}, updateManifest: false };
  requireFileName(artifactFilename(manifest, sample), '--name');
  return manifest;
}

/** What must not get into git: half-written files, the lock, private keys; public keys and authorities may. */
const ignored = ['.ota-tmp-*', '*.lock', '*.pem', '!*.pub.pem', '!*ca.pem'] as const;

/** A .gitignore with all lines that it needs, or `undefined` when the existing one has them. */
export function completeGitignore(existing: string): string | undefined {
  const lines = existing.split(/\r?\n/).map((line) => line.trim());
  const missing = ignored.filter((line) => !lines.includes(line));
  if (missing.length === 0) return;
  const start = existing === '' || existing.endsWith('\n') ? existing : `${existing}\n`;
  return `${start}${missing.join('\n')}\n`;
}
