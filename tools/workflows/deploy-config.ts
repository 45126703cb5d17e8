import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OtaError } from '../core/errors.ts';
import {
  brokerUrl,
  type DeployConfig,
  initialDeployConfig,
  parseDeployConfig,
} from '../core/fleet/commands/deploy-config.ts';
import { mergeSettings, type Settings } from '../core/release/channel.ts';
import type { Variables } from '../core/release/placeholders.ts';
import { parseBroker } from '../transports/mqtt/connection/broker-url.ts';
import {
  type BrokerClient,
  type ClientContext,
  type ClientSettings,
  openClient,
} from '../transports/mqtt/connection/client.ts';
import { readTlsFiles, type TlsFiles } from '../transports/tls-files.ts';
import { writeJsonFile } from '../workspace/changes/json-write.ts';
import { readJsonFile } from '../workspace/json-file.ts';

export const defaultConfigName = 'ota_deploy_config.json';

export interface ConfigRequest {
  /** Absolute path. */
  readonly path: string;
  /** Whether somebody asked for this file: then it must be there. */
  readonly required: boolean;
  /** What the command line says over the file. */
  readonly overrides: Settings;
  readonly variables: Variables;
}

/** A configuration, and where its relative paths start. */
export interface LoadedConfig {
  readonly config: DeployConfig;
  readonly folder: string;
}

/**
 * Reads the deploy configuration and fills in its defaults.
 *
 * @throws OtaError `deploy-config-missing`, `json-invalid`, `deploy-config-invalid`, `placeholder-missing`
 */
export async function loadDeployConfig(request: ConfigRequest): Promise<LoadedConfig> {
  const { path, required, overrides, variables } = request;
  const hint = 'Create it with `ota init --deploy-config`, or give its path with --config.';
  const known = required || (await exists(path)) || Object.keys(overrides).length === 0;
  const value = known ? await readJsonFile(path, 'deploy-config-missing', hint) : {};
  const merged =
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? mergeSettings(value as Settings, overrides)
      : value;
  return { config: parseDeployConfig(merged, path, variables), folder: dirname(path) };
}

/**
 * Creates a deploy configuration with its defaults, and does nothing else.
 *
 * @throws OtaError `deploy-config-exists`, `write-failed`
 */
export async function createDeployConfig(path: string): Promise<void> {
  if (await exists(path)) {
    throw new OtaError('deploy-config-exists', `${path} is there already`, {
      hint: 'Edit it, or remove it first: nothing is overwritten.',
    });
  }
  await writeJsonFile(path, initialDeployConfig);
}

/** Connects to the broker of a configuration. @throws OtaError as `openClient` does */
export async function openConfiguredClient(
  loaded: LoadedConfig,
  context: ClientContext & { readonly random: () => number; readonly sessionSeconds?: number },
): Promise<BrokerClient> {
  const access = await brokerAccess(loaded, context.random);
  return await openClient({ ...access, sessionSeconds: context.sessionSeconds ?? 0 }, context);
}

/** How the broker of a configuration is reached. @throws OtaError `channel-invalid`, `tls-file-unreadable` */
export async function brokerAccess(
  loaded: LoadedConfig,
  random: () => number,
): Promise<Omit<ClientSettings, 'sessionSeconds'>> {
  const { mqtt } = loaded.config;
  const broker = parseBroker(brokerUrl(loaded.config));
  const username = mqtt.username === '' ? broker.username : mqtt.username;
  const password = mqtt.password === '' ? broker.password : mqtt.password;
  const suffix = Math.floor(random() * 36 ** 8).toString(36);
  return {
    broker,
    tls: broker.tls ? await readBrokerTls(loaded) : {},
    insecure: mqtt.insecure,
    clientId: mqtt.client_id ?? `ota-${suffix.padStart(8, '0')}`,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    keepaliveSeconds: mqtt.keepalive,
    timeoutMs: Math.max(connectMs, mqtt.timeout * 500), // seed 002: max(10 s, timeout / 2)
  };
}

/** What is shown to the broker, and which authorities are trusted. @throws OtaError `tls-file-unreadable` */
export async function readBrokerTls({ config, folder }: LoadedConfig): Promise<TlsFiles> {
  const { ca, cert, key } = config.mqtt;
  const settings = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return await readTlsFiles(settings, folder);
}

const connectMs = 10_000;

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
