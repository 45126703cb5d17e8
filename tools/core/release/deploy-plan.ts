import { OtaError } from '../errors.ts';
import type { Audience } from '../fleet/offers/rollout-audience.ts';
import { maskSecrets } from '../secrets.ts';
import { isSettings, mergeSettings, type Settings } from './channel.ts';
import type { ArtifactFacts, Delivery, DeviceTarget, Targets, Transport } from './delivery.ts';
import { hardwareOf, type RootManifest } from './manifest.ts';
import {
  fillPlaceholders,
  findLeftovers,
  isExcused,
  unsetNames,
  type Variables,
} from './placeholders.ts';
import { createRedactor, type Redactor } from './redactor.ts';
import { type Artifact, chooseArtifacts, type Release } from './release.ts';
import { chooseTransports, protocolsOf, requireKnown } from './transport-choice.ts';

export interface DeployRequest {
  /** Transports to use; empty means every protocol of each artifact. */
  readonly transports: readonly string[];
  readonly artifact?: string;
  /** Channel settings from the command line, by transport. */
  readonly overrides: Settings;
  readonly devices: readonly DeviceTarget[];
  /** Whom the other side is to offer the release to; every transport of the plan must be able to say so. */
  readonly rollout?: Audience;
}

export interface DeployFacts {
  readonly manifest: RootManifest;
  readonly release: Release;
  /** Base64 of the signatures of artifacts, by filename; those that have none are left out. */
  readonly signatures: ReadonlyMap<string, string>;
  readonly transports: readonly Transport[];
  readonly variables: Variables;
}

/** One delivery that is to be made, and how it may be shown. */
export interface PlannedDelivery {
  readonly transport: string;
  readonly artifact: ArtifactFacts;
  readonly destination: string;
  /** Settings in force, as written (placeholders not filled) and with secrets masked. */
  readonly settings: Settings;
  /** The rollout that comes with it. */
  readonly rollout?: Audience;
  /** A function, so that printing a plan cannot print what the delivery knows. */
  readonly send: Delivery['send'];
  readonly clear?: NonNullable<Delivery['clear']>;
  /** Hides this channel's secrets in any text. */
  readonly redact: Redactor;
}

export interface DeployPlan {
  readonly product: string;
  readonly version: string;
  readonly steps: readonly PlannedDelivery[];
  /** Placeholders without a value, and stand-ins: a live run stops at these (`requireFilled`). */
  readonly missing: readonly string[];
  readonly leftovers: readonly string[];
}

/**
 * Decides what is delivered where. Does no I/O and needs no credentials.
 *
 * @throws OtaError `transport-unknown`, `artifact-unknown`, `channel-missing`, `channel-invalid`,
 *   `devices-missing`, `rollout-unsupported`, `nothing-to-deploy`
 */
export function planDeploy(request: DeployRequest, facts: DeployFacts): DeployPlan {
  requireKnown(request.transports, facts.transports);
  const steps: PlannedDelivery[] = [];
  const missing = new Set<string>();
  const leftovers = new Set<string>();
  for (const artifact of chooseArtifacts(facts.release, request.artifact).filter(isSent(request))) {
    for (const transport of chooseTransports(artifact, request, facts)) {
      const channel = planChannel(transport, artifact, request, facts);
      for (const place of channel.missing) missing.add(place);
      for (const place of channel.leftovers) leftovers.add(place);
      steps.push(...planSteps(transport, artifact, channel, request, facts));
    }
  }
  if (steps.length === 0) throw nothingToDeploy(request, facts);
  return {
    product: facts.manifest.product.name,
    version: facts.release.version,
    steps,
    missing: [...missing],
    leftovers: [...leftovers],
  };
}

/** Only apps are sent over the air, unless another artifact is asked for by name. */
function isSent(request: DeployRequest): (artifact: Artifact) => boolean {
  return ({ role }) => request.artifact !== undefined || role === undefined || role === 'app';
}

/**
 * Refuses devices that no step of the plan goes to: somebody means to push, and would hand out to all.
 *
 * @throws OtaError `devices-unused`
 */
export function requireDevicesUsed(
  devices: readonly DeviceTarget[],
  plan: DeployPlan,
  transports: readonly Transport[],
): void {
  const perDevice = transports.filter((transport) => transport.perDevice).map(({ name }) => name);
  if (devices.length === 0) return;
  if (plan.steps.some(({ transport }) => perDevice.includes(transport))) return;
  throw new OtaError('devices-unused', 'devices are given, but nothing is pushed to devices', {
    hint: `Add --transport ${perDevice.join(' or ')}; the others hand out to all at once.`,
  });
}

interface PlannedChannel {
  readonly asWritten: Settings;
  readonly filled: Settings;
  readonly missing: readonly string[];
  readonly leftovers: readonly string[];
  readonly redact: Redactor;
}

function planChannel(
  transport: Transport,
  artifact: Artifact,
  request: DeployRequest,
  facts: DeployFacts,
): PlannedChannel {
  const layers = [
    facts.manifest.deployment?.channels,
    facts.release.channels,
    artifact.channels,
    request.overrides,
  ];
  // What a push needs comes with the devices; its channel may be left out.
  const unset = transport.perDevice === true ? {} : undefined;
  const asWritten = mergeSettings(...layers)[transport.name] ?? unset;
  if (!isSettings(asWritten)) {
    throw new OtaError(
      'channel-missing',
      `artifact "${artifact.filename}" uses ${transport.name}, but there is no ${transport.name} channel`,
      {
        hint: `Add \`deployment.channels.${transport.name}\` to the manifest, or choose other transports with --transport.`,
      },
    );
  }
  const { settings, missing, secrets } = fillPlaceholders(
    asWritten,
    facts.variables,
    transport.name,
  );
  return {
    asWritten,
    filled: settings,
    missing,
    leftovers: findLeftovers(asWritten, transport.name),
    redact: createRedactor(secrets, asWritten, secretsOf(request.devices)),
  };
}

function planSteps(
  transport: Transport,
  artifact: Artifact,
  channel: PlannedChannel,
  request: DeployRequest,
  facts: DeployFacts,
): PlannedDelivery[] {
  const artifactFacts = toArtifactFacts(artifact, facts);
  const { devices, rollout } = request;
  const wish = rollout === undefined ? {} : { rollout };
  const targets = { artifact: artifactFacts, devices, ...wish };
  return prepareDeliveries(transport, channel, targets).map((delivery) => ({
    ...planDelivery(transport, artifactFacts, delivery, channel),
    ...wish,
  }));
}

/** One step of a plan, fit to be shown. */
export function planDelivery(
  transport: Transport,
  artifact: ArtifactFacts,
  delivery: Delivery,
  { asWritten, redact }: Pick<PlannedChannel, 'asWritten' | 'redact'>,
): PlannedDelivery {
  return {
    transport: transport.name,
    artifact,
    destination: redact(delivery.destination),
    settings: maskSecrets({
      ...delivery.settings,
      ...placeholdersIn(asWritten, delivery),
    }) as Settings,
    send: (payload, context) => delivery.send(payload, context),
    ...(delivery.clear === undefined ? {} : { clear: delivery.clear }),
    redact,
  };
}

/** Settings as written where that says more: where a value will come from, what the transport leaves out. */
function placeholdersIn(asWritten: Settings, { settings }: Delivery): Settings {
  const kept = Object.entries(asWritten).filter(
    ([key, value]) => !Object.hasOwn(settings, key) || JSON.stringify(value).includes('${'),
  );
  return Object.fromEntries(kept);
}

/** All secrets that devices bring along. */
export function secretsOf(devices: readonly DeviceTarget[]): string[] {
  return devices.flatMap(({ password, encryptionKey }) => [password ?? '', encryptionKey ?? '']);
}

/** Where a channel cannot be understood before a variable has its value, the plan says so. */
function prepareDeliveries(
  transport: Transport,
  { filled, missing }: PlannedChannel,
  targets: Targets,
): readonly Delivery[] {
  try {
    return transport.prepare(filled, targets);
  } catch (error) {
    if (!isExcused(error, missing)) throw error;
    const destination = `not known before ${unsetNames(error).join(', ')} is set`;
    return [{ destination, settings: {}, send: () => Promise.reject(error) }];
  }
}

function toArtifactFacts(
  artifact: Artifact,
  { manifest, release, signatures }: DeployFacts,
): ArtifactFacts {
  const signature = signatures.get(artifact.filename);
  return {
    product: manifest.product.name,
    hardware: hardwareOf(manifest.product)[0] ?? '',
    version: release.version,
    artifact: artifact.name,
    filename: artifact.filename,
    sizeBytes: artifact.size,
    sha256: artifact.sha256.toLowerCase(),
    ...(signature === undefined ? {} : { signature }),
  };
}

function nothingToDeploy(request: DeployRequest, facts: DeployFacts): OtaError {
  const offered = new Set(
    facts.release.artifacts.flatMap((artifact) => protocolsOf(artifact, facts)),
  );
  return new OtaError(
    'nothing-to-deploy',
    `release ${facts.release.version} has nothing for ${request.transports.join(', ') || 'any transport'}`,
    {
      hint: `Its artifacts use ${[...offered].join(', ') || 'no protocol'}. \`ota package --protocols\` sets them.`,
    },
  );
}
