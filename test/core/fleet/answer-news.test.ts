import { describe, expect, it } from 'vitest';
import { aRelease } from '../../support/fleet-facts.ts';
import {
  download,
  install,
  newsCatalog,
  newsStory,
  runsNew,
  runsOld,
  update,
  updated,
  working,
  written,
} from '../../support/news-story.ts';

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
