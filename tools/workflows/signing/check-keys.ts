import { collectFinding, type Finding } from '../../core/release/findings.ts';
import type { RootManifest } from '../../core/release/manifest.ts';
import { noTrust, validityProblem } from '../../core/signing/trust.ts';
import { readTrust } from '../../workspace/signing/trusted-keys.ts';
import type { Workspace } from '../../workspace/workspace.ts';

/** Key files must be there and be what their ids say; one that is not valid now is worth knowing. */
export async function checkKeys(
  workspace: Workspace,
  manifest: RootManifest,
  now: Date,
  findings: Finding[],
): Promise<void> {
  const file = workspace.manifestPath;
  let trust = noTrust;
  await collectFinding(findings, { file }, async () => {
    trust = await readTrust(workspace, manifest);
  });
  for (const key of trust.keys) {
    const flaw = validityProblem(key, now);
    if (flaw === undefined) continue;
    findings.push({
      level: 'warning',
      file,
      code: 'key-expired',
      message: `product.signing.keys: the key ${key.label} ${flaw}`,
      hint: 'Its signatures do not count now. Add the key that follows it.',
    });
  }
}
