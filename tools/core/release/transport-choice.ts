import { OtaError } from '../errors.ts';
import { formatAudience } from '../fleet/offers/audience-text.ts';
import { didYouMeanSuffix } from '../schema.ts';
import type { Transport } from './delivery.ts';
import type { DeployFacts, DeployRequest } from './deploy-plan.ts';
import { defaultProtocolsOf } from './manifest.ts';
import { type Artifact, isUpdate } from './release.ts';

/**
 * The transports that carry an artifact.
 *
 * @throws OtaError `transport-unknown`, `devices-missing`, `rollout-unsupported`
 */
export function chooseTransports(
  artifact: Artifact,
  request: DeployRequest,
  facts: DeployFacts,
): Transport[] {
  const protocols = protocolsOf(artifact, facts);
  requireKnown(protocols, facts.transports);
  const asked = (name: string): boolean => request.transports.includes(name);
  const chosen = facts.transports.filter(({ name, perDevice }) => {
    if (protocols.includes(name)) return request.transports.length === 0 || asked(name);
    // The protocols of a release say how it is handed out to all. A push to devices that somebody names is
    // decided at that moment.
    return perDevice === true && asked(name) && isUpdate(artifact);
  });
  for (const transport of chosen) {
    requireDevices(transport, request);
    requireRollouts(transport, request, facts);
  }
  return chosen;
}

/** @throws OtaError `transport-unknown` */
export function requireKnown(names: readonly string[], transports: readonly Transport[]): void {
  const known = transports.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new OtaError(
    'transport-unknown',
    `there is no transport "${unknown}"${didYouMeanSuffix(unknown, known)}`,
    { hint: `Transports are: ${known.join(', ')}.` },
  );
}

/** The protocols over which an artifact is handed out. */
export function protocolsOf(artifact: Artifact, facts: DeployFacts): readonly string[] {
  if (!isUpdate(artifact)) return [];
  return artifact.protocols ?? defaultProtocolsOf(facts.manifest);
}

function requireDevices({ name, perDevice }: Transport, { devices }: DeployRequest): void {
  if (perDevice !== true || devices.length > 0) return;
  throw new OtaError('devices-missing', `${name} pushes to devices one by one; none is given`, {
    hint: 'Name them with --device HOST or --batch FILE, or choose other transports with --transport.',
  });
}

/** A transport that hands out to all at once would make a rollout to a few a lie. */
function requireRollouts(
  { name, startsRollouts }: Transport,
  { rollout }: DeployRequest,
  { transports }: DeployFacts,
): void {
  if (rollout === undefined || startsRollouts === true) return;
  const able = transports
    .filter((transport) => transport.startsRollouts)
    .map((other) => other.name);
  throw new OtaError(
    'rollout-unsupported',
    `${name} cannot start the rollout ${formatAudience(rollout)}`,
    { hint: `Choose ${able.join(' or ')} with --transport, or leave --rollout out.` },
  );
}
