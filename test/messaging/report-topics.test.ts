import { describe, expect, it } from 'vitest';
import { createReportTopics } from '../../tools/messaging/report-topics.ts';
import { reportTopics } from '../support/report-feed.ts';

const topics = createReportTopics(reportTopics);
const message = (topic: string, text: string) => ({
  topic,
  payload: Buffer.from(text),
  retained: false,
});

describe('the topics on which devices report', () => {
  it('are subscribed to with one filter each', () => {
    expect(topics.filters).toEqual([
      'bms/ota/status',
      'fleet/+/ota/status',
      'paku/edge/+/status',
      'paku/edge/+/ota/status',
      'paku/edge/+/ota/progress',
      'paku/edge/+/ota/result',
    ]);
    const twice = { statusTopics: ['a/{device}', 'a/{device}'], edgeTopic: undefined };
    expect(createReportTopics(twice).filters).toEqual(['a/+']);
  });

  it('say who speaks, and where an edge device listens', () => {
    expect(topics.read(message('fleet/d1/ota/status', '{"status":0}'))).toMatchObject({
      news: { deviceId: 'd1', named: 'by-topic' },
    });
    const shared = message('bms/ota/status', '{"status":0,"device_id":"d2"}');
    expect(topics.read(shared)).toMatchObject({ news: { deviceId: 'd2', named: 'by-message' } });
    expect(topics.commandTopic('paku/edge/e1/status')).toBe('paku/edge/e1/cmd/ota');
    expect(topics.commandTopic('fleet/d1/ota/status')).toBeUndefined();
  });

  it('mean nothing when a message is empty, or comes from elsewhere', () => {
    expect(topics.read(message('fleet/d1/ota/status', ''))).toEqual({ kind: 'nothing' });
    expect(topics.read(message('fleet/d1/other', '{}'))).toBeUndefined();
  });

  it('hold no control characters: nobody could be told anything there', () => {
    const odd = createReportTopics({
      statusTopics: ['a/{device}'],
      edgeTopic: 'e/{model}/{device}',
    });
    const text = '{"status":0,"firmware_version":"1.0.0","device_model":"m"}';
    for (const topic of ['a/d\u0007', 'e/m\u0007/d1/status']) {
      expect(odd.read(message(topic, text))).toMatchObject({ kind: 'malformed' });
    }
  });

  it.each(['paku/edge', 'paku/{node}', 'paku/+/{device}', ''])(
    'of edge devices cannot be %j',
    (edgeTopic) => {
      expect(() => createReportTopics({ statusTopics: [], edgeTopic })).toThrowError(
        expect.objectContaining({ code: 'topic-invalid' }),
      );
    },
  );
});
