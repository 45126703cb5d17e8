import type { FirmwareFile } from '../image/firmware-file.ts';
import { chipOf } from '../image/image-chip.ts';
import type { Settings } from './channel.ts';
import type { ArtifactFacts, DeviceTarget, Transport } from './delivery.ts';
import { type DeployPlan, planDelivery, secretsOf } from './deploy-plan.ts';
import { createRedactor } from './redactor.ts';

export interface PushRequest {
  readonly transport: Transport;
  /** Settings of the transport from the command line. */
  readonly channel: Settings;
  readonly devices: readonly DeviceTarget[];
}

/**
 * Decides how one firmware file goes to devices, without a release around it. Does no I/O.
 *
 * @throws OtaError `channel-invalid`
 */
export function planPush(request: PushRequest, artifact: ArtifactFacts): DeployPlan {
  const { transport, channel, devices } = request;
  const redact = createRedactor(new Map(), channel, secretsOf(devices));
  const steps = transport
    .prepare(channel, { artifact, devices })
    .map((delivery) => planDelivery(transport, artifact, delivery, { asWritten: channel, redact }));
  return {
    product: artifact.product,
    version: artifact.version,
    steps,
    missing: [],
    leftovers: [],
  };
}

/**
 * What is said of a file that belongs to no release: project and version from the image where it names them,
 * else the file's name and the beginning of its hash.
 */
export function describeBinary(
  file: FirmwareFile,
  binary: { readonly filename: string; readonly sizeBytes: number; readonly sha256: string },
): ArtifactFacts {
  const descriptor = file.kind === 'app' ? file.descriptor : undefined;
  const product = descriptor?.projectName || binary.filename;
  return {
    ...binary,
    product,
    artifact: product,
    hardware: chipOf(file)?.label ?? '',
    version: descriptor?.version || binary.sha256.slice(0, 12),
  };
}
