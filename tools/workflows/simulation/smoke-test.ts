import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ErrorJson, errorToJson, OtaError } from '../../core/errors.ts';
import { buildImage } from '../../core/image/building/build-image.ts';
import type { Transport } from '../../core/release/delivery.ts';
import { writeJsonFile } from '../../workspace/changes/json-write.ts';
import { withTemporaryFolder } from '../../workspace/changes/temporary-folder.ts';
import type { Clock } from '../clock.ts';
import { deploy } from '../deploy.ts';
import { packageBinary } from '../packaging/package.ts';
import { verify } from '../signing/verify.ts';
import { validate } from '../validate.ts';

export interface SmokeCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: ErrorJson;
}

export interface SmokeTestOptions {
  /** The product's own manifest, which is only read. */
  readonly manifestPath: string;
  readonly transports: readonly Transport[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const version = '0.0.0-smoke';
const device = { host: '192.0.2.1' };

/**
 * Packages and dry-runs in a temporary folder, without network: a quick proof that an installation works and that
 * the product's own manifests are valid. Later checks run even when earlier ones fail.
 */
export async function smokeTest(options: SmokeTestOptions): Promise<SmokeCheck[]> {
  return withTemporaryFolder(async (folder) => {
    const manifestPath = join(folder, 'ota', 'manifest.json');
    await prepareWorkspace(folder, manifestPath, options.transports);
    const checks: SmokeCheck[] = [];
    for (const [name, run] of listChecks(folder, manifestPath, options)) {
      checks.push(await runCheck(name, run));
    }
    return checks;
  });
}

type Run = () => Promise<void>;

function listChecks(
  folder: string,
  manifestPath: string,
  options: SmokeTestOptions,
): [string, Run][] {
  const packaging =
    (dryRun: boolean): Run =>
    async () => {
      const result = await packageBinary({
        manifestPath,
        binaryPath: join(folder, 'firmware.bin'),
        version,
        overrides: {},
        updateManifest: true,
        dryRun,
        transports: options.transports,
        now: options.clock.now(),
      });
      const written = await stat(result.releasePath).catch(() => undefined);
      if ((written === undefined) !== dryRun)
        fail(`a ${dryRun ? 'dry run wrote' : 'run did not write'} files`);
    };
  return [
    ['package, dry run: touches nothing', packaging(true)],
    ['package: writes a release', packaging(false)],
    ['validate the fresh manifest', () => requireValid(manifestPath, options)],
    [
      'verify the fresh release',
      async () => {
        const { findings } = await verify({ manifestPath, now: options.clock.now() });
        if (findings.length > 0) fail(findings.map(({ message }) => message).join('; '));
      },
    ],
    ["validate the product's own manifest", () => requireValid(options.manifestPath, options)],
    ...options.transports.map(({ name }): [string, Run] => [
      `deploy over ${name}, dry run`,
      () => dryRunDeploy(manifestPath, name, options),
    ]),
  ];
}

async function requireValid(manifestPath: string, options: SmokeTestOptions): Promise<void> {
  const { findings } = await validate({
    manifestPath,
    transports: options.transports,
    now: options.clock.now(),
  });
  const errors = findings.filter(({ level }) => level === 'error');
  if (errors.length === 0) return;
  fail(
    `${manifestPath} is not valid`,
    errors.flatMap(({ message, details = [] }) => [message, ...details]),
  );
}

async function dryRunDeploy(
  manifestPath: string,
  transport: string,
  options: SmokeTestOptions,
): Promise<void> {
  const report = await deploy({
    manifestPath,
    version,
    transports: [transport],
    overrides: {},
    devices: [device],
    available: options.transports,
    variables: {},
    dryRun: true,
    policy: { retries: 0, baseMs: 0, maxMs: 0 },
    concurrency: 1,
    failFast: false,
    env: {},
    signal: options.signal,
    clock: options.clock,
    notify: () => {},
  });
  if (!report.ok) fail(`the plan for ${transport} is not complete`);
}

async function prepareWorkspace(
  folder: string,
  manifestPath: string,
  transports: readonly Transport[],
): Promise<void> {
  const image = buildImage({ chip: 'esp32s3', project: 'smoke', version, sizeBytes: 64 * 1024 });
  await writeFile(join(folder, 'firmware.bin'), image);
  await writeJsonFile(manifestPath, {
    schema_version: 1,
    product: { name: 'Smoke Test', hardware: 'esp32s3' },
    deployment: {
      default_protocols: transports.map(({ name }) => name),
      channels: Object.fromEntries(transports.map(({ name, example }) => [name, example])),
    },
    versions: [],
  });
}

async function runCheck(name: string, run: Run): Promise<SmokeCheck> {
  try {
    await run();
    return { name, ok: true };
  } catch (error) {
    return { name, ok: false, error: errorToJson(error) };
  }
}

function fail(message: string, details: readonly string[] = []): never {
  throw new OtaError('check-failed', message, { details });
}
