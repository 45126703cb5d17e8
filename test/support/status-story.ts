import { setTimeout as sleep } from 'node:timers/promises';
import { testClient } from './fleet.ts';

/** A device that is played, or several. */
export interface PlayedUpdates {
  /** Messages that the broker has acknowledged. */
  readonly sent: number;
  /** Every device says once more what it runs, as devices do from time to time. */
  heartbeat(): Promise<void>;
}

/** How long a device takes to come back after a restart. */
const bootMs = 1500;

/**
 * Plays the updates of devices of seed 002 from 1.0.0 to 2.0.0 on `fleet/<name>/ota/status`, each in its order, all of
 * them side by side. Resolves when the broker has everything.
 *
 * @param onSent called with the number of messages so far
 */
export async function playUpdates(
  brokerUrl: string,
  count: number,
  onSent: (sent: number) => void = () => undefined,
): Promise<PlayedUpdates> {
  const client = await testClient(brokerUrl);
  let sent = 0;
  const devices = Array.from({ length: count }, (_, index) =>
    playDevice(async (message) => {
      const topic = `fleet/played-${index}/ota/status`;
      await client.publish(topic, JSON.stringify(message), { qos: 1, retain: true });
      sent += 1;
      onSent(sent);
    }),
  );
  await Promise.all(devices.map(({ update }) => update()));
  return {
    sent,
    heartbeat: async () => void (await Promise.all(devices.map((device) => device.heartbeat()))),
  };
}

function playDevice(publish: (message: object) => Promise<void>) {
  let bootedAtMs = Date.now() - 3_600_000;
  const say = (message: object): Promise<void> => {
    const upMs = Date.now() - bootedAtMs;
    const clock = { uptime_sec: Math.floor(upMs / 1000), timestamp_us: upMs * 1000 };
    return publish({ ...clock, ...message });
  };
  const heartbeat = (): Promise<void> => say({ status: 0, current_version: '2.0.0' });
  return {
    heartbeat,
    async update() {
      for (const status of [0, 1]) await say({ status, current_version: '1.0.0' });
      const work = { current_version: '1.0.0', available_version: '2.0.0' };
      for (const progress of [0, 30, 60, 90])
        await say({ ...work, status: 2, progress_pct: progress });
      for (const status of [3, 4]) await say({ ...work, status, progress_pct: 100 });
      await sleep(bootMs);
      bootedAtMs = Date.now();
      await heartbeat();
    },
  };
}

/** Many devices say one thing each: every message that is lost is a device without an attempt. */
export async function reportOnce(
  brokerUrl: string,
  count: number,
  onSent: (sent: number) => void,
): Promise<void> {
  const client = await testClient(brokerUrl);
  const message = { status: 2, current_version: '1.0.0', available_version: '2.0.0' };
  let sent = 0;
  const queue = Array.from({ length: count }, (_, index) => index).values();
  const publish = async (): Promise<void> => {
    for (const index of queue) {
      const topic = `fleet/once-${index}/ota/status`;
      await client.publish(topic, JSON.stringify(message), { qos: 1 });
      sent += 1;
      onSent(sent);
    }
  };
  await Promise.all(Array.from({ length: 50 }, publish));
}
