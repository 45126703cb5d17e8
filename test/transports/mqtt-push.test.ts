import { describe, expect, it } from 'vitest';
import { buildPushManifest } from '../../tools/core/chunks/push-messages.ts';
import type {
  BrokerClient,
  IncomingMessage,
} from '../../tools/transports/mqtt/connection/client.ts';
import { pushChunks } from '../../tools/transports/mqtt/push-chunks.ts';
import { factsOf, sampleBytes } from '../support/deliveries.ts';

const chunkBytes = 64;
const manifest = buildPushManifest({ ...factsOf(sampleBytes), chunkBytes });

interface Answer {
  readonly afterMs: number;
  readonly device: string;
  readonly missing?: readonly (readonly [number, number])[];
}

/** Pushes to devices that answer the end of each round as they are told, by a clock of their own. */
async function push(expected: readonly string[], rounds: readonly (readonly Answer[])[]) {
  let nowMs = 0;
  let due: { atMs: number; answer: Answer }[] = [];
  const handlers = new Map<string, (message: IncomingMessage) => void>();
  const chunksAt: number[] = [];
  const client: BrokerClient = {
    peer: 'broker',
    version: 5,
    limits: { maximumPacketSize: 1e6, receiveMaximum: 10 },
    subscribe: async (topic, _qos, handle) => void handlers.set(topic, handle),
    async publish(topic, payload) {
      if (topic === 'fw/chunk') chunksAt.push(nowMs);
      if (topic === 'fw/manifest') say(topic, String(payload));
      if (topic !== 'fw/end') return;
      const { round } = JSON.parse(String(payload));
      const answers = rounds[round - 1] ?? [];
      due.push(...answers.map((answer) => ({ atMs: nowMs + answer.afterMs, answer })));
    },
    reconnect: () => undefined,
    close: async () => undefined,
  };
  const say = (topic: string, text: string) =>
    handlers.get(topic)?.({ topic, payload: Buffer.from(text), qos: 1, retained: false });
  await pushChunks({
    client,
    base: 'fw',
    manifest,
    firmware: sampleBytes,
    expected,
    qos: 1,
    window: 4,
    settleMs: 6000,
    deadlineMs: 60_000,
    keepManifest: false,
    now: () => nowMs,
    async sleep(ms) {
      nowMs += ms;
      const now = due.filter(({ atMs }) => atMs <= nowMs);
      due = due.filter((one) => !now.includes(one));
      for (const { answer } of now) {
        const { device, missing } = answer;
        const state = missing === undefined ? 'complete' : 'missing';
        const { transfer_id } = manifest;
        say('fw/request', JSON.stringify({ transfer_id, device_id: device, state, missing }));
      }
    },
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  const [firstRoundAt = 0, ...repairedAt] = chunksAt.slice(manifest.chunk_count - 1);
  return { repairedAfterMs: repairedAt.map((atMs) => atMs - firstRoundAt) };
}

const done = (...devices: string[]) => devices.map((device) => ({ afterMs: 100, device }));

describe('a round of a transfer in chunks', () => {
  it('waits for others when the first one says late what it misses', async () => {
    const late: Answer[] = [
      { afterMs: 900, device: 'a', missing: [[0, 0]] },
      { afterMs: 1300, device: 'b', missing: [[1, 1]] },
    ];
    const { repairedAfterMs } = await push(['a', 'b', 'c'], [late, done('a', 'b', 'c')]);
    expect(repairedAfterMs).toEqual([1600, 1600]);
  });

  it('is over as soon as all that are expected have answered', async () => {
    const answers: Answer[] = [
      { afterMs: 100, device: 'a', missing: [[0, 0]] },
      { afterMs: 200, device: 'b' },
    ];
    const { repairedAfterMs } = await push(['a', 'b'], [answers, done('a')]);
    expect(repairedAfterMs).toEqual([200]);
  });
});
