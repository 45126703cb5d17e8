import { OtaError } from '../../core/errors.ts';

/** How status over MQTT is set. */
export interface MqttConfig {
  /** URL, or host with or without port. */
  readonly broker: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Absolute path of a file that holds the password. */
  readonly passwordFile: string | undefined;
  /** Absolute paths. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly statusTopics: readonly string[];
  /** What the topics of edge devices begin with, when there are any. */
  readonly edgeTopic: string | undefined;
  /** Those who share the messages; services on one database share by default. */
  readonly group: string | undefined;
}

/** The topic of seed 002's devices, and the one of docs/fleet.md. */
const defaultStatusTopics = ['bms/ota/status', 'fleet/{device}/ota/status'];
const defaultEdgeTopic = 'paku/edge/{device}';

/** The names of the settings in the environment. */
export const mqttVariables: Readonly<Record<string, readonly string[]>> = {
  mqtt_broker: ['OTA_MQTT_BROKER'],
  mqtt_username: ['OTA_MQTT_USERNAME'],
  mqtt_password_file: ['OTA_MQTT_PASSWORD_FILE'],
  mqtt_ca: ['OTA_MQTT_CA'],
  mqtt_cert: ['OTA_MQTT_CERT'],
  mqtt_key: ['OTA_MQTT_KEY'],
  mqtt_status_topic: ['OTA_MQTT_STATUS_TOPIC'],
  mqtt_edge_topic: ['OTA_MQTT_EDGE_TOPIC'],
  mqtt_group: ['OTA_MQTT_GROUP'],
  mqtt_model: ['OTA_MQTT_MODEL'],
};

/**
 * @param values valid by the schema
 * @param path makes a path absolute
 * @returns `undefined` when there is no broker
 * @throws OtaError `service-config-invalid`
 */
export function parseMqttConfig(
  values: Readonly<Record<string, unknown>>,
  password: string | undefined,
  path: (given: string) => string,
): MqttConfig | undefined {
  const text = (key: string): string | undefined => {
    const value = values[key] as string | undefined;
    return value === '' ? undefined : value;
  };
  const file = (key: string) => {
    const given = text(`mqtt_${key}`);
    return given === undefined ? {} : { [key]: path(given) };
  };
  const broker = text('mqtt_broker');
  if (broker === undefined) {
    const given = Object.keys(mqttVariables).filter((key) => text(key) !== undefined);
    if (given.length > 0)
      throw invalid(`${given.join(', ')}: there is no broker`, 'Give --mqtt-broker.');
    return;
  }
  if ((text('mqtt_cert') === undefined) !== (text('mqtt_key') === undefined))
    throw invalid('a client certificate needs its key', 'Give both --mqtt-cert and --mqtt-key.');
  const passwordFile = text('mqtt_password_file');
  const topics = values.mqtt_status_topic as readonly string[] | undefined;
  return {
    broker,
    username: text('mqtt_username'),
    password: password === '' ? undefined : password,
    passwordFile: passwordFile === undefined ? undefined : path(passwordFile),
    tls: { ...file('ca'), ...file('cert'), ...file('key') },
    statusTopics: (topics ?? defaultStatusTopics).filter((topic) => topic !== ''),
    edgeTopic: values.mqtt_edge_topic === undefined ? defaultEdgeTopic : text('mqtt_edge_topic'),
    group: text('mqtt_group'),
  };
}

function invalid(message: string, hint: string): OtaError {
  return new OtaError('service-config-invalid', message, { hint });
}
