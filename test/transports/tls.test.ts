import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { OtaError } from '../../tools/core/errors.ts';
import type { Delivery } from '../../tools/core/release/delivery.ts';
import { createBroker } from '../../tools/simulator/broker.ts';
import { createHttpsReceiver } from '../../tools/simulator/https-receiver.ts';
import type { ServerTls } from '../../tools/simulator/server.ts';
import { https } from '../../tools/transports/https.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { tlsSamples } from '../support/authority.ts';
import { holdClosedPort } from '../support/closed-port.ts';
import { failureOf, payloadOf, sampleBytes, sendContext } from '../support/deliveries.ts';
import { createSilentServer } from '../support/peers.ts';

const { ca, good, client } = tlsSamples;
const payload = payloadOf(sampleBytes);

interface TlsPeer {
  /** Sends to it with these TLS settings. */
  send(settings: object, cwd?: string): Promise<{ warnings: readonly string[] }>;
  arrived(): number;
}

function sendWith(transport: typeof mqtt, channel: object, cwd = '/nowhere') {
  const [delivery] = transport.prepare(channel, { artifact: payload.facts, devices: [] });
  return (delivery as Delivery).send(payload, sendContext({ cwd }));
}

const peers = {
  async mqtts(tls: ServerTls): Promise<TlsPeer> {
    const broker = await createBroker({ tls });
    onTestFinished(broker.close);
    const channel = { broker: broker.url, topic: 'fw', protocol_version: 4 };
    return {
      send: (settings, cwd) => sendWith(mqtt, { ...channel, ...settings }, cwd),
      arrived: () => broker.published.length,
    };
  },
  async wss(tls: ServerTls): Promise<TlsPeer> {
    const broker = await createBroker({ tls, webSocket: true });
    onTestFinished(broker.close);
    const channel = { broker: broker.url, topic: 'fw', protocol_version: 4 };
    return {
      send: (settings, cwd) => sendWith(mqtt, { ...channel, ...settings }, cwd),
      arrived: () => broker.published.length,
    };
  },
  async https(tls: ServerTls): Promise<TlsPeer> {
    const receiver = await createHttpsReceiver({ tls });
    onTestFinished(receiver.close);
    return {
      send: (settings, cwd) => sendWith(https, { url: `${receiver.url}/fw`, ...settings }, cwd),
      arrived: () => receiver.uploads.length,
    };
  },
};

describe.each(['mqtts', 'wss', 'https'] as const)('TLS over %s', (scheme) => {
  it('a certificate of the given authority is trusted', async () => {
    const peer = await peers[scheme](good);
    expect((await peer.send({ ca })).warnings).toEqual([]);
    expect(peer.arrived()).toBe(1);
  });

  it.each([
    ['expired', 'tls-expired', 'has expired (CERT_HAS_EXPIRED'],
    ['future', 'tls-expired', 'is not valid yet (CERT_NOT_YET_VALID'],
    ['wrongHost', 'tls-wrong-host', '192.0.2.1'],
  ] as const)('a certificate that is %s is %s', async (name, code, words) => {
    const peer = await peers[scheme](tlsSamples[name]);
    const error = await failureOf(peer.send({ ca }));
    expect(error).toMatchObject({ code, retryable: false, hint: expect.any(String) });
    expect(error.message).toContain(words);
    expect(error.message).toMatch(/127\.0\.0\.1:\d+/);
    expect(peer.arrived()).toBe(0);
  });

  it.each([
    ['the authorities of the system', {}],
    ['another authority', { ca: tlsSamples.otherCa }],
  ])('%s do not know the certificate: tls-unknown-ca', async (_which, settings) => {
    const peer = await peers[scheme](good);
    const error = await failureOf(peer.send(settings));
    expect(error).toMatchObject({
      code: 'tls-unknown-ca',
      retryable: false,
      hint: expect.stringContaining('`ca`'),
    });
    expect(peer.arrived()).toBe(0);
  });

  it('any certificate will do when checking is switched off, with a warning', async () => {
    const peer = await peers[scheme](tlsSamples.expired);
    const receipt = await peer.send(scheme === 'https' ? { verify: false } : { insecure: true });
    expect(receipt.warnings).toEqual([expect.stringContaining('was not checked')]);
    expect(peer.arrived()).toBe(1);
  });

  it('a server that wants a client certificate gets it', async () => {
    const peer = await peers[scheme]({ ...good, clientCa: ca });
    await peer.send({ ca, ...client });
    expect(peer.arrived()).toBe(1);
  });

  it.each([
    ['none', {}],
    ['one of a stranger', tlsSamples.strangeClient],
  ])('a server that wants a client certificate and gets %s: the hint says so', async (_w, pair) => {
    const peer = await peers[scheme]({ ...good, clientCa: ca });
    const error = await failureOf(peer.send({ ca, ...pair }));
    // Node's own servers may hang up without sending the alert that names the reason.
    expect(error).toMatchObject({
      code: expect.stringMatching(/^(unauthorized|connection-failed)$/),
    });
    expect((error as OtaError).hint).toContain('`cert`');
    expect(peer.arrived()).toBe(0);
  });

  it('a port that does not speak TLS is named', async () => {
    const plain = await createHttpsReceiver();
    onTestFinished(plain.close);
    const url = plain.url.replace('http', scheme);
    const sending =
      scheme === 'https' ? sendWith(https, { url }) : sendWith(mqtt, { broker: url, topic: 'fw' });
    expect(await failureOf(sending)).toMatchObject({ code: 'tls-failed', retryable: false });
  });

  it('a handshake that is never answered is a timeout', async () => {
    const silent = await createSilentServer();
    onTestFinished(silent.close);
    const url = `${scheme}://127.0.0.1:${silent.port}`;
    const channel = { timeout: 0.1 };
    const transport = scheme === 'https' ? https : mqtt;
    const [delivery] = transport.prepare(
      scheme === 'https' ? { url, ...channel } : { broker: url, topic: 'fw', ...channel },
      { artifact: payload.facts, devices: [] },
    );
    const { timeoutMs: _, ...context } = sendContext();
    const error = await failureOf((delivery as Delivery).send(payload, context));
    expect(error).toMatchObject({ code: 'timeout', retryable: true });
    expect(error.message).toContain('0.1 s while connecting');
  });
});

describe('files of certificates and keys', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ota-tls-'));
    await writeFile(join(folder, 'ca.pem'), `# two\n${tlsSamples.otherCa}\n${ca}`);
    await writeFile(join(folder, 'client.pem'), client.cert);
    await writeFile(join(folder, 'client.key'), client.key);
    await writeFile(join(folder, 'other.key'), good.key);
    await writeFile(join(folder, 'nonsense.pem'), 'nothing here');
    const [, ...body] = ca.split('\n');
    await writeFile(
      join(folder, 'broken.pem'),
      ['-----BEGIN CERTIFICATE-----', 'AAAA', ...body.slice(1)].join('\n'),
    );
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('are found from the folder that the context names', async () => {
    const peer = await peers.mqtts({ ...good, clientCa: ca });
    await peer.send({ ca: 'ca.pem', cert: 'client.pem', key: 'client.key' }, folder);
    expect(peer.arrived()).toBe(1);
  });

  it.each([
    [{ ca: 'absent.pem' }, 'the ca file absent.pem cannot be read (ENOENT)'],
    [{ ca: '.' }, 'the ca file . cannot be read (EISDIR)'],
    [{ ca: 'nonsense.pem' }, 'the ca file nonsense.pem holds no PEM certificate'],
    [{ ca: 'broken.pem' }, 'the ca file broken.pem holds a certificate that cannot be parsed'],
    [
      { cert: 'client.pem', key: 'other.key' },
      'the key file other.key does not belong to the cert file client.pem',
    ],
    [
      { cert: client.cert, key: good.key },
      'the key (PEM text) does not belong to the cert (PEM text)',
    ],
    [
      { cert: 'client.pem', key: 'ca.pem' },
      'the key file ca.pem is not a PEM private key without passphrase',
    ],
    [
      { cert: 'client.key', key: 'client.key' },
      'the cert file client.key holds no PEM certificate',
    ],
  ])('that cannot be used are named before anything is connected: %j', async (settings, words) => {
    const port = await holdClosedPort();
    for (const send of [
      () =>
        sendWith(mqtt, { broker: `mqtts://127.0.0.1:${port}`, topic: 'fw', ...settings }, folder),
      () => sendWith(https, { url: `https://127.0.0.1:${port}`, ...settings }, folder),
    ]) {
      const error = await failureOf(send());
      expect(error).toMatchObject({ code: 'tls-file-unreadable', retryable: false });
      expect(error.message).toBe(words);
    }
  });
});
