import { join } from 'node:path';
import type { Fingerprint } from '../core/integrity.ts';
import type { PackagePlan } from '../core/release/package-plan.ts';
import { copyBinary } from '../workspace/copy-binary.ts';
import { changeFiles } from '../workspace/file-change.ts';
import { stageJson } from '../workspace/json-write.ts';
import { withLock } from '../workspace/lock.ts';

export interface PackageChange {
  readonly manifestPath: string;
  readonly binaryPath: string;
  readonly folder: string;
  readonly artifactPath: string;
  readonly releasePath: string;
  /** Decides on what stands on disk now, under the lock. */
  plan(copied: Fingerprint): Promise<PackagePlan>;
}

/** Under the lock: copies and hashes in one pass, plans, then changes all files as one. */
export async function applyPackage(job: PackageChange): Promise<PackagePlan> {
  const { manifestPath, binaryPath, folder, artifactPath, releasePath } = job;
  return withLock(manifestPath, () =>
    changeFiles(async (change) => {
      const copied = await change.stage(artifactPath, (fd) => copyBinary(binaryPath, fd));
      const plan = await job.plan(copied);
      if (!plan.writeArtifact) await change.unstage(artifactPath);
      if (plan.writeRelease) await stageJson(change, releasePath, plan.release);
      if (plan.manifest !== undefined) await stageJson(change, manifestPath, plan.manifest);
      for (const filename of plan.obsolete) change.remove(join(folder, filename));
      return plan;
    }),
  );
}
