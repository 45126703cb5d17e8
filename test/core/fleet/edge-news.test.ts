import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EdgeTopic,
  edgeTopics,
  formatEdgeCommand,
  parseEdgeNews,
} from '../../../tools/core/fleet/news/edge-news.ts';

const sender = { deviceId: 'ESP32-1', named: 'by-topic', retained: false } as const;

function read(topic: EdgeTopic, message: object) {
  const parsed = parseEdgeNews(sender, topic, Buffer.from(JSON.stringify(message)));
  if (parsed.kind === 'news') return { ...parsed.news, ...(parsed.news.report ?? {}) };
  return parsed;
}

describe('a message of an edge device', () => {
  it('says what it is and what it runs', () => {
    const message = {
      timestamp: '2025-12-13T10:00:00Z',
      state: 'COLLECT',
      uptime_s: 12_345,
      device_id: 'ESP32-1',
      firmware_version: '1.3.0',
      device_model: 'lilygo-t-display-s3',
    };
    expect(read('status', message)).toMatchObject({
      model: 'lilygo-t-display-s3',
      runs: { version: '1.3.0' },
      uptimeMs: 12_345_000,
      asks: true,
    });
    expect(
      read('status', { online: true, uptime_seconds: 5, firmware_version: '1' }),
    ).toMatchObject({ uptimeMs: 5000, runs: { version: '1' } });
  });

  it('that the broker sends when it is gone tells nothing', () => {
    expect(read('status', { online: false })).toEqual({ kind: 'nothing' });
  });

  it('acknowledges a command', () => {
    const message = { timestamp: 1, status: 'accepted', version: '2.0.0' };
    expect(read('accepted', message)).toMatchObject({ status: 'pending', version: '2.0.0' });
    const both = { status: 'accepted', version: '1.0.0', target_version: '2.0.0' };
    expect(read('accepted', both)).toMatchObject({ version: '2.0.0' });
    expect(read('accepted', { status: 'dancing' })).toEqual({
      kind: 'malformed',
      problem: 'has an unknown status: "dancing"',
    });
  });

  it.each([
    ['downloading', 'downloading'],
    ['connecting', 'downloading'],
    ['Verifying', 'downloaded'],
    ['installing', 'installing'],
  ])('that is %s means %s', (state, status) => {
    const message = {
      timestamp: 1,
      state,
      percent: 41.6,
      downloaded: 1000,
      total: 2400,
      elapsed_ms: 7,
    };
    expect(read('progress', message)).toMatchObject({ status, progress: 42, bytes: 1000 });
  });

  it('tells how it ended', () => {
    expect(read('result', { version: '2.0.0', success: true, result_code: 0 })).toMatchObject({
      status: 'success',
      version: '2.0.0',
    });
    const failed = { version: '2.0.0', success: false, result_code: 3, message: 'sha256 differs' };
    expect(read('result', failed)).toMatchObject({
      status: 'failed',
      error: 'verification failed: sha256 differs',
    });
    expect(read('result', { success: false, result_code: 42 })).toMatchObject({ error: 'code 42' });
  });

  it('that it is busy already is not about the update that is under way', () => {
    expect(read('result', { success: false, result_code: 10 })).toEqual({ kind: 'nothing' });
  });

  it.each([
    ['status', '{', 'is not JSON'],
    ['progress', '{}', 'has no field "state"'],
    ['result', '{}', 'has no field "success"'],
    ['result', '[]', 'is not a JSON object'],
    ['status', `{"firmware_version":"${'9'.repeat(65)}"}`, 'has an impossible version: '],
    ['status', '{"firmware_version":"1\\u00002"}', 'has an impossible version: '],
  ] as const)('%s %s is counted as malformed', (topic, text, problem) => {
    expect(parseEdgeNews(sender, topic, Buffer.from(text))).toMatchObject({
      kind: 'malformed',
      problem: expect.stringContaining(problem),
    });
  });

  it('never throws, and never tells what a database cannot hold', () => {
    const topics = fc.constantFrom(...(Object.keys(edgeTopics).slice(0, 4) as EdgeTopic[]));
    const keys = fc.constantFrom(
      'state',
      'status',
      'success',
      'result_code',
      'version',
      'percent',
      'downloaded',
      'firmware_version',
      'device_model',
      'uptime_s',
      'message',
    );
    const payloads = fc.dictionary(keys, fc.jsonValue());
    fc.assert(
      fc.property(topics, payloads, (topic, payload) => {
        const told = parseEdgeNews(sender, topic, Buffer.from(JSON.stringify(payload)));
        if (told.kind !== 'news') return;
        const { uptimeMs = 0, report, model } = told.news;
        for (const number of [uptimeMs, report?.bytes ?? 0, report?.progress ?? 0])
          expect(Number.isSafeInteger(number)).toBe(true);
        expect(`${model}${report?.error}${report?.version}`).not.toMatch(/\0|\p{Cs}/u);
      }),
    );
  });
});

describe('the command to an edge device', () => {
  it('is what seed 003 sends', () => {
    const command = { url: 'https://ota/x', version: '2.0.0', sha256: 'ab' };
    expect(formatEdgeCommand(command)).toBe(
      '{"url":"https://ota/x","version":"2.0.0","checksum":"ab"}',
    );
  });
});
