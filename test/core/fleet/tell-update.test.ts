import { describe, expect, it } from 'vitest';
import { aRelease, aRollout } from '../../support/fleet-facts.ts';
import { newsCatalog, newsStory } from '../../support/news-story.ts';

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
