import { join } from 'node:path';
import type { Fingerprint } from '../../core/integrity.ts';
import type { PackagePlan } from '../../core/release/package-plan.ts';
import type { SignedRelease } from '../../core/signing/sign-release.ts';
import { changeFiles, stageBytes } from '../../workspace/changes/file-change.ts';
import { stageJson } from '../../workspace/changes/json-write.ts';
import { withLock } from '../../workspace/changes/lock.ts';
import { copyBinary } from '../../workspace/firmware/copy-binary.ts';
import type { SignPlan } from './sign.ts';

export interface PackageChange {
  readonly manifestPath: string;
  readonly binaryPath: string;
  readonly folder: string;
  readonly artifactPath: string;
  readonly releasePath: string;
  /** Further files of the release, by file name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Decides on what stands on disk now, under the lock. */
  plan(copied: Fingerprint): Promise<PackagePlan>;
  sign?: SignPlan;
}

/** What was decided and done. */
export interface AppliedPackage {
  readonly plan: PackagePlan;
  readonly signed?: SignedRelease;
}

/** Under the lock: copies and hashes in one pass, plans, signs, then changes all files as one. */
export async function applyPackage(job: PackageChange): Promise<AppliedPackage> {
  const { manifestPath, binaryPath, folder, artifactPath, releasePath, files } = job;
  return withLock(manifestPath, (requireHeld) =>
    changeFiles(async (change) => {
      const copied = await change.stage(artifactPath, (fd) => copyBinary(binaryPath, fd));
      const plan = await job.plan(copied);
      const signed = await job.sign?.(plan);
      const signatures = signed?.files ?? new Map<string, Uint8Array>();
      if (!plan.writeArtifact) await change.unstage(artifactPath);
      for (const [name, bytes] of plan.writeArtifact ? files : []) {
        await stageBytes(change, join(folder, name), bytes);
      }
      for (const [name, bytes] of signatures) await stageBytes(change, join(folder, name), bytes);
      if (plan.writeRelease || (signed?.added.length ?? 0) > 0) {
        await stageJson(change, releasePath, signed?.release ?? plan.release);
      }
      if (plan.manifest !== undefined) await stageJson(change, manifestPath, plan.manifest);
      for (const name of plan.obsolete.filter((candidate) => !signatures.has(candidate))) {
        change.remove(join(folder, name));
      }
      requireHeld();
      return { plan, ...(signed && { signed }) };
    }),
  );
}
