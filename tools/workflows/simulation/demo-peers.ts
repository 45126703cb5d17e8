import { createBroker } from '../../simulator/broker.ts';
import { createCertificateAuthority } from '../../simulator/certificates.ts';
import { createHttpsReceiver } from '../../simulator/https-receiver.ts';
import { createMqttDevice, type ReceivedImage } from '../../simulator/mqtt-device.ts';

export const demoTopic = 'demo/gateway/ota';

const credentials = { username: 'release-engineer', password: 'demo-password' };
/** What the placeholders of the demonstration's channels stand for. */
export const demoVariables = {
  OTA_DEMO_USER: credentials.username,
  OTA_DEMO_PASSWORD: credentials.password,
  OTA_DEMO_BASIC: Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64'),
};

/** A broker and a server with TLS, and a virtual device on each. */
export interface DemoPeers {
  readonly ca: string;
  readonly brokerUrl: string;
  readonly serverUrl: string;
  mqttImage(): Promise<ReceivedImage | undefined>;
  httpsImage(): ReceivedImage | undefined;
  close(): Promise<void>;
}

/** Starts them on free ports of this machine, with a throw-away certificate authority. */
export async function startDemoPeers(now: Date): Promise<DemoPeers> {
  const authority = await createCertificateAuthority(now);
  const tls = await authority.issue({ names: ['127.0.0.1', 'localhost'] });
  const { username, password } = credentials;
  const broker = await createBroker({ tls, users: { [username]: password } });
  const receiver = await createHttpsReceiver({ tls, credentials });
  const device = await createMqttDevice({
    brokerUrl: broker.url,
    topic: demoTopic,
    ca: authority.ca,
    ...credentials,
  });
  return {
    ca: authority.ca,
    brokerUrl: broker.url,
    serverUrl: receiver.url,
    // The broker acknowledges to the publisher before the subscriber has everything.
    mqttImage: () => device.firstImage(2000),
    httpsImage() {
      const upload = receiver.uploads.at(-1);
      return upload && { sizeBytes: upload.body.length, sha256: upload.sha256 };
    },
    async close() {
      await device.close();
      await broker.close();
      await receiver.close();
    },
  };
}
