import { chooseOffer, type Offer } from '../offers/offer.ts';
import { isRunning } from '../offers/release-facts.ts';
import { judgeCheck } from './attempt.ts';
import type { Device } from './device.ts';
import { type Moment, momentOf } from './moment.ts';
import { type AttemptNews, beginAttempt, countSetback, moveAttempt } from './move.ts';
import type { Attempt, DeviceRecord, FleetCatalog, FleetChange, Move } from './record.ts';

/** What a device says when it asks for an update. */
export interface CheckIn {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly build?: number | undefined;
  readonly imageSha256?: string | undefined;
  readonly chip?: string | undefined;
}

export interface CheckInAnswer extends FleetChange {
  readonly offer: Offer;
}

/**
 * Answers "is there an update for me?" and draws the conclusions from what the device runs now: the last attempt
 * is confirmed, or came back; an offer that is new begins an attempt; one that is withdrawn ends it.
 */
export function answerCheckIn(
  record: DeviceRecord | undefined,
  checkIn: CheckIn,
  catalog: FleetCatalog,
  nowMs: number,
): CheckInAnswer {
  const before = record?.device;
  const moment = momentOf(record, nowMs);
  let device = deviceOf(before, checkIn);
  const attempts: Attempt[] = [];
  const moves: Move[] = [];
  let attempt = record?.attempt;

  const proved = attempt && proofOf(attempt, device, {}, catalog, moment);
  if (proved !== undefined && attempt !== undefined) {
    moves.push(proved);
    device = countSetback(device, attempt.releaseId, attempt.state, proved.to);
    attempt = proved.attempt;
    attempts.push(attempt);
  }

  const offered = makeOffer(device, attempt, catalog, moment);
  moves.push(...offered.moves);
  attempts.push(...offered.moves.map((move) => move.attempt));
  attempt = offered.attempt;
  return {
    offer: offered.offer,
    attempts,
    moves,
    deviceChanged: before === undefined || !sameDevice(before, device) || isMidUpdate(attempt),
    record: {
      number: record?.number,
      device,
      attempt,
      lastSeenAtMs: nowMs,
      checkedAtMs: moment.atMs,
      createdAtMs: record?.createdAtMs ?? nowMs,
    },
  };
}

/** What a device that asks is offered, and what that does to its last attempt. */
export interface MadeOffer {
  readonly offer: Offer;
  readonly moves: readonly Move[];
  /** The device's last attempt from now on. */
  readonly attempt: Attempt | undefined;
}

/** Chooses an offer; one that is new begins an attempt, one that is withdrawn or replaced ends it. */
export function makeOffer(
  device: Device,
  last: Attempt | undefined,
  catalog: FleetCatalog,
  moment: Moment,
): MadeOffer {
  const moves: Move[] = [];
  let attempt = last;
  const offer = chooseOffer(
    device,
    catalog.releasesOf(device.model),
    catalog.rolloutsOf(device.model),
  );
  const offered = offer.update ? offer.release.id : undefined;
  if (attempt?.state === 'pending' && attempt.releaseId !== offered) {
    const detail = offer.update
      ? `replaced by ${offer.release.version}`
      : `withdrawn: ${offer.reason}`;
    const to = 'cancelled';
    attempt = moveAttempt(attempt, to, { error: detail }, catalog, moment);
    moves.push({ attempt, from: 'pending', to, source: 'offer', detail });
  }
  if (offer.update && attempt?.releaseId !== offer.release.id && isIdle(attempt)) {
    attempt = beginAttempt(device, offer.release.id, offer.rollout?.id, moment);
    moves.push({ attempt, from: undefined, to: 'pending', source: 'offer', detail: undefined });
  }
  return { offer, moves, attempt };
}

function deviceOf(before: Device | undefined, checkIn: CheckIn): Device {
  const same = before?.version === checkIn.version && before.build === checkIn.build;
  return {
    id: checkIn.id,
    model: checkIn.model,
    version: checkIn.version,
    build: checkIn.build,
    imageSha256: checkIn.imageSha256 ?? (same ? before?.imageSha256 : undefined),
    chip: checkIn.chip ?? before?.chip,
    groups: before?.groups ?? [],
    setbacks: before?.setbacks ?? {},
  };
}

/** What the image that runs proves about the last attempt; `undefined` when nothing changes. */
export function proofOf(
  attempt: Attempt,
  device: Device,
  news: AttemptNews,
  catalog: FleetCatalog,
  moment: Moment,
): Move | undefined {
  const release = catalog.release(attempt.releaseId);
  if (release === undefined) return;
  const cameBack = device.version === attempt.fromVersion && device.build === attempt.fromBuild;
  const to = judgeCheck(attempt.state, isRunning(device, release), cameBack);
  if (to === undefined) return;
  const detail = `runs ${device.version}${device.build === undefined ? '' : ` build ${device.build}`}`;
  const moved = moveAttempt(attempt, to, news, catalog, moment);
  return { attempt: moved, from: attempt.state, to, source: 'check', detail };
}

/** Whether nothing is under way, so that another attempt may begin. */
function isIdle(attempt: Attempt | undefined): boolean {
  return attempt === undefined || attempt.deadlineAtMs === undefined;
}

/** A check in the middle of an update is evidence (the device started over) and is stored at once. */
export function isMidUpdate(attempt: Attempt | undefined): boolean {
  return attempt?.deadlineAtMs !== undefined;
}

/** Whether a device is as it was, as far as it says itself. */
export function sameDevice(a: Device, b: Device): boolean {
  return (
    a.model === b.model &&
    a.version === b.version &&
    a.build === b.build &&
    a.imageSha256 === b.imageSha256 &&
    a.chip === b.chip &&
    a.setbacks === b.setbacks
  );
}
