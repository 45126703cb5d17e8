import { compareVersions, isSemanticVersion } from '../../version.ts';
import type { Device } from '../attempts/device.ts';
import { compareReleases, compareWithRunning, type ReleaseFacts } from './release-facts.ts';
import type { Rollout } from './rollout.ts';
import { isInAudience } from './rollout-audience.ts';

/** How often a device may take a release and come back without it, before it is offered no more. */
export const setbackLimit = 3;

/** Why a device gets no offer: the reason of the newest release that was considered. */
export type NoOfferReason =
  | 'no-release'
  | 'up-to-date'
  | 'not-released'
  | 'not-in-audience'
  | 'paused'
  | 'wrong-chip'
  | 'downgrade'
  | 'below-min-version'
  | 'loop-breaker'
  | 'version-unknown';

/** The answer to "is there an update for me?". */
export type Offer =
  | {
      readonly update: true;
      readonly release: ReleaseFacts;
      /** The rollout that offers it; none for a stable release. */
      readonly rollout: Rollout | undefined;
      /** The release that the device cannot reach directly, when this is a stepping stone. */
      readonly towards: ReleaseFacts | undefined;
    }
  | { readonly update: false; readonly reason: NoOfferReason };

/**
 * Chooses the newest release that a device may take. A release is open to it when it is active and stable, or
 * when a running rollout addresses the device; then chip, minimum version, downgrade and loop breaker must agree.
 * A device below `minVersion` is led over the newest release that it may take (a stepping stone).
 *
 * @param releases those of the device's model, newest first (see `sortReleases`)
 * @param rollouts those of the device's model, in any state and order
 */
export function chooseOffer(
  device: Device,
  releases: readonly ReleaseFacts[],
  rollouts: readonly Rollout[],
): Offer {
  let first: { reason: NoOfferReason; release: ReleaseFacts } | undefined;
  let towards: ReleaseFacts | undefined;
  const pinned = pinOf(device, rollouts);
  for (const release of releases) {
    const order = compareWithRunning(release, device);
    // Nothing older is an update, but for a rollout that goes back.
    if (order === 0 && pinned === undefined) {
      return { update: false, reason: first?.reason ?? 'up-to-date' };
    }
    if (!release.active) continue;
    const door = doorTo(release, device, rollouts, pinned, towards !== undefined);
    const reason = typeof door === 'string' ? door : refusal(release, device, door, order);
    if (reason === undefined && typeof door !== 'string') {
      return { update: true, release, rollout: door.rollout, towards };
    }
    if (reason === 'below-min-version') towards ??= release;
    if (reason !== undefined) first ??= { reason, release };
  }
  return { update: false, reason: first?.reason ?? 'no-release' };
}

/** Newest first, as `chooseOffer` wants them. */
export function sortReleases(releases: readonly ReleaseFacts[]): ReleaseFacts[] {
  return [...releases].sort((a, b) => compareReleases(b, a));
}

/** How a release is open to a device. */
interface Door {
  readonly rollout: Rollout | undefined;
}

/**
 * A rollout that allows downgrades decides for its devices until a later rollout does: otherwise a device would
 * be sent back, offered the newer release, sent back, and so on.
 */
function pinOf(device: Device, rollouts: readonly Rollout[]): Rollout | undefined {
  let pin: Rollout | undefined;
  for (const rollout of rollouts) {
    if (rollout.state !== 'running' || !rollout.allowDowngrade) continue;
    if (pin !== undefined && isLater(pin, rollout)) continue;
    if (isInAudience(rollout.audience, device)) pin = rollout;
  }
  return pin;
}

/** By their numbers: a clock may have been put back between the two. */
function isLater(a: Rollout, b: Rollout): boolean {
  return a.id > b.id;
}

function doorTo(
  release: ReleaseFacts,
  device: Device,
  rollouts: readonly Rollout[],
  pinned: Rollout | undefined,
  asSteppingStone: boolean,
): Door | NoOfferReason {
  let reason: NoOfferReason = 'not-released';
  let door: Rollout | undefined;
  let finished = false;
  for (const rollout of rollouts) {
    if (rollout.releaseId !== release.id) continue;
    if (rollout.state === 'finished') finished = true;
    if (rollout.state === 'paused') reason = 'paused';
    if (rollout.state !== 'running') continue;
    if (pinned !== undefined && rollout !== pinned && !isLater(rollout, pinned)) continue;
    if (!isInAudience(rollout.audience, device)) {
      if (reason !== 'paused') reason = 'not-in-audience';
    } else if (door === undefined || (rollout.allowDowngrade && !door.allowDowngrade)) {
      door = rollout;
    }
  }
  if (door !== undefined) return { rollout: door };
  if (pinned !== undefined) return reason;
  // A paused rollout is a brake: it stops the release for everybody that no other rollout addresses.
  if (release.stable && reason !== 'paused') return { rollout: undefined };
  return asSteppingStone && finished ? { rollout: undefined } : reason;
}

function refusal(
  release: ReleaseFacts,
  device: Device,
  door: Door,
  order: number,
): NoOfferReason | undefined {
  if (order === 0) return 'up-to-date';
  if (order < 0 && door.rollout?.allowDowngrade !== true) return 'downgrade';
  // Nobody decided about this device in particular, and its version cannot be placed (seed 004).
  if (door.rollout === undefined && !isSemanticVersion(device.version)) return 'version-unknown';
  if (release.chip !== undefined && device.chip !== undefined && release.chip !== device.chip)
    return 'wrong-chip';
  if (
    order > 0 &&
    release.minVersion !== undefined &&
    compareVersions(device.version, release.minVersion) < 0
  )
    return 'below-min-version';
  return (device.setbacks[release.id] ?? 0) >= setbackLimit ? 'loop-breaker' : undefined;
}
