import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  download,
  install,
  newsStory,
  runsNew,
  runsOld,
  update,
  updated,
  working,
  written,
} from '../../support/news-story.ts';

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
