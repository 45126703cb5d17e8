import { startArduinoDevice } from '../../tools/simulator/arduino-device.ts';
import { createBroker } from '../../tools/simulator/broker.ts';
import { startEsphomeDevice } from '../../tools/simulator/esphome-device.ts';
import { createHttpsReceiver } from '../../tools/simulator/https-receiver.ts';
import { createVirtualFlash } from '../../tools/simulator/virtual-flash.ts';
import { startWebDevice } from '../../tools/simulator/web-device.ts';
import { createSilentUdpServer } from '../support/peers.ts';
import type { TransportExample } from './transport-contract.ts';

const encryptionKey = Buffer.alloc(32, 's3cr3t').toString('base64');

const mqtt: TransportExample = {
  async accepting() {
    const broker = await createBroker();
    return {
      setup: { channel: { broker: broker.url, topic: 'fw' }, devices: [] },
      received: () => broker.published.at(-1)?.payload ?? Buffer.alloc(0),
      close: broker.close,
    };
  },
  reach: (host, port) => ({
    channel: { broker: `mqtt://${host}:${port}`, topic: 'fw' },
    devices: [],
  }),
  secret: {
    channel: {
      broker: 'wss://jane:s3cr3t-url@broker.example/mqtt?token=s3cr3t-query',
      topic: 'fw',
      cert: '-----BEGIN CERTIFICATE-----\ns3cr3t-cert',
      key: '-----BEGIN PRIVATE KEY-----\ns3cr3t-key',
    },
    devices: [],
    secrets: ['s3cr3t'],
  },
  invalid: {
    channel: { broker: 'http://broker.example', topic: 'fw/#/{nothing}', key: 'device.key' },
    devices: [],
    problems: 3,
  },
};

const https: TransportExample = {
  async accepting() {
    const receiver = await createHttpsReceiver();
    return {
      setup: { channel: { url: `${receiver.url}/fw`, allow_http: true }, devices: [] },
      received: () => receiver.uploads.at(-1)?.body ?? Buffer.alloc(0),
      close: receiver.close,
    };
  },
  reach: (host, port) => ({
    channel: { url: `http://${host}:${port}/fw`, allow_http: true },
    devices: [],
  }),
  secret: {
    channel: {
      url: 'https://jane:s3cr3t-url@ota.example/fw?sig=s3cr3t-query',
      headers: { 'X-Auth': 's3cr3t-header', Cookie: 's3cr3t-cookie' },
      cert: '-----BEGIN CERTIFICATE-----\ns3cr3t-cert',
      key: '-----BEGIN PRIVATE KEY-----\ns3cr3t-key',
    },
    devices: [],
    secrets: ['s3cr3t'],
  },
  rollouts: {
    async keeping() {
      const replies = ['created', 'unchanged'].map(keptRollout);
      const receiver = await createHttpsReceiver({ replies });
      return {
        setup: {
          channel: { url: `${receiver.url}/api/v1/firmware`, allow_http: true },
          devices: [],
        },
        received: () => receiver.uploads.at(-1)?.body ?? Buffer.alloc(0),
        close: receiver.close,
      };
    },
    without: { channel: { url: 'https://files.example/{filename}' }, devices: [] },
  },
  invalid: {
    channel: {
      url: 'http://ota.example/{nothing}',
      headers: { 'Content-Length': '1' },
      field: 'f',
    },
    devices: [],
    problems: 3,
  },
};

/** What `ota serve` says of a rollout, in the words of its publisher's door. */
const keptRollout = (outcome: string) => ({
  status: 200,
  body: JSON.stringify({
    status: 'created',
    rollout: 'esp32-1.2.3',
    rollout_outcome: outcome,
    rollout_state: 'running',
    rollout_audience: 'canary:10',
  }),
});

const esphome: TransportExample = {
  async accepting() {
    const flash = createVirtualFlash({ keepsBytes: true });
    const device = await startEsphomeDevice({ flash, takesAnything: true });
    return {
      setup: { channel: {}, devices: [{ host: device.host, port: device.port }] },
      received: () => flash.slots.find((slot) => slot !== undefined)?.bytes ?? Buffer.alloc(0),
      close: device.close,
    };
  },
  reach: (host, port) => ({ channel: { password: '' }, devices: [{ host, port }] }),
  secret: {
    channel: { password: 's3cr3t-password', encryption_key: encryptionKey },
    devices: [{ host: 'lamp.local', password: 's3cr3t-device', encryptionKey }],
    secrets: ['s3cr3t', encryptionKey],
  },
  invalid: {
    channel: { port: 70_000, timeout: 0, encryption_key: 'short' },
    devices: [],
    problems: 3,
  },
};

const arduino: TransportExample = {
  async accepting() {
    const flash = createVirtualFlash({ keepsBytes: true });
    const device = await startArduinoDevice({ flash, takesAnything: true });
    return {
      setup: { channel: {}, devices: [{ host: device.host, port: device.port }] },
      received: () => flash.slots.find((slot) => slot !== undefined)?.bytes ?? Buffer.alloc(0),
      close: device.close,
    };
  },
  silent: createSilentUdpServer,
  reach: (host, port) => ({ channel: {}, devices: [{ host, port }] }),
  secret: {
    channel: { password: 's3cr3t-password' },
    devices: [{ host: 'lamp.local', password: 's3cr3t-device' }],
    secrets: ['s3cr3t'],
  },
  invalid: { channel: { port: 0, listen_port: 'x', timeout: -1 }, devices: [], problems: 3 },
};

const web: TransportExample = {
  async accepting() {
    const flash = createVirtualFlash({ keepsBytes: true });
    const device = await startWebDevice({ flash, takesAnything: true });
    return {
      setup: { channel: {}, devices: [{ host: device.host, port: device.port }] },
      received: () => flash.running?.bytes ?? Buffer.alloc(0),
      close: device.close,
    };
  },
  reach: (host, port) => ({ channel: {}, devices: [{ host, port }] }),
  secret: {
    channel: { username: 'jane', password: 's3cr3t-password' },
    devices: [{ host: 'lamp.local', password: 's3cr3t-device' }],
    secrets: ['s3cr3t'],
  },
  invalid: { channel: { path: 'update', field: 'a"b', username: 'a:b' }, devices: [], problems: 3 },
};

/** One for every transport of the registry; a transport without one fails the suite. */
export const transportExamples: Readonly<Record<string, TransportExample>> = {
  mqtt,
  https,
  esphome,
  arduino,
  web,
};
