import { dirname, join, relative } from 'node:path';
import type { PackageResult } from '../../workflows/packaging/package.ts';
import { type Io, line } from '../io.ts';
import { formatBytes } from '../render.ts';

/** The result of packaging for programs. */
export function packageJson(result: PackageResult): object {
  const { plan, dryRun, signed } = result;
  return {
    ok: true,
    dry_run: dryRun,
    outcome: outcomeOf(result),
    version: plan.release.version,
    artifact_path: result.artifactPath,
    release_path: result.releasePath,
    manifest_path: result.manifestPath,
    manifest_updated: plan.manifest !== undefined,
    warnings: result.warnings,
    release: signed?.release ?? plan.release,
    ...(signed && { signature_files: [...signed.files.keys()] }),
  };
}

const outcomeWords = {
  created: 'packaged',
  replaced: 'replaced',
  signed: 'signed',
  unchanged: 'unchanged',
} as const;

/** A release that stays as it is may still get signatures. */
function outcomeOf({ plan, signed }: PackageResult): keyof typeof outcomeWords {
  const isNewlySigned = signed !== undefined && signed.added.length + signed.files.size > 0;
  return plan.outcome === 'unchanged' && isNewlySigned ? 'signed' : plan.outcome;
}

/** What packaging did, line by line; what the image checks have to say goes to standard error. */
export function renderPackage(result: PackageResult, io: Io): void {
  const { plan, dryRun, signed } = result;
  const { version } = plan.release;
  const show = (path: string): string => relative(io.cwd, path) || '.';
  const prefix = dryRun ? '[dry-run] ' : '';
  const say = (words: string): void => line(io.stdout, `${prefix}${words}`);
  const facts = `${formatBytes(plan.artifact.size)}, SHA-256 ${plan.artifact.sha256}`;
  say(
    `${dryRun ? 'would be ' : ''}${outcomeWords[outcomeOf(result)]}: version ${version} (${facts})`,
  );
  if (plan.writeArtifact) say(`  write ${show(result.artifactPath)}`);
  if (plan.writeArtifact) {
    for (const { filename, role } of plan.release.artifacts.slice(1)) {
      say(`  write ${show(join(dirname(result.releasePath), filename))} (${role})`);
    }
  }
  for (const name of signed?.files.keys() ?? []) {
    say(`  write ${show(join(dirname(result.releasePath), name))}`);
  }
  if (plan.writeRelease || (signed?.added.length ?? 0) > 0) {
    say(`  write ${show(result.releasePath)}`);
  }
  for (const { id } of signed?.added ?? []) say(`  sign it with the key ${id}`);
  for (const name of plan.obsolete) say(`  remove ${name} of the former release`);
  if (plan.manifest !== undefined) say(`  list it in ${show(result.manifestPath)}`);
  for (const words of result.warnings) line(io.stderr, `warning: ${words}`);
}
