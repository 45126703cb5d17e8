import { describe, expect, it } from 'vitest';
import { OtaError } from '../../../tools/core/errors.ts';
import {
  brokerUrl,
  type DeployConfig,
  initialDeployConfig,
  parseDeployConfig,
  uploadTarget,
} from '../../../tools/core/fleet/commands/deploy-config.ts';

const parse = (value: unknown, variables = {}): DeployConfig =>
  parseDeployConfig(value, 'ota_deploy_config.json', variables);

const failureOf = (run: () => unknown): OtaError => {
  try {
    run();
  } catch (error) {
    if (error instanceof OtaError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('a deploy configuration', () => {
  it("of the seed works unchanged, with the seed's defaults under it", () => {
    const config = parse({
      server: { base_url: 'http://nas.local', username: 'pi', verify_ssl: false },
      mqtt: { broker: 'broker.local', timeout: 60 },
    });
    expect(config.server.firmware_path).toBe('/var/www/firmware/firmware.bin');
    expect(config.mqtt).toMatchObject({
      port: 1883,
      command_topic: 'bms/ota/command',
      status_topic: 'bms/ota/status',
      timeout: 60,
      qos: 1,
    });
    expect(config.build.firmware_path).toBe('build/esp32-bms-monitor.bin');
    expect(brokerUrl(config)).toBe('mqtt://broker.local:1883');
    expect(uploadTarget(config)).toBe('pi@nas.local:/var/www/firmware');
  });

  it('as it is created is valid', () => {
    expect(parse(initialDeployConfig).devices).toEqual([]);
  });

  it('takes the port of TLS when none is given', () => {
    const mqtt = { broker: 'b', tls: true };
    expect(brokerUrl(parse({ mqtt }))).toBe('mqtts://b:8883');
    expect(brokerUrl(parse({ mqtt: { ...mqtt, port: 1234 } }))).toBe('mqtts://b:1234');
    expect(brokerUrl(parse({ mqtt: { broker: 'wss://b/mqtt' } }))).toBe('wss://b/mqtt');
    expect(brokerUrl(parse({ mqtt: { broker: '::1' } }))).toBe('mqtt://[::1]:1883');
  });

  it('takes secrets from the environment', () => {
    const value = { mqtt: { password: '${MQTT_PASSWORD}' } };
    expect(parse(value, { MQTT_PASSWORD: 'pw' }).mqtt.password).toBe('pw');
    expect(failureOf(() => parse(value)).code).toBe('placeholder-missing');
  });

  it('names all its problems at once', () => {
    const failure = failureOf(() => parse({ mqt: {}, mqtt: { port: 0, timeout: '30' } }));
    expect(failure.code).toBe('deploy-config-invalid');
    expect(failure.details).toEqual([
      'unknown key "mqt" (did you mean "mqtt"?)',
      'mqtt.port: must be >= 1, is 0',
      'mqtt.timeout: must be number, is "30"',
    ]);
  });

  it('says where to publish only when it knows', () => {
    expect(failureOf(() => uploadTarget(parse({}))).code).toBe('deploy-config-invalid');
    const hidden = failureOf(() =>
      uploadTarget(parse({ server: { base_url: 'http://u:secret@' } })),
    );
    expect(hidden.message).not.toContain('secret');
    const server = { base_url: 'https://u.example:8443/fw', firmware_path: 'fw/x.bin' };
    expect(uploadTarget(parse({ server }))).toBe('u.example:fw');
    expect(uploadTarget(parse({ server: { ...server, upload: '/srv/fw' } }))).toBe('/srv/fw');
  });
});
