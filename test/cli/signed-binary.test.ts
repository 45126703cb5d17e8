import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEsphomeDevice } from '../../tools/simulator/esphome-device.ts';
import { runOta } from '../support/io.ts';
import { createKey } from '../support/keys.ts';
import { createProduct, type Product, policyOf } from '../support/signed-product.ts';
import { createFolder, sampleImage } from '../support/temporary-workspace.ts';

const key = createKey('ecdsa-p256');
const short = key.publicKey.id.slice(0, 16);
const demands = `needs signatures of 1 of these keys: ${short}; has none`;

/** The commands that send a bare file; each ends well when nothing is in the way. */
const ways = {
  'ota push': ['push', '--device', '192.0.2.1', '--dry-run', '--binary'],
  'ota publish': ['publish', '--to', 'www', '--binary'],
} as const;

async function sign({ folder }: Product): Promise<void> {
  const words = ['sign', '--version', '1.2.3', '--key-env', 'KEY'];
  const ran = await runOta(words, { cwd: folder, env: { KEY: key.privatePem } });
  expect(ran.stderr).toBe('');
}

describe.each(Object.entries(ways))('%s of a bare file', (_command, words) => {
  const send = (cwd: string, binary: string, more: readonly string[] = []) =>
    runOta([...words, binary, ...more], { cwd });

  it('is refused as a deployment is where the product demands signatures', async () => {
    const { folder } = await createProduct(policyOf([key]));
    const refused = await send(folder, 'app.bin');
    expect(refused).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `error: release 1.2.3 is not signed as the product demands
  - ${demands}
hint: Sign it: ota sign --version 1.2.3 --key FILE
code: signature-missing
`,
    });
    const deployed = await runOta(['deploy', '--version', '1.2.3', '--dry-run'], { cwd: folder });
    expect(refused.stderr).toBe(deployed.stderr);
  });

  it('goes out when it is the artifact of a release that is signed', async () => {
    const product = await createProduct(policyOf([key]));
    await sign(product);
    expect((await send(product.folder, 'app.bin')).exitCode).toBe(0);
    expect((await send(product.folder, product.artifactPath)).exitCode).toBe(0);
  });

  it('is refused when it is in no release, and the hint says what to do', async () => {
    const product = await createProduct(policyOf([key]));
    await sign(product);
    await writeFile(join(product.folder, 'app.bin'), sampleImage('1.2.4'));
    const { exitCode, stderr } = await send(product.folder, 'app.bin');
    expect(
      stderr,
    ).toBe(`error: app.bin is not signed as the product demands: it belongs to no release
  - ${demands}
hint: Package it with --update-manifest. Then sign it: ota sign --version VERSION --key FILE
code: signature-missing
`);
    expect(exitCode).toBe(2);
  });

  it('is refused when its release was changed after it was signed', async () => {
    const product = await createProduct(policyOf([key]));
    await sign(product);
    const release = await product.readRelease();
    await product.writeRelease({ ...release, min_version: '0.0.1' });
    expect((await send(product.folder, 'app.bin')).stderr).toContain('code: signature-invalid');
  });

  it('does not escape the rule from another folder, or through a link', async () => {
    const { folder } = await createProduct(policyOf([key]));
    const cwd = await createFolder();
    await symlink(join(folder, 'app.bin'), join(cwd, 'link.bin'));
    for (const binary of [join(folder, 'app.bin'), 'link.bin']) {
      expect((await send(cwd, binary)).stderr).toContain('code: signature-missing');
    }
    await mkdir(join(folder, 'build'));
    await writeFile(join(folder, 'build/app.bin'), sampleImage());
    expect((await send(join(folder, 'build'), 'app.bin')).stderr).toContain('signature-missing');
  });

  it('obeys the manifest that is named, which must be there', async () => {
    const { manifestPath } = await createProduct(policyOf([key]));
    const cwd = await createFolder({ 'app.bin': sampleImage() });
    const named = await send(cwd, 'app.bin', ['--manifest', manifestPath]);
    expect(named.stderr).toContain('code: signature-missing');
    const none = await send(cwd, 'app.bin', ['--manifest', 'none.json']);
    expect(none.stderr).toContain('code: manifest-missing');
    expect((await send(cwd, 'app.bin')).exitCode).toBe(0);
  });

  it.each([undefined, policyOf([key], { required: false })])(
    'goes out where nothing is demanded',
    async (policy) => {
      const { folder } = await createProduct(policy);
      await writeFile(join(folder, 'other.bin'), sampleImage('9.9.9'));
      expect((await send(folder, 'other.bin')).exitCode).toBe(0);
    },
  );
});

describe('ota push', () => {
  it('says nothing to the device when it refuses', async () => {
    const { folder } = await createProduct(policyOf([key]));
    const device = await startEsphomeDevice();
    onTestFinished(device.close);
    const to = ['--device', '127.0.0.1', '--port', String(device.port)];
    const ran = await runOta(['push', '--binary', 'app.bin', ...to], { cwd: folder });
    expect(ran.stderr).toContain('code: signature-missing');
    await device.idle();
    expect(device.flash.running).toBeUndefined();
  });
});

describe('ota publish', () => {
  const publish = (cwd: string, ...words: string[]) => runOta(['publish', ...words], { cwd });

  it('writes the signature of the release that a bare file belongs to', async () => {
    const product = await createProduct(policyOf([key]));
    await sign(product);
    await publish(product.folder, '--binary', 'app.bin', '--to', 'www');
    const text = await readFile(join(product.folder, 'www/version.json'), 'utf8');
    const signature = await readFile(`${product.artifactPath}.sig`);
    expect(JSON.parse(text).signature).toBe(signature.toString('base64'));
  });

  it('refuses the build of a configuration, too', async () => {
    const { folder } = await createProduct(policyOf([key]));
    const config = { server: { upload: 'www' }, build: { firmware_path: 'app.bin' } };
    await writeFile(join(folder, 'lab.json'), JSON.stringify(config));
    const ran = await publish(folder, '--config', 'lab.json', '--dry-run');
    expect(ran.stderr).toContain('code: signature-missing');
    expect(ran.exitCode).toBe(2);
  });
});
