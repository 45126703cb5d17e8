import { OtaError } from '../../core/errors.ts';
import type { ReportedStatus } from '../../core/fleet/attempts/attempt.ts';
import { answerCheckIn, type CheckIn } from '../../core/fleet/attempts/check-in.ts';
import type { AttemptNews } from '../../core/fleet/attempts/move.ts';
import {
  type Attempt,
  type DeviceRecord,
  type FleetChange,
  isWorthWriting,
} from '../../core/fleet/attempts/record.ts';
import { answerReport } from '../../core/fleet/attempts/report.ts';
import { answerNews, type NewsAnswer } from '../../core/fleet/news/answer-news.ts';
import type { DeviceNews } from '../../core/fleet/news/news.ts';
import type { Offer } from '../../core/fleet/offers/offer.ts';
import type { ReleaseFacts } from '../../core/fleet/offers/release-facts.ts';
import type { Catalog, Snapshot } from '../releases/catalog.ts';
import { databaseFailed } from '../store/database.ts';
import type { FleetDecision } from '../store/fleet-store.ts';
import type { Store } from '../store/store.ts';
import { createBatcher } from './batcher.ts';
import { createSightings } from './sightings.ts';

/** A report as it arrives: the release by its number or by its version. */
export interface IncomingReport extends AttemptNews {
  readonly deviceId: string;
  readonly status: ReportedStatus;
  readonly release: { readonly id: number } | { readonly version: string };
}

/** Devices, as the faces see them. */
export interface Fleet {
  /** Answers a check, and registers the device when it is new. */
  checkIn(checkIn: CheckIn): Promise<{ offer: Offer; record: DeviceRecord; catalog: Snapshot }>;
  /**
   * Takes a report. When the promise is fulfilled, the report is on the disk.
   *
   * @throws OtaError `device-unknown`, `release-unknown`, `transition-illegal`, `database-failed`
   */
  report(report: IncomingReport): Promise<{ attempt: Attempt; release: ReleaseFacts }>;
  /**
   * Takes what a device says by another way than HTTP. When the promise is fulfilled, it is on the disk.
   *
   * @throws OtaError `database-failed`
   */
  hear(news: DeviceNews, how: { fallbackModel: string; offers: boolean }): Promise<NewsAnswer>;
  find(deviceId: string): Promise<DeviceRecord | undefined>;
  /** Writes what is still in memory. */
  flush(): Promise<void>;
  depth(): { reads: number; writes: number; sightings: number };
  close(): Promise<void>;
}

/** Rows per transaction: enough to share a commit, not so many that a check has to wait for it. */
const batchItems = 200;

export function createFleet(store: Store, catalog: Catalog, now: () => number): Fleet {
  const reads = createBatcher<string, DeviceRecord | undefined>({
    keyOf: (id) => id,
    maxItems: batchItems,
    parallel: store.kind === 'sqlite' ? 1 : 4,
    async run(ids) {
      const { records, catalog: state } = await store.fleet.read(ids).catch(fail);
      await catalog.ensure(state);
      return ids.map((id) => records.get(id));
    },
  });
  const writes = createBatcher<FleetDecision, PromiseSettledResult<FleetChange>>({
    keyOf: ({ deviceId }) => deviceId,
    maxItems: batchItems,
    parallel: 1,
    run: (decisions) => changeOrRetry(store, decisions).catch(fail),
  });
  const sightings = createSightings((some) => store.fleet.noteSightings(some));

  async function change(decision: FleetDecision): Promise<FleetChange> {
    const result = await writes.add(decision);
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  }

  async function takeReport(
    report: IncomingReport,
  ): Promise<{ attempt: Attempt; release: ReleaseFacts }> {
    let release: ReleaseFacts | undefined;
    const nowMs = now();
    const { record } = await change({
      deviceId: report.deviceId,
      decide(stored) {
        const known = sightings.apply(stored);
        if (known === undefined) throw unknownDevice(report.deviceId);
        release = findRelease(known, report.release, catalog.current());
        return answerReport(known, { ...report, release }, catalog.current(), nowMs);
      },
    });
    sightings.add(record, nowMs, false);
    if (release === undefined || record.attempt === undefined)
      throw new TypeError('a report that was taken has an attempt');
    return { attempt: record.attempt, release };
  }

  async function takeNews(
    news: DeviceNews,
    how: { fallbackModel: string; offers: boolean },
  ): Promise<NewsAnswer> {
    const id = news.deviceId;
    const answer = (record: DeviceRecord | undefined, nowMs = now()): NewsAnswer =>
      answerNews(sightings.apply(record), news, { ...how, catalog: catalog.current(), nowMs });
    const note = (taken: NewsAnswer): NewsAnswer => {
      if (taken.heard) sightings.add(taken.record, taken.record.lastSeenAtMs, taken.checked);
      return taken;
    };
    if (news.report === undefined) {
      // Most of these say what is known already.
      const first = answer(await reads.add(id));
      if (!isWorthWriting(first)) return note(first);
    }
    let taken: NewsAnswer | undefined;
    await change({
      deviceId: id,
      decide(stored) {
        taken = answer(stored);
        return taken;
      },
    });
    if (taken === undefined) throw new TypeError('a decision that was stored was made');
    return note(taken);
  }

  return {
    async checkIn(checkIn) {
      const known = sightings.apply(await reads.add(checkIn.id));
      const nowMs = now();
      const answer = answerCheckIn(known, checkIn, catalog.current(), nowMs);
      if (!isWorthWriting(answer)) {
        sightings.add(answer.record, nowMs, true);
        return { offer: answer.offer, record: answer.record, catalog: catalog.current() };
      }
      let { offer } = answer;
      const { record } = await change({
        deviceId: checkIn.id,
        decide(stored) {
          const decided = answerCheckIn(sightings.apply(stored), checkIn, catalog.current(), nowMs);
          offer = decided.offer;
          return decided;
        },
      });
      return { offer, record, catalog: catalog.current() };
    },
    async report(report) {
      const { state } = catalog.current();
      try {
        return await takeReport(report);
      } catch (error) {
        // Another node may have published the release a moment ago.
        const isNew = error instanceof OtaError && error.code === 'release-unknown';
        if (!isNew || (await catalog.refresh()).state === state) throw error;
        return takeReport(report);
      }
    },
    async hear(news, how) {
      const { state } = catalog.current();
      const answer = await takeNews(news, how);
      if (answer.outcome !== 'release-unknown') return answer;
      // Another node may have published the release a moment ago: every read brings the catalog up to date.
      await reads.add(news.deviceId);
      return catalog.current().state === state ? answer : takeNews(news, how);
    },
    find: async (deviceId) => sightings.apply(await reads.add(deviceId)),
    // Somebody wants to see the list now: a long backlog is not worth the wait.
    flush: async () => {
      if (sightings.depth() <= 5000) await sightings.flush();
    },
    depth: () => ({ reads: reads.depth(), writes: writes.depth(), sightings: sightings.depth() }),
    async close() {
      await Promise.all([reads.idle(), writes.idle()]);
      await sightings.close();
    },
  };
}

/** Two nodes that lock devices in the same moment may stop each other (PostgreSQL 40P01): once more, then. */
function changeOrRetry(
  store: Store,
  decisions: readonly FleetDecision[],
): Promise<PromiseSettledResult<FleetChange>[]> {
  return store.fleet.change(decisions).catch((error: { code?: string }) => {
    if (error.code !== '40P01' && error.code !== '40001') throw error;
    return store.fleet.change(decisions);
  });
}

function fail(cause: unknown): never {
  throw databaseFailed(cause);
}

function findRelease(
  record: DeviceRecord,
  wanted: IncomingReport['release'],
  catalog: Snapshot,
): ReleaseFacts {
  if ('id' in wanted) {
    const release = catalog.release(wanted.id);
    // What is under way may be of the model that the device was taken for before.
    const isUnderWay = record.attempt?.releaseId === wanted.id;
    if (release !== undefined && (isUnderWay || release.model === record.device.model))
      return release;
    throw unknownRelease(`number ${wanted.id} for model ${record.device.model}`);
  }
  const candidates = catalog
    .releasesOf(record.device.model)
    .filter(({ version }) => version === wanted.version);
  // Several builds of one version: the device means the one that it was offered.
  const release = candidates.find(({ id }) => id === record.attempt?.releaseId) ?? candidates[0];
  if (release !== undefined) return release;
  throw unknownRelease(`${wanted.version} for model ${record.device.model}`);
}

function unknownRelease(what: string): OtaError {
  return new OtaError('release-unknown', `there is no release ${what}`, {
    hint: 'Upload it first, or check version and model.',
  });
}

export function unknownDevice(id: string): OtaError {
  return new OtaError('device-unknown', `there is no device ${JSON.stringify(id)}`, {
    hint: 'A device becomes known when it checks for an update.',
  });
}
