import { dirname } from 'node:path';
import { OtaError } from '../core/errors.ts';
import type { Transport } from '../core/release/delivery.ts';
import { type DeployPlan, type DeployRequest, planDeploy } from '../core/release/deploy-plan.ts';
import { type DeployReport, plannedReport, summarize } from '../core/release/deploy-report.ts';
import { requireFilled, type Variables } from '../core/release/placeholders.ts';
import { chooseArtifacts } from '../core/release/release.ts';
import { verifyArtifact } from '../workspace/artifact-file.ts';
import { type FileStamp, isSettled, readStamp } from '../workspace/firmware/file-stamp.ts';
import { createPayload } from '../workspace/firmware/payload.ts';
import { readSignature } from '../workspace/signing/signature-files.ts';
import {
  artifactPath,
  openWorkspace,
  readManifest,
  type StoredRelease,
} from '../workspace/workspace.ts';
import { type DeliverOptions, deliverAll } from './deliver.ts';
import { readReleasable } from './packaging/releasable.ts';

export interface DeployOptions extends DeployRequest, Omit<DeliverOptions, 'attempt' | 'cwd'> {
  readonly manifestPath: string;
  readonly outputFolder?: string;
  /** A version id, or `latest`. */
  readonly version: string;
  readonly dryRun: boolean;
  readonly available: readonly Transport[];
  /** Values for `${NAME}` in channels. */
  readonly variables: Variables;
  /** Called when everything is decided and verified, before the first byte is sent. */
  onPlan?(plan: DeployPlan): void;
}

/**
 * Deploys one release: gathers the manifests, plans, verifies every artifact (in a dry run too), then sends. A
 * failed delivery does not hide the others: see the report's `ok`.
 *
 * @throws OtaError before anything is sent: manifests, plan, files, placeholders without a value
 */
export async function deploy(options: DeployOptions): Promise<DeployReport> {
  const startedAt = options.clock.now();
  const { plan, files } = await gatherAndPlan(options);
  if (!options.dryRun) requireFilled(plan.missing, plan.leftovers);
  options.onPlan?.(plan);
  const deliveries = options.dryRun
    ? plan.steps.map((step) => plannedReport(step))
    : await deliverAll(plan.steps, {
        ...options,
        cwd: dirname(options.manifestPath),
        attempt: sendFrom(files),
      });
  const run = { dryRun: options.dryRun, startedAt, finishedAt: options.clock.now() };
  return summarize(plan, deliveries, run);
}

async function gatherAndPlan(
  options: DeployOptions,
): Promise<{ plan: DeployPlan; files: ReadonlyMap<string, VerifiedFile> }> {
  const workspace = openWorkspace(options.manifestPath, options.outputFolder);
  const manifest = await readManifest(workspace);
  const now = options.clock.now();
  const stored = await readReleasable(workspace, manifest, options.version, now);
  const plan = planDeploy(options, {
    manifest,
    release: stored.release,
    signatures: await readSignatures(stored),
    transports: options.available,
    variables: options.variables,
  });
  const files = new Map<string, VerifiedFile>();
  for (const artifact of chooseArtifacts(stored.release, options.artifact)) {
    const path = await artifactPath(workspace, stored, artifact);
    const stamp = await readStamp(path).catch(() => undefined); // a missing file is named below
    await verifyArtifact(path, artifact);
    const settled = stamp !== undefined && isSettled(stamp, options.clock.now());
    files.set(artifact.filename, { path, ...(settled && { stamp }) });
  }
  return { plan, files };
}

async function readSignatures({ release, artifactFolder }: StoredRelease) {
  const signatures = new Map<string, string>();
  for (const { filename } of release.artifacts) {
    const signature = await readSignature(artifactFolder, filename);
    if (signature !== undefined) signatures.set(filename, signature);
  }
  return signatures;
}

/** A file with the right bytes; its stamp is absent when it changed too recently to be relied on. */
interface VerifiedFile {
  readonly path: string;
  readonly stamp?: FileStamp;
}

function sendFrom(files: ReadonlyMap<string, VerifiedFile>): DeliverOptions['attempt'] {
  return async (step, context) => {
    const file = files.get(step.artifact.filename);
    if (file === undefined) throw new OtaError('artifact-missing', step.artifact.filename);
    return await step.send(createPayload(file.path, step.artifact, file.stamp), context);
  };
}
