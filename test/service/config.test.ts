import { describe, expect, it } from 'vitest';
import { parseServiceConfig } from '../../tools/service/config.ts';

describe('the settings of the service', () => {
  it('are on loopback, in one folder, when nothing is said', () => {
    expect(parseServiceConfig('/srv', {}, {}, undefined)).toMatchObject({
      host: '127.0.0.1',
      port: 8080,
      database: 'sqlite:/srv/ota-data/ota.db',
      artifactFolder: '/srv/ota-data/artifacts',
      settings: { apiKey: undefined },
    });
  });

  it('come from flags before the environment before the file', () => {
    const file = { port: 1, host: 'a', log_level: 'warn' };
    const config = parseServiceConfig('/', { port: 3 }, { PORT: '2', HOST: 'b' }, file);
    expect([config.port, config.host, config.logLevel]).toEqual([3, 'b', 'warn']);
  });

  it('are understood in the variables of both older servers', () => {
    const env = {
      API_KEY: 'k',
      PGHOST: 'db',
      PGUSER: 'u',
      PGPASSWORD: 'p@ss/word',
      PGDATABASE: 'ota',
      FIRMWARE_STORAGE_PATH: '/firmware',
      OTA_DOWNLOAD_SECRET: 'dl',
    };
    expect(parseServiceConfig('/', {}, env, undefined)).toMatchObject({
      database: 'postgres://u:p%40ss%2Fword@db:5432/ota',
      artifactFolder: '/firmware',
      settings: { apiKey: 'k', downloadSecret: 'dl' },
    });
  });

  it('have no key when the variable is empty', () => {
    expect(parseServiceConfig('/', {}, { API_KEY: '' }, undefined).settings.apiKey).toBeUndefined();
  });

  it('know a broker, with the topics of both kinds of devices', () => {
    const env = { OTA_MQTT_BROKER: 'mqtts://b', OTA_MQTT_PASSWORD: 'pw', OTA_MQTT_CA: 'ca.pem' };
    const { mqtt } = parseServiceConfig('/srv', { mqtt_username: 'ota' }, env, undefined);
    expect(mqtt).toEqual({
      broker: 'mqtts://b',
      username: 'ota',
      password: 'pw',
      passwordFile: undefined,
      tls: { ca: '/srv/ca.pem' },
      statusTopics: ['bms/ota/status', 'fleet/{device}/ota/status'],
      edgeTopic: 'paku/edge/{device}',
      group: undefined,
    });
    expect(parseServiceConfig('/srv', {}, {}, undefined).mqtt).toBeUndefined();
  });

  it('take topics from the file, a list from the environment, and none for an empty one', () => {
    const file = { mqtt_broker: 'b', mqtt_status_topic: ['x/{device}'], mqtt_edge_topic: '' };
    expect(parseServiceConfig('/', {}, {}, file).mqtt).toMatchObject({
      statusTopics: ['x/{device}'],
      edgeTopic: undefined,
    });
    const env = { OTA_MQTT_STATUS_TOPIC: 'y/{device}, z' };
    expect(parseServiceConfig('/', {}, env, file).mqtt?.statusTopics).toEqual(['y/{device}', 'z']);
  });

  it.each([
    [{ mqtt_username: 'ota' }],
    [{ mqtt_broker: 'b', mqtt_cert: 'c.pem' }],
    [{ mqtt_broker: 'b', mqtt_group: 'a/b' }],
  ])('make no sense with %o', (flags) => {
    const wrong = () => parseServiceConfig('/', flags, {}, undefined);
    expect(wrong).toThrowError(expect.objectContaining({ code: 'service-config-invalid' }));
  });

  it.each([
    ['tls_client_ca', 'ca.pem'],
    ['trusted_proxies', ['proxy.example.com']],
    ['trusted_proxies', ['10.0.0.0/33']],
    ['trusted_proxies', ['10.0.0.0/8/8']],
    ['trusted_proxies', ['fd00::/129']],
    ['trusted_proxies', ['10.0.0.0/']],
  ])('are refused when %s is %j', (key, value) => {
    const wrong = () => parseServiceConfig('/', { [key]: value }, {}, undefined);
    expect(wrong).toThrowError(expect.objectContaining({ code: 'service-config-invalid' }));
  });

  it('are refused with every mistake named', () => {
    const wrong = () => parseServiceConfig('/', {}, { PORT: 'x' }, { hots: 'a' });
    expect(wrong).toThrowError(expect.objectContaining({ code: 'service-config-invalid' }));
    const secret = () => parseServiceConfig('/', {}, { OTA_TOKEN_SECRET: 'short' }, undefined);
    expect(secret).toThrowError(expect.objectContaining({ code: 'service-config-invalid' }));
    const half = () => parseServiceConfig('/', { tls_cert: 'c.pem' }, {}, undefined);
    expect(half).toThrowError(expect.objectContaining({ code: 'service-config-invalid' }));
  });
});
