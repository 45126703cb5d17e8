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
import { examineTopics } from './topics.ts';

/** Looks at the broker as the host does that commands a fleet. */
export async function examineBroker(
  options: DoctorOptions,
  images: readonly ArtifactFacts[],
  add: Add,
): Promise<void> {
  const { loaded, random, signal } = options;
  let client: BrokerClient;
  try {
    const broker = parseBroker(brokerUrl(loaded.config));
    if (broker.tls) {
      const { host, port } = broker;
      const tls = await readBrokerTls(loaded);
      const question = { host, port, tls, now: options.now(), signal };
      add(await checkCertificates('broker certificate', question));
    }
    client = await openConfiguredClient(loaded, { signal, random });
  } catch (error) {
    add(fromError('broker', error));
    return;
  }
  const { mqtt } = loaded.config;
  const commandTopic = parseTopicTemplate(mqtt.command_topic, ['device']);
  const statusTopic = parseTopicTemplate(mqtt.status_topic, ['device']);
  try {
    add(ok('broker', `${client.peer} answers, MQTT ${client.version === 5 ? '5' : '3.1.1'}`));
    add(checkPacketSize(client, images));
    await examineTopics({ client, commandTopic, statusTopic, signal }, add);
  } finally {
    await client.close();
  }
  // On a connection of its own, after the other: the configuration may fix the client id.
  if (commandTopic.names.length === 0) {
    add(await probeSharedTopic(options, commandTopic.expand({}), client.version));
  }
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
