import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a virtual device received: the bytes' size, and the SHA-256 that it computed itself (lowercase hex). */
export interface ReceivedImage {
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface MqttDeviceOptions {
  readonly brokerUrl: string;
  readonly topic: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM text of the authority that the broker's certificate is signed by. */
  readonly ca?: string;
}

/** A device that takes an image as one message on its topic. */
export interface MqttDevice {
  /** The first image, or nothing when none arrives in time. */
  firstImage(timeoutMs: number): Promise<ReceivedImage | undefined>;
  close(): Promise<void>;
}

/** Connects and subscribes; the device is ready when the promise is fulfilled. */
export async function createMqttDevice(options: MqttDeviceOptions): Promise<MqttDevice> {
  const { connectAsync } = await import('mqtt');
  const { brokerUrl, topic, ...credentials } = options;
  const client = await connectAsync(brokerUrl, {
    ...credentials,
    clientId: 'virtual-device',
    reconnectPeriod: 0,
    protocolVersion: 4,
  });
  const arrived = new Promise<ReceivedImage>((resolve) => {
    client.once('message', (_topic, payload) => {
      const sha256 = createHash('sha256').update(payload).digest('hex');
      resolve({ sizeBytes: payload.length, sha256 });
    });
  });
  await client.subscribeAsync(topic, { qos: 1 });
  return {
    firstImage: (timeoutMs) => Promise.race([arrived, sleep(timeoutMs, undefined, { ref: false })]),
    close: () => client.endAsync(),
  };
}
