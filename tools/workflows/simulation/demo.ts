import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OtaError } from '../../core/errors.ts';
import { buildImage } from '../../core/image/building/build-image.ts';
import { checkNames } from '../../core/image/run-checks.ts';
import type { Transport } from '../../core/release/delivery.ts';
import type { DeployReport } from '../../core/release/deploy-report.ts';
import type { ReceivedImage } from '../../simulator/mqtt-device.ts';
import { writeJsonFile } from '../../workspace/changes/json-write.ts';
import { withTemporaryFolder } from '../../workspace/changes/temporary-folder.ts';
import type { Clock } from '../clock.ts';
import { deploy } from '../deploy.ts';
import { type PackageResult, packageBinary } from '../packaging/package.ts';
import { validate } from '../validate.ts';
import { type DemoPeers, demoTopic, demoVariables, startDemoPeers } from './demo-peers.ts';

export interface DemoOptions {
  /** The user's own image; default one that the toolkit builds. */
  readonly binaryPath?: string;
  readonly transports: readonly Transport[];
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** Called at each step, in order. */
  notify(step: DemoStep): void;
}

/** What the demonstration is doing, in the words that it is printed with. */
export interface DemoStep {
  readonly title: string;
  readonly lines: readonly string[];
}

export interface DemoDevice {
  readonly name: string;
  readonly received: ReceivedImage | undefined;
  /** Whether exactly the packaged bytes arrived. */
  readonly ok: boolean;
}

const version = '1.2.3';
/**
 * The whole job on this machine: a broker and a server with a throw-away CA, a virtual device on each, a workspace
 * in a temporary folder; package, validate, dry run, deploy. Each device computes the SHA-256 of what arrived.
 */
export async function demo(options: DemoOptions): Promise<readonly DemoDevice[]> {
  return withTemporaryFolder(async (folder) => {
    const { notify } = options;
    const peers = await startDemoPeers(options.clock.now());
    try {
      notify({
        title: 'start a broker and a server, with a throw-away certificate authority',
        lines: [
          `broker ${peers.brokerUrl}, a virtual device listens to ${demoTopic}`,
          `server ${peers.serverUrl}, a virtual device behind PUT /firmware`,
        ],
      });
      const manifestPath = await prepareWorkspace(folder, peers, options);
      notify({ title: 'make a workspace', lines: [manifestPath] });
      const packaged = await packageStep(folder, manifestPath, options);
      await validateStep(manifestPath, options);
      await deployStep(manifestPath, true, options);
      await deployStep(manifestPath, false, options);
      const devices = await judge(packaged, peers);
      notify({ title: 'ask the devices what arrived', lines: devices.map(describeDevice) });
      return devices;
    } finally {
      await peers.close();
    }
  });
}

async function prepareWorkspace(
  folder: string,
  peers: DemoPeers,
  options: DemoOptions,
): Promise<string> {
  const manifestPath = join(folder, 'ota', 'manifest.json');
  await writeJsonFile(manifestPath, {
    schema_version: 1,
    product: { name: 'Demo Gateway', hardware: 'esp32s3' },
    deployment: {
      default_protocols: ['mqtt', 'https'],
      channels: {
        mqtt: {
          broker: peers.brokerUrl,
          topic: demoTopic,
          username: '${OTA_DEMO_USER}',
          password: '${OTA_DEMO_PASSWORD}',
          ca: 'ca.pem',
        },
        https: {
          url: `${peers.serverUrl}/firmware/{filename}`,
          headers: { Authorization: 'Basic ${OTA_DEMO_BASIC}' },
          ca: 'ca.pem',
        },
      },
    },
    versions: [],
  });
  await writeFile(join(folder, 'ota', 'ca.pem'), peers.ca);
  if (options.binaryPath === undefined) {
    const image = buildImage({
      chip: 'esp32s3',
      project: 'demo-gateway',
      version,
      sizeBytes: 1_310_720,
    });
    await writeFile(join(folder, 'demo-gateway.bin'), image);
  }
  return manifestPath;
}

async function packageStep(
  folder: string,
  manifestPath: string,
  options: DemoOptions,
): Promise<PackageResult> {
  const binaryPath = options.binaryPath ?? join(folder, 'demo-gateway.bin');
  const result = await packageBinary({
    manifestPath,
    binaryPath,
    version,
    overrides: {},
    updateManifest: true,
    dryRun: false,
    transports: options.transports,
    now: options.clock.now(),
    // Virtual devices take any chip and any version; what the checks find is shown.
    allow: options.binaryPath === undefined ? [] : checkNames,
  });
  options.notify({
    title: `ota package --binary ${binaryPath} --version ${version} --update-manifest`,
    lines: [
      `${result.plan.artifact.size} bytes, SHA-256 ${result.plan.artifact.sha256}`,
      ...result.warnings.map((warning) => `warning: ${warning}`),
    ],
  });
  return result;
}

async function validateStep(manifestPath: string, options: DemoOptions): Promise<void> {
  const { findings } = await validate({
    manifestPath,
    transports: options.transports,
    now: options.clock.now(),
  });
  options.notify({
    title: 'ota validate',
    lines: findings.length === 0 ? ['valid'] : findings.map(({ message }) => message),
  });
}

async function deployStep(
  manifestPath: string,
  dryRun: boolean,
  options: DemoOptions,
): Promise<void> {
  const report = await deploy({
    manifestPath,
    version,
    transports: [],
    overrides: {},
    devices: [],
    available: options.transports,
    variables: demoVariables,
    dryRun,
    policy: { retries: 0, baseMs: 0, maxMs: 0 },
    concurrency: 1,
    failFast: false,
    env: options.env,
    signal: options.signal,
    clock: options.clock,
    notify: () => {},
  });
  const title = `ota deploy --version ${version}${dryRun ? ' --dry-run' : ''}`;
  options.notify({ title, lines: report.deliveries.map(describeDelivery) });
  if (report.cancelled) throw new OtaError('cancelled', 'the demonstration was stopped');
}

function describeDelivery(delivery: DeployReport['deliveries'][number]): string {
  const reason = delivery.error === undefined ? '' : `: ${delivery.error.message}`;
  return `${delivery.transport} -> ${delivery.destination}: ${delivery.status}${reason}`;
}

async function judge(packaged: PackageResult, peers: DemoPeers): Promise<DemoDevice[]> {
  const { sha256 } = packaged.plan.artifact;
  return [
    { name: 'the device on MQTT', received: await peers.mqttImage() },
    { name: 'the device on HTTPS', received: peers.httpsImage() },
  ].map((device) => ({ ...device, ok: device.received?.sha256 === sha256 }));
}

function describeDevice({ name, received, ok }: DemoDevice): string {
  if (received === undefined) return `${name} received nothing`;
  return `${name} received ${received.sizeBytes} bytes, SHA-256 ${received.sha256}: ${ok ? 'right' : 'WRONG'}`;
}
