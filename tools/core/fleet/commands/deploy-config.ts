import configSchema from '../../../../schemas/ota-deploy-config.schema.json' with { type: 'json' };
import { OtaError } from '../../errors.ts';
import { isSettings, mergeSettings, type Settings } from '../../release/channel.ts';
import { fillPlaceholders, requireFilled, type Variables } from '../../release/placeholders.ts';
import { defineSchema, formatProblem } from '../../schema.ts';
import { maskUrlText } from '../../secrets.ts';

/** `ota_deploy_config.json` with its defaults filled in (schemas/ota-deploy-config.schema.json). */
export interface DeployConfig {
  readonly server: {
    readonly base_url: string;
    /** Where to publish, when it is not the host of `base_url` over ssh. */
    readonly upload?: string;
    readonly firmware_path: string;
    readonly version_path: string;
    readonly username: string;
    readonly password: string;
    readonly verify_ssl: boolean;
    readonly ca?: string;
    readonly ssh_port?: number;
  };
  readonly mqtt: {
    readonly broker: string;
    readonly port: number;
    readonly username: string;
    readonly password: string;
    readonly command_topic: string;
    readonly status_topic: string;
    /** Seconds. */
    readonly timeout: number;
    readonly tls: boolean;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly insecure: boolean;
    readonly client_id?: string;
    readonly qos: 0 | 1 | 2;
    readonly keepalive: number;
  };
  readonly build: {
    readonly firmware_path: string;
    readonly version_file?: string;
    readonly min_version?: string;
    readonly description?: string;
  };
  readonly devices: readonly string[];
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/** What a new configuration holds: the seed's defaults (seeds-behaviour.md, 3.1). */
export const initialDeployConfig = {
  server: {
    base_url: 'http://your-nas-ip',
    firmware_path: '/var/www/firmware/firmware.bin',
    version_path: '/var/www/firmware/version.json',
    username: '',
    password: '',
    verify_ssl: true,
  },
  mqtt: {
    broker: 'localhost',
    port: 1883,
    username: '',
    password: '',
    command_topic: 'bms/ota/command',
    status_topic: 'bms/ota/status',
    timeout: 30,
  },
  build: { firmware_path: 'build/esp32-bms-monitor.bin' },
} as const;

const defaults: Settings = mergeSettings(initialDeployConfig, {
  mqtt: { tls: false, insecure: false, qos: 1, keepalive: 60 },
  devices: [],
  groups: {},
});

/** IANA: secure-mqtt. */
const tlsPort = 8883;

const checkSchema = defineSchema(configSchema);

/**
 * Reads a deploy configuration: the defaults, and over them what the file says, deeply. `${NAME}` in its texts is
 * replaced from `variables`.
 *
 * @param where the file's path, for messages
 * @throws OtaError `deploy-config-invalid` with all problems, `placeholder-missing`
 */
export function parseDeployConfig(
  value: unknown,
  where: string,
  variables: Variables,
): DeployConfig {
  const problems = checkSchema(value);
  if (problems.length > 0) {
    throw new OtaError('deploy-config-invalid', `${where} is not a valid deploy configuration`, {
      details: problems.map(formatProblem),
      hint: 'Correct the file; docs/fleet.md lists every key.',
    });
  }
  const given = value as Settings;
  const { settings, missing } = fillPlaceholders(given, variables, where);
  requireFilled(missing, []);
  const mqtt = isSettings(given.mqtt) ? given.mqtt : {};
  const port = mqtt.tls === true && mqtt.port === undefined ? { mqtt: { port: tlsPort } } : {};
  return mergeSettings(defaults, port, settings) as unknown as DeployConfig;
}

/** The broker as a URL, without user and password. */
export function brokerUrl({ mqtt }: DeployConfig): string {
  if (mqtt.broker.includes('://')) return mqtt.broker;
  const host = mqtt.broker.includes(':') ? `[${mqtt.broker}]` : mqtt.broker;
  return `${mqtt.tls ? 'mqtts' : 'mqtt'}://${host}:${mqtt.port}`;
}

/**
 * Where firmware is published: `server.upload`, else the host of `base_url` over ssh, as the seed does.
 *
 * @throws OtaError `deploy-config-invalid` while `base_url` still names no real host
 */
export function uploadTarget({ server }: DeployConfig): string {
  if (server.upload !== undefined) return server.upload;
  const text = server.base_url.includes('://') ? server.base_url : `http://${server.base_url}`;
  const host = URL.canParse(text) ? new URL(text).hostname : '';
  if (host === '' || host === 'your-nas-ip') {
    throw new OtaError(
      'deploy-config-invalid',
      `server.base_url names no host: ${maskUrlText(server.base_url)}`,
      { hint: 'Set server.base_url to your update server, or server.upload, or use --to.' },
    );
  }
  const slash = server.firmware_path.lastIndexOf('/');
  const folder = slash > 0 ? server.firmware_path.slice(0, slash) : slash === 0 ? '/' : '.';
  return `${server.username === '' ? '' : `${server.username}@`}${host}:${folder}`;
}
