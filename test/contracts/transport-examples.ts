import { createBroker } from '../../tools/simulator/broker.ts';
import { createHttpsReceiver } from '../../tools/simulator/https-receiver.ts';
import type { TransportExample } from './transport-contract.ts';

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

/** One for every transport of the registry; a transport without one fails the suite. */
export const transportExamples: Readonly<Record<string, TransportExample>> = { mqtt, https };
