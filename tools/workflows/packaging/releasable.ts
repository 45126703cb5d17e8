import type { RootManifest } from '../../core/release/manifest.ts';
import { requireSigned } from '../../core/signing/require-signed.ts';
import { readTrust } from '../../workspace/signing/trusted-keys.ts';
import { readRelease, type StoredRelease, type Workspace } from '../../workspace/workspace.ts';

/**
 * Reads a release that is about to leave the workspace, by whatever way: signed as the product demands, and not
 * changed since. Its artifacts are not looked at.
 *
 * @param version a version id, or `latest`
 * @throws OtaError as `readRelease` does, about keys, `signature-invalid`, `signature-missing`
 */
export async function readReleasable(
  workspace: Workspace,
  manifest: RootManifest,
  version: string,
  now: Date,
): Promise<StoredRelease> {
  const stored = await readRelease(workspace, manifest, version);
  if (manifest.product.signing !== undefined) {
    requireSigned(stored.release, await readTrust(workspace, manifest), now);
  }
  return stored;
}
