import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aRelease, aRollout } from '../../support/fleet-facts.ts';
import { newsCatalog, newsStory } from '../../support/news-story.ts';

/** An update from 1.0.0 to 2.0.0 by a device that had been up for an hour. */
const working = { current_version: '1.0.0', available_version: '2.0.0' };
const download = { ...working, status: 2, progress_pct: 40, uptime_sec: 3610 };
const install = { ...working, status: 3, progress_pct: 100, uptime_sec: 3620 };
const written = { ...working, status: 4, progress_pct: 100, uptime_sec: 3625 };
const runsNew = { status: 0, current_version: '2.0.0', uptime_sec: 5 };
const runsOld = { status: 0, current_version: '1.0.0', uptime_sec: 5 };

const update = ['new>downloading', 'downloading>installing', 'installing>installed'];

function updated() {
  const story = newsStory();
  story.say(0, { status: 0, current_version: '1.0.0', uptime_sec: 3600 });
  story.say(10, download);
  story.say(20, install);
  story.say(25, written);
  return story;
}

describe('a device that is heard of over MQTT', () => {
  it('is registered by its first message, whatever that is', () => {
    const story = newsStory();
    expect(story.say(0, { status: 1 })).toBe('taken');
    expect(story.record().device).toMatchObject({ id: 'd1', model: 'esp32', version: 'unknown' });
    expect(story.say(1, { status: 0, current_version: '1.0.0' })).toBe('taken');
    expect(story.record().device.version).toBe('1.0.0');
    expect(story.say(2, { status: 0, current_version: '1.0.0' })).toBe('repeated');
  });

  it('has the model that it says, else the one that is known', () => {
    const story = newsStory();
    story.say(0, { status: 0, current_version: '1.0.0', device_model: 'esp8266' });
    story.say(1, { status: 0, current_version: '1.0.0' });
    expect(story.record().device.model).toBe('esp8266');
  });

  it('has one attempt with every step, confirmed when the new version runs after a restart', () => {
    const story = updated();
    expect(story.history).toEqual(update);
    expect(story.say(40, runsNew)).toBe('taken');
    expect(story.history.at(-1)).toBe('installed>confirmed');
    expect(story.record()).toMatchObject({
      device: { version: '2.0.0' },
      attempt: { id: 1, state: 'confirmed', fromVersion: '1.0.0', progress: 100 },
    });
  });

  it('has rolled back when the old version runs after a restart', () => {
    const story = updated();
    story.say(40, runsOld);
    expect(story.history.at(-1)).toBe('installed>rolled_back');
    expect(story.record().device.setbacks).toEqual({ 1: 1 });
  });

  it('is only confirmed once it is not on trial any more', () => {
    const story = updated();
    story.say(40, { ...runsNew, rollback_pending: true });
    expect(story.record().attempt?.state).toBe('installed');
    story.say(41, { ...working, status: 6, uptime_sec: 2, error: 'self-test' });
    expect(story.history.at(-1)).toBe('installed>rolled_back');
    expect(story.record().attempt?.error).toBe('self-test');
  });

  it('has not rolled back before it has restarted', () => {
    const story = updated();
    story.say(26, { status: 0, current_version: '1.0.0', uptime_sec: 3626 });
    expect(story.record().attempt?.state).toBe('installed');
  });

  it('is not confirmed by naming the new version before the restart, but by going on to', () => {
    const story = updated();
    story.say(26, { ...runsNew, uptime_sec: 3626 });
    expect(story.record().attempt?.state).toBe('installed');
    story.say(26 + 300, { ...runsNew, uptime_sec: 3626 + 300 });
    expect(story.record().attempt?.state).toBe('confirmed');
  });

  it('has restarted when it cannot have been up since, however long it takes to say so', () => {
    const story = newsStory();
    story.say(10, { ...download, uptime_sec: 15 });
    story.say(20, { ...written, uptime_sec: 25 });
    story.say(52, { ...runsNew, uptime_sec: 30 });
    expect(story.record().attempt?.state).toBe('confirmed');
  });

  it('is believed without an uptime, too', () => {
    const story = newsStory();
    for (const status of [2, 3, 4]) story.say(status, { ...working, status });
    story.say(5, { status: 0, current_version: '2.0.0' });
    expect(story.history).toEqual([...update, 'installed>confirmed']);
  });

  it('says in words what others say in numbers', () => {
    const story = newsStory();
    for (const [at, state] of ['downloading', 'verified', 'updating', 'updated'].entries())
      story.say(at, { state, target_version: '2.0.0', current_fw_version: '1.0.0' });
    expect(story.history).toEqual([
      'new>downloading',
      'downloading>downloaded',
      'downloaded>installing',
      'installing>installed',
    ]);
  });

  it('may report success after the restart at once', () => {
    const story = newsStory();
    story.say(10, download);
    story.say(40, {
      status: 4,
      current_version: '2.0.0',
      available_version: '2.0.0',
      uptime_sec: 3,
    });
    expect(story.record().attempt?.state).toBe('confirmed');
  });

  it('fails with its reason, and tries again in another attempt', () => {
    const story = newsStory();
    story.say(10, download);
    story.say(12, { ...working, status: 5, error: 'ESP_FAIL', message: 'no', uptime_sec: 3612 });
    expect(story.record().attempt).toMatchObject({ state: 'failed', error: 'ESP_FAIL: no' });
    story.say(60, { ...download, uptime_sec: 3660 });
    expect(story.history).toEqual(['new>downloading', 'downloading>failed', 'new>downloading']);
  });

  it('that loses power in the middle has an attempt that failed, and another', () => {
    const story = newsStory();
    story.say(20, install);
    story.say(60, { ...download, uptime_sec: 30 });
    expect(story.history).toEqual(['new>installing', 'installing>failed', 'new>downloading']);
  });

  it('rolls a confirmed version back when it is told to', () => {
    const story = updated();
    story.say(40, runsNew);
    story.say(100, { status: 6, current_version: '2.0.0', uptime_sec: 65 });
    story.say(110, { status: 0, current_version: '1.0.0', uptime_sec: 3 });
    expect(story.history.slice(-2)).toEqual(['installed>confirmed', 'confirmed>rolled_back']);
    expect(story.record().device.version).toBe('1.0.0');
  });

  it('that reports about a version that nobody published is known all the same', () => {
    const story = newsStory();
    expect(story.say(0, { ...download, available_version: '7.7.7' })).toBe('release-unknown');
    expect(story.say(1, { status: 5, current_version: '1.0.0' })).toBe('not-attributed');
    expect(story.history).toEqual([]);
    expect(story.record().device.version).toBe('1.0.0');
  });

  it('that says v2.0.0 means the release 2.0.0', () => {
    const story = newsStory();
    story.say(0, { ...download, available_version: 'v2.0.0' });
    expect(story.history).toEqual(['new>downloading']);
  });

  it('closes the attempt at one version when it takes another', () => {
    const other = aRelease({ id: 2, version: '3.0.0' });
    const story = newsStory(newsCatalog([aRelease(), other]));
    story.say(10, download);
    story.say(20, { ...download, available_version: '3.0.0', uptime_sec: 3620 });
    expect(story.history).toEqual(['new>downloading', 'downloading>cancelled', 'new>downloading']);
  });
});

describe('what comes twice, late or by two ways', () => {
  it('changes nothing when it is repeated', () => {
    const story = updated();
    for (const message of [written, install, download]) story.say(26, message);
    story.say(40, runsNew);
    for (const message of [runsNew, written, install, download]) story.say(41, message);
    expect(story.history).toEqual([...update, 'installed>confirmed']);
  });

  it('begins nothing again after its end', () => {
    const story = newsStory();
    story.say(10, download);
    story.say(12, { ...working, status: 5, uptime_sec: 3612 });
    expect(story.say(13, { ...download, progress_pct: 60, uptime_sec: 3611 })).toBe('overtaken');
    // Whole seconds only: the same one.
    expect(story.say(13, { ...download, progress_pct: 60, uptime_sec: 3612 })).toBe('overtaken');
    expect(story.history).toEqual(['new>downloading', 'downloading>failed']);
  });

  it('does not make a rollback of a message from before the update', () => {
    const story = updated();
    expect(story.say(55, { status: 0, current_version: '1.0.0', uptime_sec: 3600 })).toBe(
      'overtaken',
    );
    expect(story.history).toEqual(update);
  });

  it('begins nothing again after a rollback, either', () => {
    const story = updated();
    for (const at of [40, 41]) story.say(at, { ...runsOld, uptime_sec: at - 35 });
    for (const message of [written, install, download]) story.say(42, message);
    expect(story.history).toEqual([...update, 'installed>rolled_back']);
  });

  it('does not take the running version back, with an uptime or without', () => {
    for (const clock of [{}, { uptime_sec: undefined }]) {
      const story = updated();
      story.say(40, { ...runsNew, ...clock });
      story.say(41, { ...written, ...clock });
      expect(story.record().device.version).toBe('2.0.0');
    }
  });

  it('is not seen in what a device does later in the same boot', () => {
    const story = newsStory();
    // What confirmed the update was held up for ten minutes.
    story.say(0, { ...written, uptime_sec: 3625 });
    story.say(600, runsNew);
    story.say(990, { status: 1, current_version: '2.0.0', uptime_sec: 990 });
    story.say(1000, {
      ...download,
      available_version: '2.0.0',
      current_version: '2.0.0',
      uptime_sec: 1000,
    });
    expect(story.history.at(-1)).toBe('new>downloading');
  });

  it('is told from a device that came back without a word and begins anew', () => {
    const story = updated();
    story.say(40, runsNew);
    story.say(200, { ...download, uptime_sec: 20 });
    expect(story.history.slice(-2)).toEqual(['confirmed>rolled_back', 'new>downloading']);
  });

  it('is told from a restart, also when all messages were held up', () => {
    const story = newsStory();
    // A minute of messages at once: the device restarted at second 30.
    for (const message of [download, install, written]) story.say(100, message);
    story.say(100.1, { ...runsOld, uptime_sec: 40 });
    expect(story.history.at(-1)).toBe('installed>rolled_back');
  });

  it('leads to the same end in any order, and any number of times', () => {
    const messages = [
      download,
      { ...download, progress_pct: 70, uptime_sec: 3615 },
      install,
      written,
    ];
    const arrivals = fc
      .array(fc.constantFrom(...messages), { maxLength: 12 })
      .chain((extra) =>
        fc.shuffledSubarray([...messages, ...extra], { minLength: messages.length + extra.length }),
      );
    fc.assert(
      fc.property(arrivals, (order) => {
        const story = newsStory();
        order.forEach((message, index) => void story.say(30 + index / 100, message));
        for (const at of [40, 41]) story.say(at, runsNew);
        for (const message of order) story.say(41, message);
        expect(story.record().attempt).toMatchObject({ id: 1, state: 'confirmed' });
        expect(story.history.filter((move) => move.startsWith('new>'))).toHaveLength(1);
      }),
    );
  });
});

describe('what the broker kept', () => {
  it('tells who is there and what runs, and begins nothing', () => {
    const story = newsStory();
    expect(story.keep(0, { ...working, status: 5 })).toBe('taken');
    expect(story.record()).toMatchObject({ device: { version: '1.0.0' }, attempt: undefined });
    expect(story.keep(1, { ...working, status: 5 })).toBe('repeated');
  });

  it('confirms an update that nobody has seen the end of, and proves no rollback', () => {
    const story = updated();
    story.keep(30, { ...runsOld });
    expect(story.history).toEqual(update);
    story.keep(31, { ...runsNew });
    expect(story.history.at(-1)).toBe('installed>confirmed');
  });

  it('takes an attempt that is under way on, and does not begin another', () => {
    const story = newsStory();
    story.say(10, download);
    expect(story.keep(1000, install)).toBe('taken');
    expect(story.keep(1001, { ...working, status: 5 })).toBe('taken');
    expect(story.keep(1002, download)).toBe('repeated');
    expect(story.history).toEqual([
      'new>downloading',
      'downloading>installing',
      'installing>failed',
    ]);
  });
});

describe('a device that must be told', () => {
  const stable = newsCatalog([aRelease({ stable: true })]);
  const there = { deviceId: 'd1', named: 'by-topic', retained: false, asks: true } as const;
  const news = {
    ...there,
    model: 'esp32',
    runs: { version: '1.0.0', build: undefined, imageSha256: undefined },
  };

  it('is told of an update once, again after a quarter of an hour, and never while it works', () => {
    const story = newsStory(stable, true);
    expect(story.hear(0, news).tell?.version).toBe('2.0.0');
    expect(story.hear(60, news).tell).toBeUndefined();
    expect(story.hear(900, news).tell?.version).toBe('2.0.0');
    expect(story.hear(960, news).tell).toBeUndefined();
    story.hear(961, { ...there, report: { status: 'pending', version: '2.0.0' } });
    story.hear(962, { ...there, report: { status: 'downloading', progress: 3 } });
    expect(story.hear(9000, news).tell).toBeUndefined();
    expect(story.history).toEqual(['new>pending', 'pending>downloading']);
  });

  it('is told in another attempt an hour after a failure', () => {
    const story = newsStory(stable, true);
    story.hear(0, news);
    story.hear(1, { ...there, report: { status: 'failed', version: '2.0.0' } });
    expect(story.hear(60, news).tell).toBeUndefined();
    expect(story.hear(3700, news).tell?.version).toBe('2.0.0');
    expect(story.history).toEqual(['new>pending', 'pending>failed', 'new>pending']);
  });

  it('is told nothing by a paused rollout, and loses the offer that it did not take up', () => {
    const releases = [aRelease()];
    const rollouts = [aRollout()];
    const story = newsStory(newsCatalog(releases, rollouts), true);
    expect(story.hear(0, news).tell?.version).toBe('2.0.0');
    rollouts[0] = aRollout({ state: 'paused' });
    expect(story.hear(1, news).tell).toBeUndefined();
    expect(story.history).toEqual(['new>pending', 'pending>cancelled']);
    rollouts[0] = aRollout();
    expect(story.hear(2, news).tell?.version).toBe('2.0.0');
  });

  it('goes on with a download in spite of what it says of itself in between', () => {
    const story = newsStory(stable, true);
    story.hear(0, news);
    story.hear(1, { ...there, report: { status: 'installing', progress: 3 } });
    story.hear(2, news);
    story.hear(3, { ...there, report: { status: 'downloading', progress: 99 } });
    expect(story.history).toEqual(['new>pending', 'pending>installing']);
  });

  it('is told nothing where offers are switched off', () => {
    expect(newsStory(stable, false).hear(0, news).tell).toBeUndefined();
  });
});
