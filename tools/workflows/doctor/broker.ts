import { brokerUrl } from '../../core/fleet/commands/deploy-config.ts';
import { parseTopicTemplate } from '../../core/fleet/commands/topic-template.ts';
import { type HealthCheck, ok, warning } from '../../core/health/check.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import { parseBroker } from '../../transports/mqtt/connection/broker-url.ts';
import type { BrokerClient } from '../../transports/mqtt/connection/client.ts';
import { openConfiguredClient, readBrokerTls } from '../deploy-config.ts';
import { checkCertificates } from './certificate.ts';
import type { DoctorOptions } from './doctor.ts';
import { type Add, fromError } from './report.ts';
import { probeSharedTopic } from './shared-topic.ts';
import { examineTopics, type Topics } from './topics.ts';

/** Looks at the broker as the host does that commands a fleet. */
export async function examineBroker(
  options: DoctorOptions,
  images: readonly ArtifactFacts[],
  add: Add,
): Promise<void> {
  let topics: Topics;
  try {
    topics = await openTopics(options, add);
  } catch (error) {
    add(fromError('broker', error));
    return;
  }
  const { client, commandTopic } = topics;
  try {
    add(ok('broker', `${client.peer} answers, MQTT ${client.version === 5 ? '5' : '3.1.1'}`));
    add(checkPacketSize(client, images));
    await examineTopics(topics, add);
  } finally {
    await client.close();
  }
  // On a connection of its own, after the other: the configuration may fix the client id.
  if (commandTopic.names.length === 0) {
    add(await probeSharedTopic(options, commandTopic.expand({}), client.version));
  }
}

async function openTopics(
  { loaded, random, signal, now }: DoctorOptions,
  add: Add,
): Promise<Topics> {
  const { command_topic, status_topic } = loaded.config.mqtt;
  const commandTopic = parseTopicTemplate(command_topic, ['device']);
  const statusTopic = parseTopicTemplate(status_topic, ['device']);
  const broker = parseBroker(brokerUrl(loaded.config));
  if (broker.tls) {
    const { host, port } = broker;
    const tls = await readBrokerTls(loaded);
    add(await checkCertificates('broker certificate', { host, port, tls, now: now(), signal }));
  }
  const client = await openConfiguredClient(loaded, { signal, random });
  return { client, commandTopic, statusTopic, signal };
}

/** Topic, packet id and properties of a PUBLISH (MQTT 5 §3.3), generously. */
const packetOverheadBytes = 512;

function checkPacketSize(
  { limits, version }: BrokerClient,
  images: readonly ArtifactFacts[],
): HealthCheck {
  const name = 'packet size';
  const { maximumPacketSize } = limits;
  if (version === 4) return ok(name, 'MQTT 3.1.1 does not say its limit');
  if (!Number.isFinite(maximumPacketSize)) return ok(name, 'no limit is announced');
  const tooLarge = images.filter(
    ({ sizeBytes }) => sizeBytes + packetOverheadBytes > maximumPacketSize,
  );
  if (tooLarge.length === 0) return ok(name, `up to ${maximumPacketSize} bytes`);
  const named = tooLarge.map(({ filename, sizeBytes }) => `${filename} has ${sizeBytes}`);
  const message = `one message holds ${maximumPacketSize} bytes; ${named.join(', ')}`;
  const remedy =
    'Use "mode": "chunked", `ota serve-chunks`, or raise max_packet_size of the broker.';
  return warning(name, message, remedy);
}
