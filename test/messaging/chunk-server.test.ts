import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { pullTopics } from '../../tools/core/chunks/pull.ts';
import { parseTopicTemplate } from '../../tools/core/fleet/commands/topic-template.ts';
import type { ArtifactFacts } from '../../tools/core/release/delivery.ts';
import { signBytes } from '../../tools/core/signing/sign-bytes.ts';
import { type ChunkServerEvent, serveChunks } from '../../tools/messaging/chunk-server.ts';
import type { BrokerClient } from '../../tools/transports/mqtt/connection/client.ts';
import { factsOf } from '../support/deliveries.ts';
import {
  commandFleet,
  outcomesOf,
  testBroker,
  testClient,
  testFleet,
  testImage,
} from '../support/fleet.ts';
import { createKey } from '../support/keys.ts';
import { createTestClock } from '../support/test-clock.ts';

const firmware = testImage('1.1.0', 100_000);
const places = ['requestId', 'n'];

async function serve(
  client: BrokerClient,
  onEvent: (event: ChunkServerEvent) => void = () => {},
  changes: Partial<ArtifactFacts> = {},
) {
  return await serveChunks({
    client,
    facts: factsOf(firmware, { version: '1.1.0', artifact: 'fleet', ...changes }),
    firmware,
    topics: {
      request: parseTopicTemplate(pullTopics.request, places),
      response: parseTopicTemplate(pullTopics.response, places),
      attributesRequest: parseTopicTemplate(pullTopics.attributesRequest, places),
      attributesResponse: parseTopicTemplate(pullTopics.attributesResponse, places),
    },
    largestChunkBytes: 16_384,
    onEvent,
  });
}

/** Asks once, and returns the answer. */
async function ask(client: BrokerClient, topic: string, payload: string): Promise<Buffer> {
  const answerTopic = topic.replace('/request/', '/response/');
  const answer = new Promise<Buffer>((resolve, reject) => {
    client
      .subscribe(answerTopic, 1, (message) => resolve(message.payload))
      .then(() => client.publish(topic, payload, { qos: 1 }))
      .catch(reject);
  });
  return await answer;
}

describe('the chunk server', () => {
  it('answers to the letter of the protocol', async () => {
    const { url } = await testBroker();
    const events: ChunkServerEvent[] = [];
    const server = await serve(await testClient(url), (event) => events.push(event));
    const device = await testClient(url);
    const chunk = (n: number, size: string) => ask(device, `v2/fw/request/r1/chunk/${n}`, size);
    expect(await chunk(0, '4096')).toEqual(Buffer.from(firmware.subarray(0, 4096)));
    const last = Math.floor(firmware.length / 4096);
    expect(await chunk(last, '4096')).toEqual(Buffer.from(firmware.subarray(last * 4096)));
    expect(await chunk(last + 1, '4096')).toHaveLength(0);
    expect(await chunk(1, '16385')).toHaveLength(0);
    expect(await chunk(2, '')).toHaveLength(0);
    expect(events.filter(({ type }) => type === 'refused')).toEqual([
      { type: 'refused', requestId: 'r1', why: 'asks for 16385 bytes, one message holds 16384' },
    ]);
    expect(server.stats).toMatchObject({ requests: 5, refused: 1 });
  });

  it('tells what there is to those who ask for the attributes', async () => {
    const { url } = await testBroker();
    await serve(await testClient(url));
    const topic = 'v1/devices/me/attributes/request/7';
    const keys = '{"sharedKeys":"fw_title,fw_version,fw_checksum"}';
    expect(JSON.parse(String(await ask(await testClient(url), topic, keys)))).toEqual({
      shared: {
        fw_title: 'fleet',
        fw_version: '1.1.0',
        fw_checksum: createHash('sha256').update(firmware).digest('hex'),
      },
    });
  });

  it('brings the signature to devices that trust keys', async () => {
    const key = createKey('ecdsa-p256');
    const signature = Buffer.from(signBytes(key, firmware)).toString('base64');
    const outcome = async (changes: Partial<ArtifactFacts>) => {
      const { url } = await testBroker();
      await serve(await testClient(url), () => {}, changes);
      await testFleet(url, 1, { source: 'pull' }, { keys: [key.publicKey] });
      const run = await commandFleet(await testClient(url), {});
      return run.waits[0]?.outcome?.reason;
    };
    expect(await outcome({ signature })).toBe('runs 1.1.0');
    expect(await outcome({})).toBe('ESP_ERR_OTA_VALIDATE_FAILED: the image is not signed');
  });

  it('lets many devices pull at the same time, and through lost connections', async () => {
    const { url } = await testBroker();
    const host = await testClient(url);
    await serve(host, (event) => {
      if (event.type === 'served' && event.requestId === 'dev-0003') cut();
    });
    let cuts = 0;
    const cut = () => {
      cuts += 1;
      if (cuts === 3) host.reconnect();
    };
    const faults = [{ fault: 'disconnect', count: 1, percent: 30 }];
    // A device that gets no answer asks again after 3 s.
    const clock = createTestClock(10);
    await testFleet(url, 6, { source: 'pull', chunk_size: 8192, faults }, clock);
    const run = await commandFleet(
      await testClient(url),
      { timeoutMs: 300_000 },
      { ...clock, discoverMs: 1000 },
    );
    expect(outcomesOf(run)).toEqual(
      Array.from({ length: 6 }, (_, index) => `dev-000${index} updated`),
    );
  });
});
