import { createHash } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { testClient } from './fleet.ts';

export interface EdgeDeviceOptions {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  /** Says that it is done, and comes back with the old version. */
  readonly comesBack?: boolean;
}

/**
 * A device of seed 003's other kind (seeds-behaviour.md, 4.6): says what it is, waits for a command, fetches the
 * firmware over HTTP, and tells how that goes.
 */
export async function startEdgeDevice(brokerUrl: string, options: EdgeDeviceOptions) {
  const { id, model } = options;
  const base = `paku/edge/${id}`;
  const client = await testClient(brokerUrl, { protocolVersion: 4, clientId: `edge-${id}` });
  const commands: Record<string, unknown>[] = [];
  let version = options.version;
  let bootedAtMs = Date.now() - 3_600_000;
  const say = (topic: string, message: object, retain = false): Promise<void> =>
    client.publish(
      `${base}/${topic}`,
      JSON.stringify({ timestamp: new Date().toISOString(), ...message }),
      { qos: 1, retain },
    );
  const present = (): Promise<void> =>
    say(
      'status',
      {
        state: 'COLLECT',
        uptime_s: Math.floor((Date.now() - bootedAtMs) / 1000),
        device_id: id,
        firmware_version: version,
        device_model: model,
      },
      true,
    );

  async function update(command: Record<string, unknown>): Promise<void> {
    const wanted = String(command.version);
    await say('ota/status', { status: 'accepted', version: wanted });
    const response = await fetch(String(command.url));
    const bytes = Buffer.from(await response.arrayBuffer());
    const total = Number(response.headers.get('content-length'));
    for (const state of ['downloading', 'verifying', 'installing']) {
      const percent = state === 'downloading' ? 50 : 100;
      await say('ota/progress', { state, percent, downloaded: bytes.length, total, elapsed_ms: 9 });
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== command.checksum) {
      const message = `sha256 is ${sha256}`;
      await say('ota/result', { version: wanted, success: false, result_code: 3, message });
      return;
    }
    await say('ota/result', { version: wanted, success: true, result_code: 0, message: 'ok' });
    bootedAtMs = Date.now();
    if (options.comesBack !== true) version = wanted;
    await present();
  }

  const working = new Set<Promise<void>>();
  await client.subscribe(`${base}/cmd/ota`, 1, ({ payload }) => {
    const command = JSON.parse(payload.toString()) as Record<string, unknown>;
    commands.push(command);
    const work = update(command).finally(() => working.delete(work));
    working.add(work);
  });
  onTestFinished(async () => void (await Promise.allSettled(working)));
  return { commands, present, say, runs: () => version };
}
