import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tlsSamples } from '../support/authority.ts';
import { runClient } from '../support/child-server.ts';
import { failureOf, sampleBytes } from '../support/deliveries.ts';
import { sendMqtt } from '../support/mqtt.ts';
import {
  type MosquittoOptions,
  type RealMosquitto,
  startMosquitto,
} from '../support/real-mosquitto.ts';

const { ca, good } = tlsSamples;
const login = { username: 'publisher', password: 's3cret' };
const users = { publisher: 's3cret', device: 's3cret' };

async function mosquitto(options?: MosquittoOptions): Promise<RealMosquitto> {
  const server = await startMosquitto(options);
  onTestFinished(server.stop);
  return server;
}

/** What mosquitto_sub makes of the retained message of a topic. */
async function fetchRetained(
  server: RealMosquitto,
  topic: string,
  args: readonly string[] = [],
): Promise<Buffer> {
  const to = ['-h', '127.0.0.1', '-p', String(server.port), '-t', topic];
  return await runClient('mosquitto_sub', [...to, '-C', '1', '-W', '30', '-N', ...args]);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('Mosquitto with TLS and passwords', () => {
  it.each([5, 4])(
    'has the very bytes that mosquitto_sub then gets (MQTT version %i)',
    async (version) => {
      const server = await mosquitto({ tls: good, users });
      const topic = 'fw/{product}/{version}';
      const channel = { broker: server.url, topic, retain: true, ca, ...login };
      const receipt = await sendMqtt({ ...channel, protocol_version: version });
      expect(receipt.answer).toBe('PUBACK');
      const file = join(server.folder, 'ca.pem');
      await writeFile(file, ca);
      const args = ['-u', 'device', '-P', users.device, '--cafile', file];
      const bytes = await fetchRetained(server, 'fw/Test Gateway/1.2.3', args);
      expect(sha256(bytes)).toBe(sha256(sampleBytes));
    },
  );

  it('shows the user properties to mosquitto_sub, and the description', async () => {
    const server = await mosquitto();
    const channel = { broker: server.url, topic: 'fw', metadata_topic: 'about', retain: true };
    await sendMqtt(channel);
    const shown = await fetchRetained(server, 'fw', ['-V', '5', '-F', '%C|%P|%q|%r']);
    expect(String(shown)).toContain('application/octet-stream|');
    expect(String(shown)).toContain('version:1.2.3');
    expect(String(shown)).toContain(`sha256:${sha256(sampleBytes)}`);
    const about = JSON.parse(String(await fetchRetained(server, 'about')));
    expect(about).toMatchObject({ version: '1.2.3', size: sampleBytes.length, topic: 'fw' });
  });

  it.each([5, 4])('turns a wrong password away (MQTT version %i)', async (version) => {
    const server = await mosquitto({ users });
    const channel = { broker: server.url, topic: 'fw', ...login, protocol_version: version };
    const error = await failureOf(sendMqtt({ ...channel, password: 'wrong' }));
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false });
    expect(await failureOf(sendMqtt({ broker: server.url, topic: 'fw' }))).toMatchObject({
      code: 'unauthorized',
    });
  });

  it.each([
    ['of an authority that we do not know', good, {}, 'tls-unknown-ca'],
    ['that has expired', tlsSamples.expired, { ca }, 'tls-expired'],
    ['for another host', tlsSamples.wrongHost, { ca }, 'tls-wrong-host'],
  ] as const)('with a certificate %s is refused by us', async (_which, tls, settings, code) => {
    const server = await mosquitto({ tls });
    const sending = sendMqtt({ broker: server.url, topic: 'fw', ...settings });
    expect(await failureOf(sending)).toMatchObject({ code, retryable: false });
  });

  it('that wants a client certificate is told from one that wants none', async () => {
    const server = await mosquitto({ tls: { ...good, clientCa: ca } });
    const channel = { broker: server.url, topic: 'fw', ca };
    expect(await failureOf(sendMqtt(channel))).toMatchObject({ code: 'unauthorized' });
    const { strangeClient, client } = tlsSamples;
    expect(await failureOf(sendMqtt({ ...channel, ...strangeClient }))).toMatchObject({
      code: 'unauthorized',
    });
    expect((await sendMqtt({ ...channel, ...client })).answer).toBe('PUBACK');
  });
});

describe('Mosquitto with limits', () => {
  it('that announces a maximum packet size is not sent a byte too many', async () => {
    const server = await mosquitto({ maxPacketSize: 100_000 });
    const error = await failureOf(sendMqtt({ broker: server.url, topic: 'fw' }));
    expect(error).toMatchObject({ code: 'mqtt-too-large', retryable: false });
    expect(error.message).toContain('100000 bytes');
  });

  it('that cannot announce it (MQTT 3.1.1) hangs up, and we say why', async () => {
    const server = await mosquitto({ maxPacketSize: 100_000 });
    const channel = { broker: server.url, topic: 'fw', protocol_version: 4 };
    const error = await failureOf(sendMqtt(channel, { bytes: randomBytes(20_000_000) }));
    expect(error).toMatchObject({ code: 'mqtt-too-large', retryable: true });
  });

  it('that drops large messages without announcing it is believed when it says so', async () => {
    const server = await mosquitto({ messageSizeLimit: 100_000 });
    const error = await failureOf(sendMqtt({ broker: server.url, topic: 'fw' }));
    expect(error).toMatchObject({ code: 'mqtt-too-large', retryable: false });
  });

  it('that has no retained messages says so', async () => {
    const server = await mosquitto({ more: ['retain_available false'] });
    const error = await failureOf(sendMqtt({ broker: server.url, topic: 'fw', retain: true }));
    expect(error).toMatchObject({ code: 'mqtt-unsupported' });
  });

  it('that allows only QoS 0 says so', async () => {
    const server = await mosquitto({ more: ['max_qos 0'] });
    const error = await failureOf(sendMqtt({ broker: server.url, topic: 'fw' }));
    expect(error).toMatchObject({ code: 'mqtt-unsupported' });
    expect((await sendMqtt({ broker: server.url, topic: 'fw', qos: 0 })).warnings).toHaveLength(1);
  });

  it('whose access list forbids the topic says so over MQTT 5', async () => {
    const acl = ['user publisher', 'topic write fw/#'];
    const server = await mosquitto({ users, acl });
    const channel = { broker: server.url, ...login };
    const error = await failureOf(sendMqtt({ ...channel, topic: 'other' }));
    expect(error).toMatchObject({ code: 'unauthorized', retryable: false });
    expect(error.message).toContain('refused the message to other');
    expect((await sendMqtt({ ...channel, topic: 'fw/a' })).answer).toBe('PUBACK');
  });
});

describe('Mosquitto otherwise', () => {
  it('tells that nobody has subscribed', async () => {
    const server = await mosquitto();
    const receipt = await sendMqtt({ broker: server.url, topic: 'fw' });
    expect(receipt.warnings).toEqual(['nobody has subscribed to fw']);
  });

  it.each([0, 2] as const)('takes QoS %i', async (qos) => {
    const server = await mosquitto();
    await sendMqtt({ broker: server.url, topic: 'fw', qos, retain: true });
    expect(sha256(await fetchRetained(server, 'fw'))).toBe(sha256(sampleBytes));
  });

  it('keeps what was published over a restart', async () => {
    const server = await mosquitto({ persistence: true });
    await sendMqtt({ broker: server.url, topic: 'fw', retain: true });
    await server.restart();
    expect(sha256(await fetchRetained(server, 'fw'))).toBe(sha256(sampleBytes));
  });

  it('takes 100 MB in one message over TLS', async () => {
    const server = await mosquitto({ tls: good, users });
    const bytes = randomBytes(104_857_600);
    const channel = { broker: server.url, topic: 'fw', retain: true, ca, ...login };
    const receipt = await sendMqtt(channel, { bytes });
    expect(receipt.sentBytes).toBe(bytes.length);
    const file = join(server.folder, 'ca.pem');
    await writeFile(file, ca);
    const args = ['-u', 'device', '-P', users.device, '--cafile', file];
    expect(sha256(await fetchRetained(server, 'fw', args))).toBe(sha256(bytes));
  });
});
