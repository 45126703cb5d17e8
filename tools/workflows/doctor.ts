import { failed, type HealthCheck, ok } from '../core/fleet/check.ts';
import { brokerUrl } from '../core/fleet/deploy-config.ts';
import { parseTopicTemplate } from '../core/fleet/topic-template.ts';
import { parseBroker } from '../transports/mqtt/broker-url.ts';
import type { BrokerClient } from '../transports/mqtt/client.ts';
import { type LoadedConfig, openConfiguredClient } from './deploy-config.ts';
import { checkCertificate, fromError } from './doctor-checks.ts';
import { checkUpdateServer } from './doctor-server.ts';
import { type ArtifactRequest, findArtifact } from './find-artifact.ts';

export interface DoctorOptions {
  readonly loaded: LoadedConfig;
  /** A release to hold against the broker's limits; without it, manifests are not looked at. */
  readonly release?: ArtifactRequest;
  readonly now: () => Date;
  readonly random: () => number;
  readonly signal: AbortSignal;
  notify(check: HealthCheck): void;
}

/** Retained messages come at once after a subscription. */
const retainedMs = 500;

/**
 * Looks at everything an update passes through: broker, topics, update server, release. Publishes one message on a topic
 * of its own, below the command topic, that no device listens to. Later checks run even when earlier ones fail.
 */
export async function examine(options: DoctorOptions): Promise<HealthCheck[]> {
  const checks: HealthCheck[] = [];
  const add = (...found: readonly HealthCheck[]) => {
    for (const check of found) {
      checks.push(check);
      options.notify(check);
    }
  };
  const sizeBytes = await examineRelease(options, add);
  await examineBroker(options, sizeBytes, add);
  await checkUpdateServer(options, add);
  return checks;
}

type Add = (...found: readonly HealthCheck[]) => void;

async function examineRelease({ release }: DoctorOptions, add: Add): Promise<number | undefined> {
  if (release === undefined) return;
  try {
    const { facts } = await findArtifact(release);
    add(ok('release', `${facts.filename}, ${facts.sizeBytes} bytes, hash right`));
    return facts.sizeBytes;
  } catch (error) {
    add(fromError('release', error));
    return;
  }
}

async function examineBroker(
  options: DoctorOptions,
  sizeBytes: number | undefined,
  add: Add,
): Promise<void> {
  const { loaded, random, signal } = options;
  let client: BrokerClient;
  try {
    const broker = parseBroker(brokerUrl(loaded.config));
    if (broker.tls) add(await checkCertificate('broker certificate', broker, options.now()));
    client = await openConfiguredClient(loaded, { signal, random });
  } catch (error) {
    add(fromError('broker', error));
    return;
  }
  try {
    add(ok('broker', `${client.peer} answers, MQTT ${client.version === 5 ? '5' : '3.1.1'}`));
    add(checkPacketSize(client, sizeBytes));
    await examineTopics(options, client, add);
  } finally {
    await client.close();
  }
}

function checkPacketSize(
  { limits, version }: BrokerClient,
  sizeBytes: number | undefined,
): HealthCheck {
  const name = 'packet size';
  const { maximumPacketSize } = limits;
  if (version === 4) return ok(name, 'MQTT 3.1.1 does not say its limit');
  if (!Number.isFinite(maximumPacketSize)) return ok(name, 'no limit is announced');
  if (sizeBytes === undefined || sizeBytes < maximumPacketSize) {
    return ok(name, `up to ${maximumPacketSize} bytes`);
  }
  return {
    name,
    status: 'warning',
    message: `${maximumPacketSize} bytes; the image has ${sizeBytes}`,
    remedy: 'Use "mode": "chunked", `ota serve-chunks`, or raise max_packet_size of the broker.',
  };
}

async function examineTopics(
  options: DoctorOptions,
  client: BrokerClient,
  add: Add,
): Promise<void> {
  const { mqtt } = options.loaded.config;
  const commandTopic = parseTopicTemplate(mqtt.command_topic, ['device']);
  const statusTopic = parseTopicTemplate(mqtt.status_topic, ['device']);
  const leftovers: string[] = [];
  const listen = async (name: string, filter: string, note: (topic: string) => void) => {
    try {
      await client.subscribe(filter, 1, ({ topic, payload, retained }) => {
        if (retained && payload.length > 0) note(topic);
      });
      add(ok(name, filter));
    } catch (error) {
      add(fromError(name, error));
    }
  };
  let states = 0;
  await listen('subscribe to status', statusTopic.filter, () => {
    states += 1;
  });
  await listen('subscribe to commands', commandTopic.filter, (topic) => leftovers.push(topic));
  await new Promise((resolve) => setTimeout(resolve, retainedMs));
  add(
    leftovers.length === 0
      ? ok('retained leftovers', `none on the command topic; ${states} kept states`)
      : failed(
          'retained leftovers',
          `a command is kept on ${leftovers.slice(0, 5).join(', ')}: every device that connects obeys it`,
          'Clear it: `mosquitto_pub -r -n -t <topic>`.',
        ),
  );
  add(await checkPublish(client, commandTopic.names.length === 0 ? undefined : commandTopic));
}

/** To a device that does not exist; where all share one topic, a try would reach all. */
async function checkPublish(
  client: BrokerClient,
  commandTopic: ReturnType<typeof parseTopicTemplate> | undefined,
): Promise<HealthCheck> {
  const name = 'publish commands';
  if (commandTopic === undefined) return ok(name, 'not tried: the topic reaches every device');
  const topic = commandTopic.expand({ device: 'ota-doctor' });
  try {
    await client.publish(topic, '{"action":"status"}', { qos: 1 });
    return ok(name, topic);
  } catch (error) {
    return fromError(name, error);
  }
}
