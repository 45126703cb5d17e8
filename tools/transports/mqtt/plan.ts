import { OtaError } from '../../core/errors.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import { templateVariables } from '../../core/release/template.ts';
import { maskSecrets } from '../../core/secrets.ts';
import { createChannelCheck } from '../channel-check.ts';
import { checkTlsSettings, showTlsSettings, type TlsSettings } from '../tls-files.ts';
import { type Broker, parseBroker, showBroker } from './connection/broker-url.ts';
import { maximumRemainingLength } from './connection/publish-packet.ts';
import { type MqttMode, planMode, showMode } from './mode.ts';
import { expandTopic } from './topic.ts';

/** The `mqtt` block of a manifest, as its schema has it. */
export interface MqttChannel extends TlsSettings {
  readonly broker: string;
  readonly topic: string;
  readonly metadata_topic?: string;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  readonly client_id?: string;
  readonly keepalive?: number;
  readonly username?: string;
  readonly password?: string;
  readonly insecure?: boolean;
  readonly protocol_version?: 4 | 5;
  readonly timeout?: number;
  readonly mode?: 'binary' | 'announce' | 'chunked';
  readonly url?: string;
  readonly status_topic?: string;
  readonly chunk_size?: number;
  readonly window?: number;
  readonly deadline?: number;
  readonly settle?: number;
  readonly devices?: readonly string[];
}

/** Everything of one delivery that is known before it starts. */
export interface MqttPlan {
  readonly broker: Broker;
  readonly topic: string;
  readonly metadataTopic?: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** A random suffix follows when the channel names no id: two publishers must not throw each other out. */
  readonly clientId: { readonly text: string; readonly unique: boolean };
  readonly keepaliveSeconds: number;
  readonly username?: string;
  readonly password?: string;
  readonly insecure: boolean;
  readonly tls: TlsSettings;
  /** When it is not set, 5 is tried first. */
  readonly protocolVersion?: 4 | 5;
  readonly timeoutMs: number;
  readonly mode: MqttMode;
}

/**
 * Fills defaults and placeholders, and checks what the schema cannot say.
 *
 * @throws OtaError `channel-invalid` with all problems; `mqtt-too-large` when MQTT has no room for the artifact
 */
export function planDelivery(channel: MqttChannel, facts: ArtifactFacts): MqttPlan {
  const check = createChannelCheck('mqtt');
  const variables = templateVariables(facts);
  const { metadata_topic: description } = channel;
  const broker = check.read('broker', () => parseBroker(channel.broker));
  const topic = check.read('topic', () => expandTopic(channel.topic, variables));
  const metadataTopic =
    description === undefined
      ? undefined
      : check.read('metadata_topic', () => expandTopic(description, variables));
  if (broker?.username !== undefined && channel.username !== undefined) {
    check.add('username', 'the broker URL names a user as well; keep one of the two');
  }
  const username = channel.username ?? broker?.username;
  const password = channel.password ?? broker?.password;
  // MQTT 3.1.1 §3.1.2.9; MQTT 5 dropped the rule.
  if (password !== undefined && username === undefined && channel.protocol_version !== 5) {
    check.add('password', 'needs "username", or "protocol_version": 5');
  }
  const plain = broker?.tls === false ? 'need a broker URL with mqtts:// or wss://' : undefined;
  checkTlsSettings(check, channel, plain);
  const mode = planMode(channel, facts, check);
  check.finish();
  if (mode?.kind === 'binary' && facts.sizeBytes > maximumRemainingLength)
    throw tooLargeForMqtt(facts);
  return {
    broker: broker as Broker,
    topic: topic as string,
    ...(metadataTopic === undefined ? {} : { metadataTopic }),
    qos: channel.qos ?? 1,
    retain: channel.retain ?? false,
    clientId: clientIdOf(channel, facts),
    keepaliveSeconds: channel.keepalive ?? 60,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    insecure: channel.insecure ?? false,
    tls: channel,
    ...(channel.protocol_version === undefined
      ? {}
      : { protocolVersion: channel.protocol_version }),
    timeoutMs: (channel.timeout ?? 30) * 1000,
    mode: mode as MqttMode,
  };
}

/** All settings in force, under the names that the channel gives them. */
export function showSettings(plan: MqttPlan): Record<string, unknown> {
  const { broker, clientId } = plan;
  return maskSecrets({
    broker: showBroker(broker),
    topic: plan.topic,
    ...(plan.metadataTopic === undefined ? {} : { metadata_topic: plan.metadataTopic }),
    qos: plan.qos,
    retain: plan.retain,
    client_id: clientId.unique ? `${clientId.text}<random>` : clientId.text,
    keepalive: plan.keepaliveSeconds,
    ...(plan.username === undefined ? {} : { username: plan.username }),
    ...(plan.password === undefined ? {} : { password: plan.password }),
    ...(broker.tls ? { insecure: plan.insecure } : {}),
    ...showTlsSettings(plan.tls),
    protocol_version: plan.protocolVersion ?? '5, or 4 when the broker refuses it',
    timeout: plan.timeoutMs / 1000,
    ...showMode(plan.mode),
  }) as Record<string, unknown>;
}

/** MQTT 3.1.1 §3.1.3.1: letters and digits are what every server must take. */
function clientIdOf(channel: MqttChannel, facts: ArtifactFacts): MqttPlan['clientId'] {
  if (channel.client_id !== undefined) return { text: channel.client_id, unique: false };
  const name = facts.artifact.replaceAll(/[^A-Za-z0-9_.-]+/g, '_');
  return { text: `ota-${name}-`, unique: true };
}

function tooLargeForMqtt({ filename, sizeBytes }: ArtifactFacts): OtaError {
  return new OtaError(
    'mqtt-too-large',
    `${filename} has ${sizeBytes} bytes; an MQTT message holds ${maximumRemainingLength} at the most`,
    { hint: 'Take `mqtt` from the protocols of this artifact, and deliver it over HTTPS.' },
  );
}
