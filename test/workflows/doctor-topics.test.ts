import { describe, expect, it } from 'vitest';
import { parseTopicTemplate } from '../../tools/core/fleet/commands/topic-template.ts';
import type { HealthCheck } from '../../tools/core/health/check.ts';
import { examineTopics } from '../../tools/workflows/doctor/topics.ts';
import { never, testClient } from '../support/fleet.ts';
import { scriptedBroker } from '../support/mqtt.ts';
import { acknowledge, type BrokerScript } from '../support/scripted-broker.ts';

/** What is found at a broker that does as it is told. */
async function examined(script: BrokerScript, protocolVersion: 4 | 5 = 5): Promise<string[]> {
  const broker = await scriptedBroker(script);
  const client = await testClient(broker.url, { protocolVersion });
  const checks: HealthCheck[] = [];
  await examineTopics(
    {
      client,
      commandTopic: parseTopicTemplate('fleet/{device}/command', ['device']),
      statusTopic: parseTopicTemplate('fleet/{device}/status', ['device']),
      signal: never,
      patience: { retainedMs: 20, echoMs: 50, answerMs: 300 },
    },
    (...found) => checks.push(...found),
  );
  return checks.map(({ name, status, message }) => `${status} ${name}: ${message}`);
}

const notAuthorized = 0x87;

/** Acknowledges all, with these codes for subscriptions and messages. */
function answering(codes: { suback?: number; puback?: number }): BrokerScript {
  return {
    onPacket(packet, connection) {
      const { messageId } = packet;
      if (packet.cmd === 'subscribe' && messageId !== undefined) {
        connection.send({ cmd: 'suback', messageId, granted: [codes.suback ?? 1] });
      } else if (packet.cmd === 'publish' && codes.puback !== undefined) {
        connection.send({ cmd: 'puback', messageId: messageId ?? 0, reasonCode: codes.puback });
      } else acknowledge(packet, connection);
    },
  };
}

describe('the rights on topics', () => {
  it('are missed when the broker says so', async () => {
    const found = await examined(answering({ suback: notAuthorized, puback: notAuthorized }));
    expect(found).toEqual([
      expect.stringMatching(
        /^failed subscribe to status: \S+ refused the subscription to fleet\/\+/,
      ),
      expect.stringMatching(/^warning retained leftovers: cannot be looked for: \S+ refused/),
      expect.stringMatching(
        /^failed publish commands: \S+ refused the message to fleet\/ota-doctor/,
      ),
    ]);
  });

  it('are missed when the broker delivers nothing', async () => {
    expect(await examined(answering({}))).toEqual([
      'failed subscribe to status: fleet/+/status is granted, but nothing is delivered',
      'warning retained leftovers: cannot be looked for: the broker delivers nothing on fleet/+/command',
      'ok publish commands: fleet/ota-doctor/command',
    ]);
  });

  it('cannot be told over MQTT 3.1.1 from an acknowledgement alone', async () => {
    expect(await examined(answering({}), 4)).toEqual([
      'ok subscribe to status: fleet/+/status is granted; no kept state has come to prove it',
      'warning retained leftovers: cannot be looked for: the broker delivers nothing on fleet/+/command',
      expect.stringMatching(
        /^warning publish commands: .* MQTT 3\.1\.1 acknowledges what it drops/,
      ),
    ]);
  });

  it('are missed when the broker hangs up instead of answering, however often', async () => {
    const found = await examined({
      onPacket(packet, connection) {
        if (packet.cmd === 'publish') connection.hangUp();
        else answering({}).onPacket?.(packet, connection);
      },
    });
    expect(found.at(-1)).toMatch(
      /^failed publish commands: \S+ does not answer the message to fleet\/ota-doctor\/command$/,
    );
  });
});
