import type { PackagePlan } from '../../core/release/package-plan.ts';
import { type SignedRelease, signRelease } from '../../core/signing/sign-release.ts';
import { readArtifact } from '../../workspace/artifact-file.ts';
import { readSignatureFiles } from '../../workspace/signing/signature-files.ts';
import { readTrust } from '../../workspace/signing/trusted-keys.ts';
import { readManifest, type Workspace } from '../../workspace/workspace.ts';
import { loadSigners, type SignerSources } from '../signing/load-signers.ts';

/** Signs what a plan is going to write; nothing is written yet. */
export type SignPlan = (plan: PackagePlan) => Promise<SignedRelease>;

/**
 * Opens the keys, and returns what signs a plan's release with them.
 *
 * @throws OtaError about the keys
 */
export async function createSignPlan(
  sources: SignerSources,
  options: {
    workspace: Workspace;
    binaryPath: string;
    folder: string;
    files: ReadonlyMap<string, Uint8Array>;
    now: Date;
  },
): Promise<SignPlan> {
  const signers = await loadSigners(sources);
  const trust = await readTrust(options.workspace, await readManifest(options.workspace));
  return ({ release, obsolete }) =>
    signRelease(
      {
        release,
        readArtifact: async (artifact) =>
          options.files.get(artifact.filename) ?? readArtifact(options.binaryPath, artifact),
        // Signatures of bytes that are being replaced are as good as gone.
        async readSignatureFiles({ filename }) {
          const files = await readSignatureFiles(options.folder, filename);
          return new Map([...files].filter(([name]) => !obsolete.includes(name)));
        },
      },
      signers,
      { trust, now: options.now },
    );
}
