import { OtaError } from '../core/errors.ts';
import type { ArtifactFacts, Transport } from '../core/release/delivery.ts';
import { planDeploy } from '../core/release/deploy-plan.ts';
import { collectFinding, type Finding } from '../core/release/findings.ts';
import type { RootManifest } from '../core/release/manifest.ts';
import { fillPlaceholders, isExcused } from '../core/release/placeholders.ts';
import { isUpdate } from '../core/release/release.ts';
import { didYouMeanSuffix } from '../core/schema.ts';
import {
  openWorkspace,
  readEntry,
  readManifest,
  type StoredRelease,
} from '../workspace/workspace.ts';
import { checkKeys } from './signing/check-keys.ts';

export interface ValidateOptions {
  readonly manifestPath: string;
  readonly outputFolder?: string;
  readonly transports: readonly Transport[];
  /** For the times of keys. */
  readonly now: Date;
}

export interface ValidateResult {
  readonly product: string | undefined;
  readonly versions: number;
  readonly findings: readonly Finding[];
}

/**
 * Checks manifests only, no artifact files: schemas, rules across files, and the channel settings of every release
 * as a deployment would merge them. Reports everything that it finds; never throws for a bad file.
 */
export async function validate(options: ValidateOptions): Promise<ValidateResult> {
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  const findings: Finding[] = [];
  let manifest: RootManifest | undefined;
  await collectFinding(findings, { file: options.manifestPath }, async () => {
    manifest = await readManifest(workspace);
  });
  if (manifest === undefined) return { product: undefined, versions: 0, findings };
  await checkKeys(workspace, manifest, options.now, findings);
  await checkRootChannels(manifest, options, findings);
  for (const entry of manifest.versions) {
    const about = { file: options.manifestPath, version: entry.id };
    let stored: StoredRelease | undefined;
    await collectFinding(findings, about, async () => {
      stored = await readEntry(workspace, entry);
    });
    if (stored !== undefined) await checkReleaseChannels(manifest, stored, options, findings);
  }
  return { product: manifest.product.name, versions: manifest.versions.length, findings };
}

/** Any artifact will do to check the shape of a channel. */
const sampleArtifact: ArtifactFacts = {
  product: 'product',
  hardware: 'esp32',
  version: '1.0.0',
  artifact: 'artifact',
  filename: 'artifact-1.0.0.bin',
  sizeBytes: 1,
  sha256: '0'.repeat(64),
};

async function checkRootChannels(
  manifest: RootManifest,
  options: ValidateOptions,
  findings: Finding[],
): Promise<void> {
  const names = options.transports.map(({ name }) => name);
  for (const [name, channel] of Object.entries(manifest.deployment?.channels ?? {})) {
    await collectFinding(findings, { file: options.manifestPath }, () => {
      const transport = options.transports.find((candidate) => candidate.name === name);
      if (transport === undefined) {
        throw new OtaError(
          'transport-unknown',
          `deployment.channels.${name}: there is no such transport${didYouMeanSuffix(name, names)}`,
          { hint: `Transports are: ${names.join(', ')}.` },
        );
      }
      const { settings, missing } = fillPlaceholders(channel, {}, name);
      try {
        transport.prepare(settings, { artifact: sampleArtifact, devices: [sampleDevice] });
      } catch (error) {
        if (!isExcused(error, missing)) throw error;
      }
    });
  }
}

async function checkReleaseChannels(
  manifest: RootManifest,
  stored: StoredRelease,
  options: ValidateOptions,
  findings: Finding[],
): Promise<void> {
  const { release } = stored;
  const protocols = release.artifacts.filter(isUpdate).flatMap((artifact) =>
    (artifact.protocols ?? manifest.deployment?.default_protocols ?? []).map((protocol) => ({
      artifact: artifact.filename,
      protocol,
    })),
  );
  for (const { artifact, protocol } of protocols) {
    await collectFinding(findings, { file: stored.path, version: release.version }, () => {
      planDeploy(
        { transports: [protocol], artifact, overrides: {}, devices: [sampleDevice] },
        {
          manifest,
          release,
          signatures: new Map(),
          transports: options.transports,
          variables: {},
        },
      );
    });
  }
}

const sampleDevice = { host: '192.0.2.1' } as const;
