import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Expectation } from '../../tools/core/fleet/commands/wait.ts';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { buildVersionFile } from '../../tools/core/publishing/version-file.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { factsOf, failureOf, payloadOf, sendContext } from '../support/deliveries.ts';
import {
  commandFleet,
  testBroker,
  testClient,
  testFleet,
  testUpdateServer,
} from '../support/fleet.ts';

const imageOf = (version: string, secureVersion: number) =>
  buildImage({ chip: 'esp32', project: 'fleet', version, secureVersion, sizeBytes: 8192 });

/** One device, a server whose image can be changed, and commands one after the other. */
async function scene(profile: Record<string, unknown> = {}) {
  const broker = await testBroker();
  const server = await testUpdateServer('0.0.1');
  const fleet = await testFleet(broker.url, 1, { server_url: server.url, ...profile });
  let commands = 0;
  const command = async (expectation: Partial<Expectation>) => {
    commands += 1;
    const commandId = `cmd-${commands}`;
    const client = await testClient(broker.url);
    const { waits } = await commandFleet(client, { commandId, ...expectation });
    return waits[0]?.outcome?.reason;
  };
  return {
    version: () => fleet.devices[0]?.runningVersion,
    rollBack: () => command({ action: 'rollback' }),
    async update(version: string, secureVersion: number, force = false) {
      const image = imageOf(version, secureVersion);
      const sha256 = createHash('sha256').update(image).digest('hex');
      const facts = { version, forceUpdate: false, sizeBytes: image.length, sha256 };
      const file = buildVersionFile(facts);
      server.files.set('/version.json', Buffer.from(JSON.stringify(file)));
      server.files.set(`/${file.file}`, image);
      return await command({ targetVersion: version, force });
    },
  };
}

describe('anti-rollback of a virtual device', () => {
  it('refuses an image whose secure version is below the eFuse, however new or forced', async () => {
    const { update, version } = await scene({ secure_version: 2 });
    const refusal =
      'ESP_ERR_OTA_SMALL_SEC_VER: the image has secure version 1, the device demands 2';
    expect(await update('1.1.0', 1)).toBe(refusal);
    expect(await update('1.1.1', 1, true)).toBe(refusal);
    expect(version()).toBe('1.0.0');
    expect(await update('1.2.0', 2)).toBe('runs 1.2.0');
  });

  it('raises the eFuse with the image that stood its trial, and then there is no way back', async () => {
    const { update, rollBack, version } = await scene();
    expect(await update('1.1.0', 3)).toBe('runs 1.1.0');
    expect(await rollBack()).toBe(
      'ESP_ERR_OTA_ROLLBACK_FAILED: 1.0.0 has secure version 0, the device demands 3',
    );
    expect(await update('1.2.0', 0)).toMatch(/^ESP_ERR_OTA_SMALL_SEC_VER/);
    expect(version()).toBe('1.1.0');
  });

  it('does not raise the eFuse for an image that failed its trial', async () => {
    const faults = [{ fault: 'self_test', count: 1 }];
    const { update, version } = await scene({ faults });
    expect(await update('1.1.0', 3)).toMatch(/^the new image was given up/);
    expect(version()).toBe('1.0.0');
    expect(await update('1.1.1', 0)).toMatch(/^the new image was given up/);
  });

  it('cannot burn more steps than the eFuse has', async () => {
    const { update, rollBack } = await scene();
    expect(await update('1.1.0', 33)).toBe('runs 1.1.0');
    expect(await rollBack()).toBe('runs 1.0.0');
  });

  it('tells the publisher of a chunked push', async () => {
    const broker = await testBroker();
    const profile = { source: 'push', topic: 'fw', secure_version: 1 };
    await testFleet(broker.url, 1, profile);
    const image = imageOf('1.1.0', 0);
    const facts = factsOf(image, { version: '1.1.0' });
    const channel = { broker: broker.url, topic: 'fw', mode: 'chunked', devices: ['dev-0000'] };
    const [delivery] = mqtt.prepare(channel, { artifact: facts, devices: [] });
    const context = sendContext({ now: () => new Date(), random: Math.random });
    const sending = delivery?.send(payloadOf(image, facts), context) as Promise<unknown>;
    expect(await failureOf(sending)).toMatchObject({
      details: ['dev-0000: the image has secure version 0, the device demands 1'],
    });
  });
});

describe('the slots of a virtual device', () => {
  it('hold one image to go back to, which is lost when an update begins', async () => {
    const { update, rollBack, version } = await scene();
    const nothing = 'ESP_ERR_OTA_ROLLBACK_FAILED: there is no other image';
    expect(await rollBack()).toBe(nothing);
    await update('1.1.0', 0);
    expect(await rollBack()).toBe('runs 1.0.0');
    expect(await rollBack()).toBe(nothing); // 1.1.0 is marked invalid
    await update('1.2.0', 0);
    expect(await update('1.3.0', 0, true)).toBe('runs 1.3.0');
    expect(await rollBack()).toBe('runs 1.2.0');
    expect(version()).toBe('1.2.0');
  });

  it('lose the old image to a download that fails', async () => {
    const faults = [{ fault: 'bad_hash', count: 1 }];
    const { update, rollBack } = await scene({ faults });
    expect(await update('1.1.0', 0)).toMatch(/the SHA-256 is wrong$/);
    expect(await rollBack()).toMatch(/there is no other image$/);
  });
});
