import { maskUrlCredentials } from '../../core/secrets.ts';
import { serve } from '../../workflows/serving/serve.ts';
import { defineCommand } from '../command.ts';
import { line } from '../io.ts';
import { absolute, splitList } from '../options/options.ts';

export const serveCommand = defineCommand({
  examples: [
    ['ota serve --port 0', 'on loopback at a free port, with an SQLite file in ./ota-data'],
    ['ota serve --host 0.0.0.0 --port 0 --data fleet --log-level warn', 'for the whole network'],
  ],
  options: (yargs) =>
    yargs.options({
      host: { type: 'string', describe: 'address to listen on (127.0.0.1; env HOST)' },
      port: { type: 'number', describe: 'port to listen on (8080; env PORT)' },
      data: { type: 'string', normalize: true, describe: 'folder for everything (./ota-data)' },
      database: {
        type: 'string',
        describe: 'sqlite:FILE or postgres://… (env OTA_DATABASE, PGHOST…)',
      },
      'public-url': { type: 'string', describe: 'how devices reach the service from outside' },
      'tls-cert': { type: 'string', normalize: true, describe: 'certificate chain (PEM)' },
      'tls-key': { type: 'string', normalize: true, describe: 'its private key (PEM)' },
      'tls-client-ca': { type: 'string', normalize: true, describe: 'CA of device certificates' },
      'max-upload': { type: 'number', describe: 'largest upload in bytes (32 MiB)' },
      'device-rate-limit': {
        type: 'number',
        describe: 'requests a minute and device; 0: no limit',
      },
      'address-rate-limit': {
        type: 'number',
        describe: 'requests a minute and address; 0: no limit',
      },
      'trusted-proxy': {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'address of a proxy (repeatable)',
      },
      'mqtt-broker': {
        type: 'string',
        describe: 'broker that devices report to, mqtt://… or mqtts://… (env OTA_MQTT_BROKER)',
      },
      'mqtt-username': { type: 'string', describe: 'user at the broker' },
      'mqtt-password-file': {
        type: 'string',
        normalize: true,
        describe: 'file with the password (or env OTA_MQTT_PASSWORD)',
      },
      'mqtt-ca': { type: 'string', normalize: true, describe: 'CA of the broker (PEM)' },
      'mqtt-cert': { type: 'string', normalize: true, describe: 'client certificate (PEM)' },
      'mqtt-key': { type: 'string', normalize: true, describe: 'its private key (PEM)' },
      'mqtt-status-topic': {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'topic of status messages, with {device} and {model} or without (repeatable)',
      },
      'mqtt-edge-topic': {
        type: 'string',
        describe: 'what the topics of edge devices begin with (paku/edge/{device})',
      },
      'mqtt-group': { type: 'string', describe: 'group of the shared subscription' },
      'mqtt-model': { type: 'string', describe: 'model of devices that do not say it' },
      'log-level': {
        choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const,
        describe: 'how much to log (info)',
      },
      config: { type: 'string', normalize: true, describe: 'file with these settings (JSON)' },
    }),
  async run(args, io) {
    await serve({
      cwd: io.cwd,
      env: io.env,
      signal: io.signal,
      now: io.now,
      random: io.random,
      log: (text) => io.stderr.write(text),
      configFile: args.config === undefined ? undefined : absolute(io, args.config),
      flags: {
        host: args.host,
        port: args.port,
        data: args.data,
        database: args.database,
        public_url: args['public-url'],
        tls_cert: args['tls-cert'],
        tls_key: args['tls-key'],
        tls_client_ca: args['tls-client-ca'],
        max_upload_bytes: args['max-upload'],
        device_rate_limit: args['device-rate-limit'],
        address_rate_limit: args['address-rate-limit'],
        trusted_proxies: splitList(args['trusted-proxy']),
        mqtt_broker: args['mqtt-broker'],
        mqtt_username: args['mqtt-username'],
        mqtt_password_file: args['mqtt-password-file'],
        mqtt_ca: args['mqtt-ca'],
        mqtt_cert: args['mqtt-cert'],
        mqtt_key: args['mqtt-key'],
        mqtt_status_topic: args['mqtt-status-topic'],
        mqtt_edge_topic: args['mqtt-edge-topic'],
        mqtt_group: args['mqtt-group'],
        mqtt_model: args['mqtt-model'],
        log_level: args['log-level'],
      },
      onReady({ url, newAdminKey, config, broker }) {
        line(io.stdout, `OTA service at ${url} (description: ${url}/docs)`);
        line(io.stdout, `database: ${maskUrlCredentials(config.database)}`);
        if (broker !== undefined) line(io.stdout, `status over MQTT: ${broker}`);
        if (newAdminKey === undefined) return;
        line(io.stdout, `administrator's key, shown this once: ${newAdminKey}`);
        line(io.stdout, `try: curl -H "X-API-Key: ${newAdminKey}" ${url}/api/admin/devices`);
      },
    });
    return 0;
  },
});
