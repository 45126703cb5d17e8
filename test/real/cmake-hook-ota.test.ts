import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { cliPath } from '../support/cli-process.ts';
import { type CmakeProjectOptions, createCmakeProject } from '../support/cmake-project.ts';
import { sharedFolder } from '../support/shared.ts';

const shared = sharedFolder();
const manifest = {
  schema_version: 1,
  product: { name: 'Demo', hardware: 'esp32s3' },
  deployment: {
    default_protocols: ['https'],
    channels: { https: { url: 'https://ota.example.com/firmware' } },
  },
  versions: [],
};

/** A project whose hook calls the bundled command line. */
async function project(options: CmakeProjectOptions) {
  if (!existsSync(cliPath)) throw new Error(`${cliPath} is missing: run \`npm run build\` first`);
  const demo = await createCmakeProject(options);
  demo.environment.OTA_EXECUTABLE = cliPath;
  await demo.write('ota/manifest.json', JSON.stringify(manifest));
  return demo;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const readJson = async (file: string) => JSON.parse(await readFile(file, 'utf8'));

describe.each([5, 6] as const)('the real ota on ESP-IDF %i', (generation) => {
  it('packages, stays silent, packages the next image, verifies', async () => {
    const image = (seed: number) =>
      buildImage({ chip: 'esp32s3', project: 'demo', version: '1.2.3', seed });
    const demo = await project({
      generation,
      before: 'set(PROJECT_VER 1.2.3)',
      after: 'ota_package(UPDATE_MANIFEST STRICT ARGS --label nightly)',
      image: image(1),
    });
    const release = join(demo.folder, 'ota/versions/1.2.3');
    expect(await demo.configureAndBuild()).toContain('packaged: version 1.2.3');
    const { artifacts } = await readJson(join(release, 'ota.json'));
    expect(artifacts).toMatchObject([{ filename: 'demo-1.2.3.bin', sha256: sha256(image(1)) }]);
    expect((await readJson(join(demo.folder, 'ota/manifest.json'))).versions).toMatchObject([
      { id: '1.2.3', label: 'nightly' },
    ]);

    const written = await stat(join(release, 'ota.json'));
    expect((await demo.build()).output).not.toContain('ota package');
    expect((await stat(join(release, 'ota.json'))).mtimeMs).toBe(written.mtimeMs);

    await demo.write('main/app.image', image(2));
    expect(await demo.build()).toMatchObject({ exitCode: 0 });
    expect(sha256(await readFile(join(release, 'demo-1.2.3.bin')))).toBe(sha256(image(2)));

    for (const target of ['ota-package', 'ota-verify']) {
      const { exitCode, output } = await demo.build(target);
      expect(exitCode, output).toBe(0);
    }
  });

  it.runIf(shared !== undefined)('packages a real image', async () => {
    const image = await readFile(join(shared ?? '', 'images/app-esp32s3-hello_world.bin'));
    const version = 'v1.4.1-2-g0296947-dirty';
    const demo = await project({
      generation,
      before: `set(PROJECT_VER ${version})`,
      after: 'ota_package(PROJECT hello_world STRICT)',
      image,
    });
    await demo.configureAndBuild();
    const file = join(demo.folder, `ota/versions/${version}/hello_world-${version}.bin`);
    expect(sha256(await readFile(file))).toBe(sha256(image));
  });
});

describe('the messages of the real ota', () => {
  it('stand above the warning, and the build goes on', async () => {
    const demo = await project({});
    await demo.write('ota/manifest.json', '{ "schema_version": 1, }');
    const output = await demo.configureAndBuild();
    expect(output).toMatch(
      /error: [\s\S]*manifest\.json[\s\S]*warning: ota: `ota package` failed \(2\)/,
    );
  });
});
