import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import type { DeviceNews } from '../../tools/core/fleet/news/news.ts';
import type { IntakeAnswer } from '../../tools/core/fleet/news/status-intake.ts';
import { createReportHandler } from '../../tools/messaging/report-handler.ts';
import { createReportTopics } from '../../tools/messaging/report-topics.ts';
import { memoryLog, reportTopics } from '../support/report-feed.ts';

const message = {
  topic: 'fleet/d1/ota/status',
  payload: Buffer.from('{"status":0,"current_version":"1.0.0"}'),
  retained: false,
};
const session = { publish: async () => undefined };
const never = new AbortController().signal;

/** A handler, with a service that answers as the test wants. */
function aHandler(take: (news: DeviceNews) => Promise<IntakeAnswer>) {
  const { log, lines } = memoryLog();
  const topics = createReportTopics(reportTopics);
  const handler = createReportHandler({ intake: { take }, topics, log, random: () => 0 });
  return { ...handler, lines };
}

describe('a report while the database is away', () => {
  const away = () => new OtaError('database-failed', 'the database does not work');

  it('is handed in again until it is stored, with one word in the log', async () => {
    let tries = 0;
    const handler = aHandler(async () => {
      tries += 1;
      if (tries < 3) throw away();
      return { outcome: 'taken' };
    });
    await handler.handle(message, session, never);
    expect(tries).toBe(3);
    expect(handler.messages).toEqual({ taken: 1 });
    expect(handler.lines.map(({ text }) => text)).toEqual([
      'reports wait for the database',
      'the database is back: reports are taken again',
    ]);
  });

  it('is given back to the broker when the connection ends', async () => {
    const controller = new AbortController();
    const handler = aHandler(async () => {
      controller.abort();
      throw away();
    });
    await expect(handler.handle(message, session, controller.signal)).rejects.toThrow();
    expect(handler.messages).toEqual({});
  });
});

describe('a report that a bug stands in the way of', () => {
  it('is counted and logged, and does not come again for ever', async () => {
    const handler = aHandler(async () => {
      throw new TypeError('no such thing');
    });
    for (let turn = 0; turn < 3; turn += 1) await handler.handle(message, session, never);
    expect(handler.messages).toEqual({ failed: 3 });
    expect(handler.lines).toHaveLength(1);
    expect(handler.lines[0]?.data).toMatchObject({
      why: 'could not be handled: TypeError: no such thing',
    });
  });
});

describe('a command that does not reach the broker', () => {
  it('costs nothing but a line in the log', async () => {
    const command = { url: 'http://x/y', version: '2.0.0', sha256: 'ab' };
    const handler = aHandler(async () => ({ outcome: 'taken', command }));
    const broken = {
      publish: () => Promise.reject(new OtaError('connection-failed', 'gone')),
    };
    const edge = { ...message, topic: 'paku/edge/e1/status' };
    await handler.handle(edge, broken, never);
    await expect.poll(() => handler.lines.length).toBe(1);
    expect(handler.lines[0]?.data).toMatchObject({ topic: 'paku/edge/e1/cmd/ota' });
    expect([handler.commands(), handler.messages]).toEqual([0, { taken: 1 }]);
  });
});

describe('a message on a topic that nobody asked for any more', () => {
  it('means nothing', async () => {
    const handler = aHandler(() => Promise.reject(new Error('not to be asked')));
    await handler.handle({ ...message, topic: 'old/d1' }, session, never);
    expect(handler.messages).toEqual({ nothing: 1 });
  });
});
