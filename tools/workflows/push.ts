import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { OtaError } from '../core/errors.ts';
import type { CheckLevel } from '../core/image/check.ts';
import type { FirmwareFile } from '../core/image/firmware-file.ts';
import { parseImage } from '../core/image/parse-image.ts';
import { checkFailure, checkWarnings, formatCheck, runChecks } from '../core/image/run-checks.ts';
import { fingerprintOf } from '../core/integrity.ts';
import type { ArtifactFacts, Payload } from '../core/release/delivery.ts';
import type { DeployPlan } from '../core/release/deploy-plan.ts';
import { type DeployReport, plannedReport, summarize } from '../core/release/deploy-report.ts';
import { describeBinary, type PushRequest, planPush } from '../core/release/push-plan.ts';
import { findBinary } from '../workspace/firmware/binary.ts';
import { readFirmwareBytes } from '../workspace/firmware/firmware-bytes.ts';
import { readPartitionTable } from '../workspace/firmware/partition-table-file.ts';
import { type DeliverOptions, deliverAll } from './deliver.ts';
import { findBuild } from './packaging/examine.ts';
import { requireSignedBinary } from './signing/signed-binary.ts';

export interface PushOptions extends PushRequest, Omit<DeliverOptions, 'attempt' | 'cwd'> {
  readonly binaryPath: string;
  /** Root manifests whose rule about signatures holds for the binary (see `manifestsInReach`). */
  readonly manifestPaths: readonly string[];
  /** The chips that the devices have, when that is known; any of them is right. */
  readonly chips: readonly string[];
  /** The table of the devices; default that of the build folder in which the binary lies. */
  readonly partitionTablePath?: string;
  /** Names of image checks that may fail. */
  readonly allow: readonly string[];
  readonly dryRun: boolean;
  /** Called when everything is decided and checked, before the first byte is sent. */
  onPlan?(plan: DeployPlan, binary: PushedBinary): void;
}

/** The file that is pushed, as people compare it. */
export interface PushedBinary {
  readonly facts: ArtifactFacts;
  /** Lowercase hex; what ESPHome and its tools show. */
  readonly md5: string;
}

/** Checks about releases: a push has none. */
const releaseChecks: Readonly<Record<string, CheckLevel>> = {
  'dirty-version': 'off',
  'hardware-name': 'off',
};

/**
 * Pushes one firmware file to devices: reads and checks it, plans one delivery for each device, sends. A failed
 * device does not hide the others: see the report's `ok`.
 *
 * @throws OtaError before anything is sent: `devices-missing`, `signature-missing`, `check-failed`, `channel-invalid`,
 *   and about files
 */
export async function push(options: PushOptions): Promise<DeployReport> {
  const startedAt = options.clock.now();
  if (options.devices.length === 0) {
    throw new OtaError('devices-missing', 'no device is given', {
      hint: 'Name one with --device HOST, or several with --batch FILE.',
    });
  }
  await findBinary(options.binaryPath);
  const bytes = await readFirmwareBytes(options.binaryPath);
  const { sizeBytes, sha256 } = fingerprintOf(bytes);
  const binary = { path: options.binaryPath, sha256 };
  await requireSignedBinary(binary, options.manifestPaths, startedAt);
  const image = parseImage(bytes);
  const facts = describeBinary(image, {
    filename: basename(options.binaryPath),
    sizeBytes,
    sha256,
  });
  const warnings = await check(image, facts, options);
  const plan = planPush(options, facts);
  options.onPlan?.(plan, { facts, md5: createHash('md5').update(bytes).digest('hex') });

  const payload: Payload = {
    facts,
    stream: () => Readable.from([bytes]),
    bytes: async () => bytes,
  };
  const deliveries = options.dryRun
    ? plan.steps.map((step) => plannedReport(step))
    : await deliverAll(plan.steps, {
        ...options,
        cwd: '.',
        attempt: (step, context) => step.send(payload, context),
      });
  const run = { dryRun: options.dryRun, startedAt, finishedAt: options.clock.now() };
  const report = summarize(plan, deliveries, run);
  return { ...report, warnings: [...warnings, ...report.warnings] };
}

async function check(
  image: FirmwareFile,
  facts: ArtifactFacts,
  options: PushOptions,
): Promise<string[]> {
  const build = await findBuild(options.binaryPath);
  const partitionTable =
    options.partitionTablePath === undefined
      ? build?.partitionTable
      : await readPartitionTable(options.partitionTablePath);
  const results = runChecks(
    {
      image,
      sha256: facts.sha256,
      version: facts.version,
      versionGiven: true,
      product: { hardware: options.chips },
      partitionTable,
      build,
      releases: [],
    },
    releaseChecks,
    options.allow,
  );
  const failure = checkFailure(results, options.binaryPath);
  if (failure !== undefined) throw failure;
  return checkWarnings(results).map(formatCheck);
}
