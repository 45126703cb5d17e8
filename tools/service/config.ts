import { isAbsolute, join, resolve } from 'node:path';
import configSchema from '../../schemas/service.schema.json' with { type: 'json' };
import { OtaError } from '../core/errors.ts';
import { defineSchema, formatProblem } from '../core/schema.ts';
import { requireStrongSecret } from './access/tokens.ts';
import { type MqttConfig, mqttVariables, parseMqttConfig } from './devices/mqtt-config.ts';
import { parseProxies } from './http/proxies.ts';
import { defaultSettings, type ServiceSettings } from './service.ts';

/** Everything that a service process is told. */
export interface ServiceConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly artifactFolder: string;
  readonly tls:
    | { readonly cert: string; readonly key: string; readonly clientCa?: string }
    | undefined;
  readonly logLevel: string;
  /** Where devices report besides, when there is a broker. */
  readonly mqtt: MqttConfig | undefined;
  readonly settings: ServiceSettings;
}

type Value = string | number | readonly string[];
export type ConfigValues = Readonly<Record<string, Value | undefined>>;

/** The names of a setting in the environment, best first; those of the seeds come last. */
const variables: Readonly<Record<string, readonly string[]>> = {
  host: ['OTA_HOST', 'HOST'],
  port: ['OTA_PORT', 'PORT'],
  data: ['OTA_DATA'],
  firmware_storage_path: ['FIRMWARE_STORAGE_PATH'],
  database: ['OTA_DATABASE'],
  public_url: ['OTA_PUBLIC_URL'],
  tls_cert: ['OTA_TLS_CERT'],
  tls_key: ['OTA_TLS_KEY'],
  tls_client_ca: ['OTA_TLS_CLIENT_CA'],
  download_ttl_seconds: ['OTA_DOWNLOAD_TTL_SECONDS'],
  max_upload_bytes: ['OTA_MAX_UPLOAD_BYTES'],
  cache_bytes: ['OTA_CACHE_BYTES'],
  device_rate_limit: ['OTA_DEVICE_RATE_LIMIT'],
  address_rate_limit: ['OTA_ADDRESS_RATE_LIMIT'],
  trusted_proxies: ['OTA_TRUSTED_PROXIES'],
  log_level: ['OTA_LOG_LEVEL'],
  ...mqttVariables,
};

const checkConfig = defineSchema(configSchema);
const properties = configSchema.properties as Record<string, { type?: string }>;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Puts the settings together: flags win over the environment, the environment over the file. Secrets come from the
 * environment only.
 *
 * @param flags by the names of the file, `undefined` where not given
 * @throws OtaError `service-config-invalid` with all problems
 */
export function parseServiceConfig(
  cwd: string,
  flags: ConfigValues,
  env: Environment,
  file: unknown,
): ServiceConfig {
  requireValid(file ?? {}, 'the file of settings');
  const values = { ...(file as ConfigValues), ...fromEnvironment(env), ...definedOf(flags) };
  requireValid(values, 'the settings');
  const text = (key: string): string | undefined => values[key] as string | undefined;
  const number = (key: string, standard: number): number => (values[key] as number) ?? standard;
  const path = (given: string): string => (isAbsolute(given) ? given : resolve(cwd, given));
  const data = path(text('data') ?? 'ota-data');
  const [cert, key, clientCa] = [text('tls_cert'), text('tls_key'), text('tls_client_ca')];
  if ((cert === undefined) !== (key === undefined))
    throw new OtaError('service-config-invalid', 'TLS needs a certificate and a key', {
      hint: 'Give both --tls-cert and --tls-key.',
    });
  if (clientCa !== undefined && cert === undefined)
    throw new OtaError('service-config-invalid', 'client certificates need TLS', {
      hint: 'Give --tls-cert and --tls-key with --tls-client-ca.',
    });
  const trustedProxies = (values.trusted_proxies as string[] | undefined) ?? [];
  parseProxies(trustedProxies);
  return {
    host: text('host') ?? '127.0.0.1',
    port: number('port', 8080),
    database: text('database') ?? databaseOf(env) ?? `sqlite:${join(data, 'ota.db')}`,
    artifactFolder: path(text('firmware_storage_path') ?? join(data, 'artifacts')),
    tls:
      cert === undefined || key === undefined
        ? undefined
        : { cert: path(cert), key: path(key), ...(clientCa ? { clientCa: path(clientCa) } : {}) },
    logLevel: text('log_level') ?? 'info',
    mqtt: parseMqttConfig(values, env.OTA_MQTT_PASSWORD, path),
    settings: {
      ...secretsOf(env),
      publicUrl: text('public_url')?.replace(/\/+$/, ''),
      downloadTtlS: number('download_ttl_seconds', defaultSettings.downloadTtlS),
      maxUploadBytes: number('max_upload_bytes', defaultSettings.maxUploadBytes),
      cacheBytes: number('cache_bytes', defaultSettings.cacheBytes),
      deviceRateLimit: number('device_rate_limit', defaultSettings.deviceRateLimit),
      addressRateLimit: number('address_rate_limit', defaultSettings.addressRateLimit),
      mqttModel: text('mqtt_model'),
      trustedProxies,
    },
  };
}

function secretsOf(
  env: Environment,
): Pick<ServiceSettings, 'apiKey' | 'tokenSecret' | 'downloadSecret'> {
  const { API_KEY: apiKey, OTA_TOKEN_SECRET: token, OTA_DOWNLOAD_SECRET: download } = env;
  return {
    // An empty variable is no key: nobody is let in by it.
    apiKey: apiKey === '' ? undefined : apiKey,
    tokenSecret: token === undefined ? undefined : requireStrongSecret(token, 'OTA_TOKEN_SECRET'),
    downloadSecret: download === '' ? undefined : download,
  };
}

function requireValid(values: unknown, where: string): void {
  const problems = checkConfig(values);
  if (problems.length === 0) return;
  throw new OtaError('service-config-invalid', `${where}: ${problems.length} problem(s)`, {
    details: problems.map(formatProblem),
    hint: 'See docs/service.md, or schemas/service.schema.json.',
  });
}

function fromEnvironment(env: Environment): ConfigValues {
  const found: Record<string, Value> = {};
  for (const [key, names] of Object.entries(variables)) {
    const text = names
      .map((name) => env[name])
      .find((value) => value !== undefined && value !== '');
    if (text !== undefined) found[key] = typed(key, text);
  }
  return found;
}

/** Text from the environment in the type that the schema wants; what does not fit is reported by the schema. */
function typed(key: string, text: string): Value {
  const type = properties[key]?.type;
  if (type === 'integer' && /^\d+$/.test(text)) return Number(text);
  if (type === 'array') return text.split(',').map((item) => item.trim());
  return text;
}

function definedOf(flags: ConfigValues): ConfigValues {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

/** PostgreSQL's own variables, as seed 003 uses them. */
function databaseOf(env: Environment): string | undefined {
  const { PGHOST: host, PGPORT: port = '5432', PGUSER: user, PGPASSWORD: password = '' } = env;
  if (host === undefined || user === undefined || env.PGDATABASE === undefined) return;
  const [name, login, secret] = [env.PGDATABASE, user, password].map(encodeURIComponent);
  return `postgres://${login}${secret === '' ? '' : `:${secret}`}@${host}:${port}/${name}`;
}
