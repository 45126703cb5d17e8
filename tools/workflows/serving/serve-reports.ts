import { readFile } from 'node:fs/promises';
import { OtaError } from '../../core/errors.ts';
import type { StatusFeed, StatusFeedParts } from '../../core/fleet/news/status-intake.ts';
import type { MqttConfig } from '../../service/devices/mqtt-config.ts';

/** What brings the reports of devices from a broker, ready to be opened. */
export interface PreparedReports {
  /** URL without credentials. */
  readonly broker: string;
  open(parts: StatusFeedParts): StatusFeed;
}

/**
 * Reads everything that the connection to a broker needs, so that mistakes show at once; connects nowhere.
 *
 * @throws OtaError `service-config-invalid`, `topic-invalid`, `tls-file-unreadable`, `password-file-unreadable`
 */
export async function prepareReports(
  config: MqttConfig,
  random: () => number,
): Promise<PreparedReports> {
  const [{ createReportFeed }, { createReportTopics }, { parseBroker, showBroker }, tlsFiles] =
    await Promise.all([
      import('../../messaging/report-feed.ts'),
      import('../../messaging/report-topics.ts'),
      import('../../transports/mqtt/connection/broker-url.ts'),
      import('../../transports/tls-files.ts'),
    ]);
  const broker = readBroker(config.broker, parseBroker);
  const topics = createReportTopics(config);
  if (topics.filters.length === 0) {
    throw new OtaError('service-config-invalid', 'there is no topic to listen to', {
      hint: 'Give --mqtt-status-topic or --mqtt-edge-topic, or leave both out.',
    });
  }
  if (!broker.tls && Object.keys(config.tls).length > 0) {
    throw new OtaError('service-config-invalid', `${showBroker(broker)} does not use TLS`, {
      hint: 'Give a broker with mqtts:// or wss://, or leave --mqtt-ca, --mqtt-cert and --mqtt-key out.',
    });
  }
  const tls = broker.tls ? await tlsFiles.readTlsFiles(config.tls, '/') : {};
  const username = config.username ?? broker.username;
  const password = (await readPassword(config)) ?? broker.password;
  return {
    broker: showBroker(broker),
    open: ({ intake, sessions, installation }) =>
      createReportFeed({
        broker,
        tls,
        username,
        password,
        group: config.group ?? `ota-${installation}`,
        topics,
        intake,
        sessions,
        random,
      }),
  };
}

type ParseBroker = typeof import('../../transports/mqtt/connection/broker-url.ts').parseBroker;

/** A host alone is taken for one that speaks MQTT without TLS. */
function readBroker(text: string, parse: ParseBroker): ReturnType<ParseBroker> {
  try {
    return parse(text.includes('://') ? text : `mqtt://${text}`);
  } catch (cause) {
    const why = cause instanceof OtaError ? cause.message : 'it cannot be read';
    throw new OtaError('service-config-invalid', `the broker: ${why}`, {
      cause,
      hint: 'Give --mqtt-broker mqtt://host:1883, or mqtts://host:8883.',
    });
  }
}

async function readPassword(config: MqttConfig): Promise<string | undefined> {
  const { password, passwordFile } = config;
  if (password !== undefined || passwordFile === undefined) return password;
  try {
    return (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
  } catch (cause) {
    throw new OtaError('password-file-unreadable', `cannot read ${passwordFile}`, {
      cause,
      hint: 'Give a file that holds nothing but the password.',
    });
  }
}
