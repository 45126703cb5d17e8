import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { fingerprintOf } from '../../tools/core/integrity.ts';
import { createMqttDevice } from '../../tools/simulator/mqtt-device.ts';
import { tlsSamples } from '../support/authority.ts';
import { startOta } from '../support/cli-process.ts';
import { startMosquitto } from '../support/real-mosquitto.ts';
import { startNginx } from '../support/real-nginx.ts';
import { sharedFolder } from '../support/shared.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const shared = sharedFolder();
/** What both images say of themselves. */
const version = 'v1.4.1-2-g0296947-dirty';
const credentials = { username: 'release-engineer', password: 'correct-horse' };

/** Mosquitto with TLS, user and password; nginx with TLS, PUT and Basic authentication. */
async function startRealServers() {
  const { username, password } = credentials;
  const broker = await startMosquitto({ tls: tlsSamples.good, users: { [username]: password } });
  onTestFinished(broker.stop);
  const server = await startNginx({ tls: tlsSamples.good, credentials });
  onTestFinished(server.stop);
  return { broker, server };
}

/** Everything from a build to two devices, as separate runs of the program. */
async function doMainJob(image: Uint8Array): Promise<void> {
  const { broker, server } = await startRealServers();
  const { sha256 } = fingerprintOf(image);
  const cwd = await createFolder({
    'build/hello_world.bin': image,
    'ota/ca.pem': tlsSamples.ca,
    'ota/manifest.json': {
      schema_version: 1,
      product: { name: 'Hello World', hardware: 'esp32s3', project: 'hello_world' },
      deployment: {
        channels: {
          mqtt: {
            broker: broker.url,
            topic: 'hello/{version}',
            username: credentials.username,
            password: '${BROKER_PASSWORD}',
            ca: 'ca.pem',
          },
          https: {
            url: `${server.url}/fw/{filename}`,
            headers: { Authorization: 'Basic ${SERVER_BASIC}' },
            ca: 'ca.pem',
          },
        },
      },
      versions: [],
    },
  });
  const env = {
    BROKER_PASSWORD: credentials.password,
    SERVER_BASIC: btoa(`${credentials.username}:${credentials.password}`),
  };
  const run = async (...words: string[]) => {
    const ran = await startOta(words, { cwd, env }).done;
    expect(ran.exitCode, `${words.join(' ')}\n${ran.stdout}${ran.stderr}`).toBe(0);
    return ran;
  };
  const packaging = ['package', '--binary', 'build/hello_world.bin', '--version', version];
  const { stderr } = await run(...packaging, '--update-manifest');
  expect(stderr).toContain('warning: dirty-version');
  await run('validate');
  await run('verify');
  await run('deploy', '--version', version, '--dry-run');
  const device = await createMqttDevice({
    brokerUrl: broker.url,
    topic: `hello/${version}`,
    ca: tlsSamples.ca,
    ...credentials,
  });
  onTestFinished(() => device.close());
  await run('deploy', '--version', version);
  expect(await device.firstImage(5000)).toEqual({ sizeBytes: image.length, sha256 });
  const stored = await readFile(join(server.uploads, `fw/Hello_World-${version}.bin`));
  expect(fingerprintOf(stored).sha256).toBe(sha256);
}

describe('the main job on real servers: package, validate, verify, dry-run, deploy', () => {
  it('brings an image that was made here to its devices with the right SHA-256', async () => {
    await doMainJob(buildImage({ chip: 'esp32s3', project: 'hello_world', version }));
  });

  it.skipIf(shared === undefined)('brings a real image of ESP-IDF there, too', async () => {
    await doMainJob(await readFile(join(shared ?? '', 'images/app-esp32s3-hello_world.bin')));
  });
});
