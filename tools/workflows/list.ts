import { collectFinding, type Finding } from '../core/release/findings.ts';
import { isUpdate, type Release } from '../core/release/release.ts';
import { isSealed } from '../core/release/seal.ts';
import { checkSignatures } from '../core/signing/release-signature.ts';
import { noTrust, type Trust } from '../core/signing/trust.ts';
import { compareVersions, latestVersion } from '../core/version.ts';
import { readTrust } from '../workspace/signing/trusted-keys.ts';
import { openWorkspace, readEntry, readManifest } from '../workspace/workspace.ts';

export interface ListOptions {
  readonly manifestPath: string;
  readonly outputFolder?: string;
  /** For the times of keys. */
  readonly now: Date;
}

/**
 * `none`: not signed · `unchecked`: the product lists no keys · `insufficient`: too few that count · `invalid`:
 * changed after signing.
 */
export type SignatureState = 'none' | 'unchecked' | 'valid' | 'insufficient' | 'invalid';

/** One line of the list. What only ota.json says is absent when that cannot be read. */
export interface ListedVersion {
  readonly version: string;
  /** Whether `--version latest` means this one. */
  readonly latest: boolean;
  readonly label?: string;
  readonly created_at?: string;
  /** Bytes of what is sent over the air. */
  readonly size?: number;
  readonly chip?: string;
  readonly signatures?: SignatureState;
}

export interface ListResult {
  readonly product: string;
  /** Newest first. */
  readonly versions: readonly ListedVersion[];
  readonly findings: readonly Finding[];
}

/**
 * Lists the versions of a product from its manifests; no artifact is read. A release that cannot be read is listed
 * all the same, with a finding that says why.
 *
 * @throws OtaError when the root manifest cannot be used
 */
export async function listVersions(options: ListOptions): Promise<ListResult> {
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  const manifest = await readManifest(workspace);
  const findings: Finding[] = [];
  let trust = noTrust;
  await collectFinding(findings, { file: options.manifestPath }, async () => {
    trust = await readTrust(workspace, manifest);
  });
  const latest = latestVersion(manifest.versions.map(({ id }) => id));
  const versions: ListedVersion[] = [];
  for (const entry of manifest.versions.toSorted((a, b) => compareVersions(b.id, a.id))) {
    const { id, label } = entry;
    const about = { file: options.manifestPath, version: id };
    let facts = {};
    await collectFinding(findings, about, async () => {
      const { release } = await readEntry(workspace, entry);
      facts = describe(release, trust, options.now);
    });
    versions.push({
      version: id,
      latest: id === latest,
      ...(label !== undefined && { label }),
      ...facts,
    });
  }
  return { product: manifest.product.name, versions, findings };
}

function describe(release: Release, trust: Trust, now: Date): Partial<ListedVersion> {
  const { created_at, image } = release;
  const updates = release.artifacts.filter(isUpdate);
  return {
    ...(created_at !== undefined && { created_at }),
    size: updates.reduce((sum, { size }) => sum + size, 0),
    ...(image?.chip !== undefined && { chip: image.chip }),
    signatures: stateOf(release, trust, now),
  };
}

function stateOf(release: Release, trust: Trust, now: Date): SignatureState {
  if (!isSealed(release)) return 'none';
  if (trust.keys.length === 0) return 'unchecked';
  const verdict = checkSignatures(release, trust, now);
  if (verdict.invalid.length > 0) return 'invalid';
  return verdict.sufficient ? 'valid' : 'insufficient';
}
