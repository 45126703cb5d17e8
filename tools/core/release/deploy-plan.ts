import { OtaError } from '../errors.ts';
import { didYouMeanSuffix } from '../schema.ts';
import { maskSecrets } from '../secrets.ts';
import { isSettings, mergeSettings, type Settings } from './channel.ts';
import type { ArtifactFacts, Delivery, DeviceTarget, Targets, Transport } from './delivery.ts';
import { defaultProtocolsOf, hardwareOf, type RootManifest } from './manifest.ts';
import {
  fillPlaceholders,
  findLeftovers,
  isExcused,
  unsetNames,
  type Variables,
} from './placeholders.ts';
import { createRedactor, type Redactor } from './redactor.ts';
import { type Artifact, chooseArtifacts, isUpdate, type Release } from './release.ts';

export interface DeployRequest {
  /** Transports to use; empty means every protocol of each artifact. */
  readonly transports: readonly string[];
  readonly artifact?: string;
  /** Channel settings from the command line, by transport. */
  readonly overrides: Settings;
  readonly devices: readonly DeviceTarget[];
}

export interface DeployFacts {
  readonly manifest: RootManifest;
  readonly release: Release;
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
  /** A function, so that printing a plan cannot print what the delivery knows. */
  readonly send: Delivery['send'];
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
 *   `nothing-to-deploy`
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

function requireKnown(names: readonly string[], transports: readonly Transport[]): void {
  const known = transports.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new OtaError(
    'transport-unknown',
    `there is no transport "${unknown}"${didYouMeanSuffix(unknown, known)}`,
    { hint: `Transports are: ${known.join(', ')}.` },
  );
}

function protocolsOf(artifact: Artifact, facts: DeployFacts): readonly string[] {
  if (!isUpdate(artifact)) return [];
  return artifact.protocols ?? defaultProtocolsOf(facts.manifest);
}

function chooseTransports(
  artifact: Artifact,
  request: DeployRequest,
  facts: DeployFacts,
): Transport[] {
  const protocols = protocolsOf(artifact, facts);
  requireKnown(protocols, facts.transports);
  return protocols
    .filter((name) => request.transports.length === 0 || request.transports.includes(name))
    .flatMap((name) => facts.transports.find((transport) => transport.name === name) ?? []);
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
  const asWritten = mergeSettings(...layers)[transport.name];
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
    redact: createRedactor(secrets, asWritten),
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
  const targets = { artifact: artifactFacts, devices: request.devices };
  return prepareDeliveries(transport, channel, targets).map((delivery) => ({
    transport: transport.name,
    artifact: artifactFacts,
    destination: channel.redact(delivery.destination),
    settings: maskSecrets({ ...delivery.settings, ...channel.asWritten }) as Settings,
    send: (payload, context) => delivery.send(payload, context),
    redact: channel.redact,
  }));
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

function toArtifactFacts(artifact: Artifact, { manifest, release }: DeployFacts): ArtifactFacts {
  return {
    product: manifest.product.name,
    hardware: hardwareOf(manifest.product)[0] ?? '',
    version: release.version,
    artifact: artifact.name,
    filename: artifact.filename,
    sizeBytes: artifact.size,
    sha256: artifact.sha256.toLowerCase(),
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
