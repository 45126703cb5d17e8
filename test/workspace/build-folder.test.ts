import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isBuildFolder, readBuildFolder } from '../../tools/workspace/firmware/build-folder.ts';
import { sampleApp } from '../support/esp-images.ts';
import { type BuildChanges, changeBuild, joinSample } from '../support/sample-build.ts';
import { sharedFolder } from '../support/shared.ts';
import { writeBuild } from '../support/write-build.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'ota-build-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function build(changes: BuildChanges = {}): Promise<string> {
  const folder = join(root, 'build');
  await writeBuild(folder, changeBuild(changes));
  return folder;
}

describe('a build folder on disk', () => {
  it('is read whole', async () => {
    const folder = await build();
    expect(await readBuildFolder(folder)).toEqual({ ...joinSample(), folder });
    expect(await isBuildFolder(folder)).toBe(true);
    expect(await isBuildFolder(root)).toBe(false);
  });

  it('tells the size of data files without reading them', async () => {
    const flasher = { storage: { offset: '0x9000', file: 'www.bin', encrypted: 'false' } };
    const folder = await build({ flasher, files: { 'www.bin': new Uint8Array(100) } });
    expect((await readBuildFolder(folder)).data).toEqual([
      {
        role: 'data',
        name: 'storage',
        offset: 0x9000,
        path: 'www.bin',
        state: 'present',
        sizeBytes: 100,
        image: undefined,
      },
    ]);
  });

  it('may lack configuration and flash addresses', async () => {
    const folder = await build();
    await rm(join(folder, 'config'), { recursive: true });
    await rm(join(folder, 'flasher_args.json'));
    expect(await readBuildFolder(folder)).toMatchObject({
      config: undefined,
      flasher: undefined,
      app: { path: 'blinky.bin', state: 'present', image: { kind: 'app' } },
    });
  });

  it('may hold its configuration as text', async () => {
    const folder = await build();
    await rm(join(folder, 'config'), { recursive: true });
    await writeFile(join(folder, 'sdkconfig'), 'CONFIG_SECURE_BOOT_V2_ENABLED=y\n');
    expect((await readBuildFolder(folder)).config).toMatchObject({ secureBoot: 'v2' });
  });

  it.each(['../secret.bin', '/etc/hostname', 'a/../../secret.bin'])(
    'never leads to %s',
    async (path) => {
      await writeFile(join(root, 'secret.bin'), sampleApp());
      const folder = await build({
        project: { app_bin: path },
        flasher: { flash_files: {}, app: { offset: '0x10000', file: path } },
      });
      const { app, disagreements } = await readBuildFolder(folder);
      expect(app).toMatchObject({ state: 'outside', image: undefined, sizeBytes: undefined });
      expect(disagreements).toMatchObject([{ code: 'file-outside', severity: 'error' }]);
    },
  );

  it('never leads out through a link', async () => {
    await writeFile(join(root, 'secret.bin'), sampleApp());
    const folder = await build({ files: { 'blinky.bin': undefined } });
    await symlink(join(root, 'secret.bin'), join(folder, 'blinky.bin'));
    expect((await readBuildFolder(folder)).app).toMatchObject({ state: 'outside' });
  });

  it('whose app is a folder is an error', async () => {
    const folder = await build({ files: { 'blinky.bin': undefined } });
    await mkdir(join(folder, 'blinky.bin'));
    await expect(readBuildFolder(folder)).rejects.toMatchObject({ code: 'binary-not-a-file' });
  });

  it('that is the project folder says which one to give', async () => {
    await build();
    await expect(readBuildFolder(root)).rejects.toMatchObject({
      code: 'build-missing',
      hint: expect.stringContaining(join(root, 'build')),
    });
    await expect(readBuildFolder(dirname(root))).rejects.toMatchObject({ code: 'build-missing' });
  });

  it('with damaged JSON says where', async () => {
    const folder = await build();
    await writeFile(join(folder, 'flasher_args.json'), '{"app": }');
    await expect(readBuildFolder(folder)).rejects.toMatchObject({ code: 'json-invalid' });
    await writeFile(join(folder, 'flasher_args.json'), '[]');
    await expect(readBuildFolder(folder)).rejects.toMatchObject({ code: 'build-invalid' });
  });
});

const shared = sharedFolder();

describe.runIf(shared !== undefined)('real build folders', () => {
  const folders = join(shared ?? '', 'images/builddirs');

  it('of ESP-IDF 5.4 for the ESP32 agrees with itself', async () => {
    const build = await readBuildFolder(join(folders, 'lifecycle-idf5.4-esp32-MIT/build'));
    expect(build).toMatchObject({
      project: { projectName: 'esp32-lifecycle-manager', projectVersion: 'ce17587' },
      app: { offset: 0x20000, sizeBytes: 951152, image: { hash: { status: 'valid' } } },
      bootloader: { offset: 0x1000, image: { kind: 'bootloader' } },
      otadata: { offset: 0xe000, image: { kind: 'otadata', records: [] } },
      partitionTable: { partitions: { length: 6 }, md5: 'valid' },
      flashSizeBytes: 4 * 1024 * 1024,
      config: { rollback: false, antiRollback: false, secureBoot: undefined },
      disagreements: [],
    });
  });

  it('of ESP-IDF 5.5.1 for the ESP32-P4 lacks its app, which is told', async () => {
    const build = await readBuildFolder(join(folders, 'fusioncore-idf5.5.1-esp32p4-MIT/build'));
    expect(build).toMatchObject({
      project: { target: 'esp32p4', idfVersion: 'v5.5.1-dirty' },
      flasher: { flashSize: 'detect' },
      flashSizeBytes: 32 * 1024 * 1024,
      config: { rollback: true },
      disagreements: [
        {
          code: 'file-missing',
          message: 'the app ("FusionCoreEnIP.bin") is listed but not there',
        },
      ],
    });
  });
});
