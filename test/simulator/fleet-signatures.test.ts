import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { signBytes } from '../../tools/core/signing/sign-bytes.ts';
import { parseDeviceKey, parseFleetProfile } from '../../tools/simulator/fleet/profile.ts';
import { mqtt } from '../../tools/transports/mqtt.ts';
import { code } from '../support/code.ts';
import { factsOf, failureOf, payloadOf, sendContext } from '../support/deliveries.ts';
import {
  commandFleet,
  testBroker,
  testClient,
  testFleet,
  testImage,
  testUpdateServer,
} from '../support/fleet.ts';
import { runOta } from '../support/io.ts';
import { createKey, createPem } from '../support/keys.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const image = testImage('1.1.0');
const key = createKey('ecdsa-p256');
const rsaKey = createKey('rsa');
const stranger = createKey('ecdsa-p256');
const signed = (by: typeof key, bytes = image) =>
  Buffer.from(signBytes(by, bytes)).toString('base64');
const good = signed(key);
const flipped = (at: number) => {
  const bytes = Buffer.from(good, 'base64');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString('base64');
};

/** Updates two devices by command, with this signature in version.json. */
async function update(signature: string | undefined, keys = [key], profile = {}) {
  const broker = await testBroker();
  const server = await testUpdateServer('1.1.0', image, signature);
  const publicKeys = keys.map(({ publicKey }) => publicKey);
  const options = { server_url: server.url, public_keys: ['k'], ...profile };
  const fleet = await testFleet(broker.url, 2, options, { keys: publicKeys });
  const run = await commandFleet(await testClient(broker.url), {});
  const reasons = run.waits.map(({ device, outcome }) => `${device} ${outcome?.reason}`).sort();
  return { reasons, versions: fleet.versions(), broker };
}

const both = (reason: string) => [`dev-0000 ${reason}`, `dev-0001 ${reason}`];

describe('virtual devices that trust keys', () => {
  it.each([
    ['ECDSA', good, [key]],
    ['RSA', signed(rsaKey), [rsaKey]],
    ['any of their keys', good, [rsaKey, key]],
  ])('install what is signed with %s', async (_how, signature, keys) => {
    const { reasons, versions } = await update(signature, keys);
    expect(reasons).toEqual(both('runs 1.1.0'));
    expect(versions).toEqual({ '1.1.0': 2 });
  });

  const wrong = 'ESP_ERR_OTA_VALIDATE_FAILED: no trusted key made the signature';
  it.each([
    ['nobody signed', undefined, 'ESP_ERR_OTA_VALIDATE_FAILED: the image is not signed'],
    ['a stranger signed', signed(stranger), wrong],
    ['has a signature of another image', signed(key, testImage('1.1.0', 50_000)), wrong],
    ['has a signature with one bit flipped', flipped(40), wrong],
    ['has a signature that is no DER', flipped(0), wrong],
    ['has a signature of another kind', signed(rsaKey), wrong],
  ])('never boot an image that %s, and the run says why', async (_what, signature, reason) => {
    const { reasons, versions, broker } = await update(signature);
    expect(reasons).toEqual(both(reason));
    expect(versions).toEqual({ '1.0.0': 2 });
    const states = broker.published
      .filter(({ topic }) => topic.endsWith('/status'))
      .map(({ payload }) => JSON.parse(String(payload)).message);
    expect(states).not.toContain('Update written, restarting');
    expect(states.includes('Downloading firmware update')).toBe(signature !== undefined);
  });

  it('are told apart when the signature of one is spoiled on the way', async () => {
    const faults = [{ fault: 'bad_signature', count: 1 }];
    const { reasons, versions } = await update(good, [key], { faults });
    expect(reasons).toEqual([`dev-0000 ${wrong}`, 'dev-0001 runs 1.1.0']);
    expect(versions).toEqual({ '1.0.0': 1, '1.1.0': 1 });
  });

  it('take anything when they trust nobody in particular', async () => {
    expect((await update(undefined, [])).versions).toEqual({ '1.1.0': 2 });
  });
});

describe('the signature reaches devices', () => {
  const publicKeys = [key.publicKey];
  const facts = factsOf(image, { version: '1.1.0' });
  const live = { now: () => new Date(), random: Math.random };
  const send = (channel: Record<string, unknown>, signature?: string) => {
    const said = signature === undefined ? facts : { ...facts, signature };
    const [delivery] = mqtt.prepare(channel, { artifact: said, devices: [] });
    if (delivery === undefined) throw new Error('no delivery');
    return delivery.send(payloadOf(image, said), sendContext(live));
  };

  it('in an announcement', async () => {
    const broker = await testBroker();
    const server = await testUpdateServer('1.1.0', image);
    const profile = { source: 'announce', topic: 'news', public_keys: ['k'] };
    const fleet = await testFleet(broker.url, 1, profile, { keys: publicKeys });
    const channel = { broker: broker.url, topic: 'news', mode: 'announce' };
    const url = `${server.url}/firmware.bin`;
    const said = () => broker.published.map(({ payload }) => String(payload)).join('\n');
    await send({ ...channel, url });
    await expect.poll(said).toContain('the image is not signed');
    await send({ ...channel, url }, signed(stranger));
    await expect.poll(said).toContain('no trusted key made the signature');
    expect(fleet.versions()).toEqual({ '1.0.0': 1 });
    await send({ ...channel, url }, good);
    await expect.poll(() => fleet.versions()).toEqual({ '1.1.0': 1 });
  });

  it('in a chunked push, whose publisher hears who refuses and why', async () => {
    const broker = await testBroker();
    const profile = { source: 'push', topic: 'fw', public_keys: ['k'] };
    const fleet = await testFleet(broker.url, 2, profile, { keys: publicKeys });
    const devices = ['dev-0000', 'dev-0001'];
    const channel = { broker: broker.url, topic: 'fw', mode: 'chunked', devices, deadline: 20 };
    expect(await failureOf(send(channel))).toMatchObject({
      code: 'chunks-incomplete',
      message: '2 of 2 devices do not have the firmware',
      details: ['dev-0000: the image is not signed', 'dev-0001: the image is not signed'],
    });
    expect(await failureOf(send(channel, signed(stranger)))).toMatchObject({
      details: [
        'dev-0000: no trusted key made the signature',
        'dev-0001: no trusted key made the signature',
      ],
    });
    expect(fleet.versions()).toEqual({ '1.0.0': 2 });
    await send(channel, good);
    await expect.poll(() => fleet.versions()).toEqual({ '1.1.0': 2 });
  }, 20_000);
});

describe('a profile with public keys', () => {
  it('is refused when a signature is to be spoiled and nobody would look', () => {
    const profile = { server_url: 'http://x', faults: [{ fault: 'bad_signature', count: 1 }] };
    expect(code(() => parseFleetProfile(profile, 'p'))).toBe('profile-invalid');
    expect(parseFleetProfile({ ...profile, public_keys: ['k.pem'] }, 'p').publicKeys).toEqual([
      'k.pem',
    ]);
  });

  it('takes no keys that devices cannot use', () => {
    expect(code(() => parseDeviceKey(createPem('ed25519').publicKey, 'k'))).toBe('key-unsupported');
    expect(code(() => parseDeviceKey(createPem('ecdsa-p256').privateKey, 'k'))).toBe('key-invalid');
    expect(parseDeviceKey(rsaKey.publicPem, 'k').id).toBe(rsaKey.publicKey.id);
  });

  it('names them as PEM texts or as files beside it', async () => {
    const broker = await testBroker();
    const server = await testUpdateServer('1.1.0', image, good);
    const run = async (publicKeys: readonly string[]) => {
      const profile = { server_url: server.url, public_keys: publicKeys };
      const cwd = await createFolder({ 'lab/fleet.json': profile, 'lab/k.pem': key.publicPem });
      const words = ['simulate', 'fleet', '--count', '1', '--profile', join('lab', 'fleet.json')];
      const stop = new AbortController();
      const running = runOta([...words, '--broker', broker.url], {
        cwd,
        live: true,
        signal: stop.signal,
      });
      const ready = () => broker.published.some(({ topic }) => topic.endsWith('/status'));
      await Promise.race([running, expect.poll(ready).toBe(true)]);
      stop.abort();
      return await running;
    };
    expect(await run(['k.pem', rsaKey.publicPem])).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await run(['none.pem'])).stderr).toContain('code: key-unreadable');
    expect((await run([createPem('ed25519').publicKey])).stderr).toContain(
      'error: public_keys[0] is an Ed25519 key, which devices cannot use',
    );
  });
});

describe('what `ota sign` wrote', () => {
  it('is what devices accept', async () => {
    const cwd = await createFolder({
      'ota/manifest.json': {
        schema_version: 1,
        product: { name: 'Fleet', hardware: 'esp32' },
        deployment: {
          default_protocols: ['https'],
          channels: { https: { url: 'https://x.example/y' } },
        },
        versions: [],
      },
      'app.bin': image,
    });
    const must = async (...words: string[]) => {
      const ran = await runOta(words, { cwd });
      expect(ran.exitCode, ran.stderr).toBe(0);
    };
    await must('package', '--binary', 'app.bin', '--version', '1.1.0', '--update-manifest');
    await must('keygen', '--out', 'key.pem');
    await must('sign', '--version', '1.1.0', '--key', 'key.pem');
    await must('publish', '--version', '1.1.0', '--to', 'www');
    const { signature } = JSON.parse(await readFile(join(cwd, 'www/version.json'), 'utf8'));
    const trusted = parseDeviceKey(await readFile(join(cwd, 'key.pub.pem'), 'utf8'), 'key');
    const { versions } = await update(signature, [{ ...key, publicKey: trusted }]);
    expect(versions).toEqual({ '1.1.0': 2 });
  });
});
