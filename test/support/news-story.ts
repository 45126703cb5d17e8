import type { DeviceRecord, FleetCatalog } from '../../tools/core/fleet/attempts/record.ts';
import { parseStatus } from '../../tools/core/fleet/commands/status.ts';
import { answerNews, type NewsAnswer } from '../../tools/core/fleet/news/answer-news.ts';
import { type DeviceNews, newsOfStatus } from '../../tools/core/fleet/news/news.ts';
import { sortReleases } from '../../tools/core/fleet/offers/offer.ts';
import type { ReleaseFacts } from '../../tools/core/fleet/offers/release-facts.ts';
import type { Rollout } from '../../tools/core/fleet/offers/rollout.ts';
import { aRelease } from './fleet-facts.ts';

export function newsCatalog(
  releases: ReleaseFacts[] = [aRelease()],
  rollouts: Rollout[] = [],
): FleetCatalog {
  return {
    release: (id) => releases.find((release) => release.id === id),
    rollout: (id) => rollouts.find((rollout) => rollout.id === id),
    releasesOf: (model) => sortReleases(releases.filter((release) => release.model === model)),
    rolloutsOf: (model) => rollouts.filter((rollout) => rollout.model === model),
  };
}

/** What a status message tells, said by device d1 on its own topic. */
export function statusNews(message: object, retained = false): DeviceNews {
  const parsed = parseStatus(Buffer.from(JSON.stringify(message)));
  if (!parsed.ok) throw new Error(parsed.problem);
  const told = newsOfStatus({ deviceId: 'd1', named: 'by-topic', retained }, parsed.status);
  if (told.kind !== 'news') throw new Error(told.kind);
  return told.news;
}

/** One device and its history. Times are seconds since the story began. */
export function newsStory(catalog = newsCatalog(), offers = false) {
  let record: DeviceRecord | undefined;
  let ids = 0;
  const history: string[] = [];
  function hear(atS: number, news: DeviceNews): NewsAnswer {
    const context = { catalog, nowMs: 1e12 + atS * 1000, fallbackModel: 'esp32', offers };
    const answer = answerNews(record, news, context);
    if (answer.record !== undefined) {
      const { attempt } = answer.record;
      record = {
        ...answer.record,
        attempt: attempt && { ...attempt, id: attempt.id ?? ++ids },
      };
    }
    for (const move of answer.moves) history.push(`${move.from ?? 'new'}>${move.to}`);
    return answer;
  }
  return {
    history,
    hear,
    record: () => record as DeviceRecord,
    /** A live status message. */
    say: (atS: number, message: object) => hear(atS, statusNews(message)).outcome,
    /** The same, kept by the broker. */
    keep: (atS: number, message: object) => hear(atS, statusNews(message, true)).outcome,
  };
}

/** An update from 1.0.0 to 2.0.0 by a device that had been up for an hour. */
export const working = { current_version: '1.0.0', available_version: '2.0.0' };
export const download = { ...working, status: 2, progress_pct: 40, uptime_sec: 3610 };
export const install = { ...working, status: 3, progress_pct: 100, uptime_sec: 3620 };
export const written = { ...working, status: 4, progress_pct: 100, uptime_sec: 3625 };
export const runsNew = { status: 0, current_version: '2.0.0', uptime_sec: 5 };
export const runsOld = { status: 0, current_version: '1.0.0', uptime_sec: 5 };

/** The history of it, but for its end. */
export const update = ['new>downloading', 'downloading>installing', 'installing>installed'];

/** A device that has written the update, and not restarted yet. */
export function updated() {
  const story = newsStory();
  story.say(0, { status: 0, current_version: '1.0.0', uptime_sec: 3600 });
  story.say(10, download);
  story.say(20, install);
  story.say(25, written);
  return story;
}
