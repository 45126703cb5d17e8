import { pullTopics } from '../../core/chunks/pull.ts';
import { createPullClient } from '../../core/chunks/pull-client.ts';
import { parseTopicTemplate } from '../../core/fleet/commands/topic-template.ts';
import type { BrokerClient, IncomingMessage } from '../../transports/mqtt/connection/client.ts';
import type { Sleep } from '../../transports/sleep.ts';
import { DeviceError } from './device-error.ts';
import type { FirmwareSource } from './source.ts';

const answerMs = 3000;
const mostTries = 20;

export interface PullSourceOptions {
  readonly client: () => BrokerClient;
  /** Keeps devices apart: the request id. */
  readonly name: string;
  readonly chunkBytes: number;
  readonly sleep: Sleep;
}

/** Downloads with the chunk protocol of `ota serve-chunks`, as a client of ThingsBoard does. */
export function createPullSource(options: PullSourceOptions): FirmwareSource {
  const { chunkBytes } = options;
  const ask = createAsking(options);
  return {
    async look(signal) {
      const keys = 'fw_title,fw_version,fw_checksum,fw_checksum_algorithm,fw_size,fw_signature';
      const topics = [pullTopics.attributesRequest, pullTopics.attributesResponse] as const;
      const sharedKeys = JSON.stringify({ sharedKeys: keys });
      const answer = await ask(topics, {}, sharedKeys, signal);
      const { shared } = JSON.parse(answer.toString()) as { shared: Record<string, unknown> };
      const sizeBytes = Number(shared.fw_size);
      return {
        expected: {
          version: String(shared.fw_version),
          sizeBytes,
          sha256: String(shared.fw_checksum),
          ...(shared.fw_signature === undefined ? {} : { signature: String(shared.fw_signature) }),
        },
        async fetch(slot, onBytes, fetchSignal) {
          const pull = createPullClient(sizeBytes, chunkBytes, (bytes) => slot.write(bytes));
          const chunkTopics = [pullTopics.request, pullTopics.response] as const;
          for (let n = pull.wanted(); n !== undefined; n = pull.wanted()) {
            const bytes = await ask(chunkTopics, { n: String(n) }, String(chunkBytes), fetchSignal);
            if (bytes.length === 0) throw new DeviceError('ESP_FAIL', 'an empty chunk');
            pull.receive(n, bytes);
            await onBytes();
          }
        },
      };
    },
  };
}

const nothing = (): undefined => undefined;

type Topics = readonly [request: string, response: string];

/** Publishes a question until its answer comes. Each kind of answer is subscribed to once a connection. */
function createAsking({ client, name: requestId, sleep }: PullSourceOptions) {
  const subscribed = new Map<string, BrokerClient>();
  let expected: { topic: string; take(message: IncomingMessage): void } | undefined;
  return async (
    [request, response]: Topics,
    places: Readonly<Record<string, string>>,
    payload: string,
    signal: AbortSignal,
  ): Promise<Buffer> => {
    const names = ['requestId', ...Object.keys(places)];
    const values = { requestId, ...places };
    const answerTopic = parseTopicTemplate(response, names);
    const filter = answerTopic.filter.replace('+', requestId);
    if (subscribed.get(filter) !== client()) {
      subscribed.set(filter, client());
      await client().subscribe(filter, 0, (message) => {
        if (message.topic === expected?.topic) expected.take(message);
      });
    }
    const topic = parseTopicTemplate(request, names).expand(values);
    for (let attempt = 0; attempt < mostTries; attempt += 1) {
      const answered = new Promise<Buffer>((take) => {
        expected = { topic: answerTopic.expand(values), take: (message) => take(message.payload) };
      });
      const timer = new AbortController();
      const silence = sleep(answerMs, timer.signal).then(nothing).catch(nothing);
      void client()
        .publish(topic, payload, { qos: 0 })
        .catch(() => {});
      const answer = await Promise.race([answered, silence]);
      timer.abort();
      if (answer !== undefined) return answer;
      signal.throwIfAborted();
    }
    throw new DeviceError('ESP_ERR_TIMEOUT', `no answer to ${topic}`);
  };
}
