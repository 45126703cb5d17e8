import { isClosedAttempt } from '../attempts/attempt.ts';
import { moved, unchanged } from '../attempts/change.ts';
import { makeOffer } from '../attempts/check-in.ts';
import type { Moment } from '../attempts/moment.ts';
import { beginAttempt } from '../attempts/move.ts';
import type { Attempt, DeviceRecord, FleetCatalog, FleetChange } from '../attempts/record.ts';
import type { ReleaseFacts } from '../offers/release-facts.ts';

/** The message may have been lost on the way to the device. */
const tellAgainMs = 15 * 60_000;
/** An update that did not work may work later. */
const tryAgainMs = 60 * 60_000;

/**
 * Offers an update to a device that does not ask for it by itself, but can be told: at once when the offer is new,
 * and once more when nothing came of it for a while.
 */
export function tellUpdate(
  record: DeviceRecord,
  catalog: FleetCatalog,
  moment: Moment,
): FleetChange & { readonly tell?: ReleaseFacts } {
  const { offer, moves, attempt } = makeOffer(record.device, record.attempt, catalog, moment);
  const made = moves.length === 0 ? unchanged(record) : moved(record, moves);
  if (!offer.update || attempt?.releaseId !== offer.release.id) return made;
  const tell = offer.release;
  if (moves.at(-1)?.to === 'pending') return { ...made, tell };
  const waitMs = pauseAfter(attempt);
  if (waitMs === undefined || moment.atMs - attempt.updatedAtMs < waitMs) return made;
  if (attempt.state === 'pending') {
    const again = { ...attempt, updatedAtMs: moment.atMs };
    return { ...made, attempts: [again], record: { ...record, attempt: again }, tell };
  }
  const fresh = beginAttempt(record.device, tell.id, offer.rollout?.id, moment);
  const move = { attempt: fresh, from: undefined, to: 'pending', source: 'offer' } as const;
  return { ...moved(record, [{ ...move, detail: 'once more' }]), tell };
}

/** `undefined` while the device is at work. */
function pauseAfter({ state }: Attempt): number | undefined {
  if (state === 'pending') return tellAgainMs;
  if (state === 'cancelled') return 0;
  return isClosedAttempt(state) ? tryAgainMs : undefined;
}
