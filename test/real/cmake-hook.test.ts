import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type CmakeProjectOptions,
  createCmakeProject,
  fakeOtaFile,
  toolkitFile,
} from '../support/cmake-project.ts';

async function project(options: CmakeProjectOptions = {}) {
  const created = await createCmakeProject(options);
  onTestFinished(created.remove);
  return created;
}

async function installFake(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(fakeOtaFile, join(folder, 'ota'));
  await chmod(join(folder, 'ota'), 0o755);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const generations = [5, 6] as const;
const everyBuild = generations.flatMap((generation) =>
  (['Ninja', 'Unix Makefiles'] as const).map((generator) => ({ generation, generator })),
);

describe.each(everyBuild)('on ESP-IDF $generation with $generator', (options) => {
  it('packages the first build with the defaults of ESP-IDF', async () => {
    const { folder, ...demo } = await project(options);
    await demo.write('version.txt', '1.2.3\n');
    const output = await demo.configureAndBuild();
    expect(output).toContain('ota package: demo 1.2.3 (version from PROJECT_VER)');
    expect(await demo.calls()).toEqual([
      {
        args: [
          ...['package', '--manifest', join(folder, 'ota/manifest.json')],
          ...['--binary', join(folder, 'build/demo.bin')],
          ...['--version', '1.2.3', '--project', 'demo'],
        ],
        cwd: folder,
        sha256: sha256('first image'),
      },
    ]);
  });

  it('does not call ota when nothing changed, and calls it again when the image did', async () => {
    const demo = await project(options);
    await demo.configureAndBuild();
    const second = await demo.build();
    expect(second).toMatchObject({ exitCode: 0 });
    expect(second.output).not.toMatch(/ota package|warning/);
    expect(await demo.calls()).toHaveLength(1);

    await demo.write('main/app.image', 'second image');
    expect(await demo.build()).toMatchObject({ exitCode: 0 });
    expect((await demo.calls()).map((call) => call.sha256)).toEqual([
      sha256('first image'),
      sha256('second image'),
    ]);
  });

  it('packages the signed image', async () => {
    const demo = await project(options);
    await demo.configureAndBuild('STAND_IN_SIGNED=ON');
    expect((await demo.calls()).map((call) => call.sha256)).toEqual([
      sha256('signature block\nfirst image'),
    ]);
  });

  it('packages nothing when the image is too large for its partition', async () => {
    const demo = await project(options);
    await demo.configure('STAND_IN_TOO_LARGE=ON');
    expect((await demo.build()).exitCode).not.toBe(0);
    expect(await demo.calls()).toEqual([]);
  });

  it('works where every path has blanks and odd characters', async () => {
    const folderName = "my project (v2) 'x' & ü 100% [b]!";
    const demo = await project({ ...options, folderName });
    await demo.configureAndBuild();
    expect((await demo.calls())[0]?.args).toContain(join(demo.folder, 'ota/manifest.json'));
    await demo.build();
    expect(await demo.calls()).toHaveLength(1);
  });

  it('is also part of `idf.py app`', async () => {
    const demo = await project(options);
    await demo.configure();
    expect(await demo.build('app')).toMatchObject({ exitCode: 0 });
    expect(await demo.calls()).toHaveLength(1);
  });
});

describe.each(generations)('in a component on ESP-IDF %i', (generation) => {
  const include = `include("${toolkitFile}")\n`;
  const deferred = 'cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL ota_package STRICT)\n';

  it('attaches from project_include.cmake through DEFER', async () => {
    const demo = await project({ generation, after: '' });
    await demo.write('components/ota_hook/project_include.cmake', include + deferred);
    await demo.configureAndBuild();
    await demo.build();
    expect(await demo.calls()).toHaveLength(1);
  });

  it('leaves the bootloader sub-project alone', async () => {
    const demo = await project({ generation, after: '' });
    await demo.write('components/ota_hook/project_include.cmake', include + deferred);
    const output = await demo.configureAndBuild('STAND_IN_BOOTLOADER=ON');
    expect(output).toContain('Bootloader built');
    expect((await demo.calls()).map((call) => call.args[6])).toEqual(['1']);
  });

  it('warns with the line to write instead when called from a CMakeLists.txt', async () => {
    const demo = await project({ generation, after: '' });
    await demo.write('components/ota_hook/CMakeLists.txt', `${include}ota_package()\n`);
    const { exitCode, output } = await demo.configure();
    expect(exitCode).toBe(0);
    expect(output).toContain('CMake Warning');
    expect(output).toContain(
      'cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL ota_package)',
    );
    expect(await demo.build()).toMatchObject({ exitCode: 0 });
  });
});

describe('arguments', () => {
  it('passes every argument on, whole', async () => {
    const demo = await project({
      after: `ota_package(MANIFEST "my ota/root.json" BINARY sub/other.bin VERSION 9.9.9 PROJECT "My Gateway"
        OUTPUT ../releases UPDATE_MANIFEST ARGS --label "a;b \\"c\\" \\\\d" --set "mqtt.topic=x y")`,
    });
    await demo.configureAndBuild();
    expect((await demo.calls())[0]?.args).toEqual([
      ...['package', '--manifest', join(demo.folder, 'my ota/root.json')],
      ...['--binary', join(demo.buildFolder, 'sub/other.bin')],
      ...['--version', '9.9.9', '--project', 'My Gateway'],
      ...['--output', join(demo.folder, '../releases'), '--update-manifest'],
      ...['--label', 'a;b "c" \\d', '--set', 'mqtt.topic=x y'],
    ]);
  });

  it.each([
    ['ota_package(UPDATE_MANIFESTS)', 'unknown argument "UPDATE_MANIFESTS"'],
    ['ota_package(VERSION)', 'VERSION needs a value'],
  ])('refuses %s when configuring', async (after, message) => {
    const demo = await project({ after });
    const { exitCode, output } = await demo.configure();
    expect(exitCode).toBe(1);
    expect(output).toContain(message);
  });

  it('warns about a second call and keeps the first', async () => {
    const demo = await project({ after: 'ota_package(VERSION 1)\nota_package(VERSION 2)' });
    const output = await demo.configureAndBuild();
    expect(output).toContain('one project has one hook');
    expect((await demo.calls()).map((call) => call.args[6])).toEqual(['1']);
  });

  it('warns and lets the build go on where there is no target app', async () => {
    const demo = await project();
    const output = await demo.configureAndBuild('STAND_IN_NO_APP=ON');
    expect(output).toContain('there is no target `app`');
    expect(await demo.calls()).toEqual([]);
  });

  it.each(['BOOTLOADER_BUILD', 'ESP_TEE_BUILD'])('does nothing under %s', async (flag) => {
    const demo = await project();
    const output = await demo.configureAndBuild(`${flag}=1`);
    expect(output).not.toContain('Warning');
    expect(await demo.calls()).toEqual([]);
  });
});

describe('the version', () => {
  const versionOf = async (demo: Awaited<ReturnType<typeof project>>) =>
    (await demo.calls()).map((call) => call.args[6]);

  it('is what Kconfig says where Kconfig decides', async () => {
    const demo = await project({
      before: 'set(PROJECT_VER 1.0)\nset(CONFIG_APP_PROJECT_VER_FROM_CONFIG y)',
    });
    await demo.configureAndBuild('CONFIG_APP_PROJECT_VER=7.7.7');
    expect(await versionOf(demo)).toEqual(['7.7.7']);
  });

  it('is cut to the 31 characters that the image holds', async () => {
    const demo = await project({
      before: 'set(PROJECT_VER v1.2.3-14-g0123456789abcdef-dirty-and-long)',
    });
    await demo.configureAndBuild();
    expect(await versionOf(demo)).toEqual(['v1.2.3-14-g0123456789abcdef-dir']);
  });

  it('is read from project_description.json when ESP-IDF set none, and says so', async () => {
    const demo = await project({ before: 'set(PROJECT_VER "")' });
    await demo.configure();
    await demo.write('build/project_description.json', '{\n"project_version":  "3.1.4",\n}');
    const { output } = await demo.build();
    expect(output).toContain('demo 3.1.4 (version from project_description.json)');
    expect(await versionOf(demo)).toEqual(['3.1.4']);
  });

  it('is asked for when nobody knows it', async () => {
    const demo = await project({ before: 'set(PROJECT_VER "")' });
    const output = await demo.configureAndBuild();
    expect(output).toContain('warning: ota: no version: neither VERSION nor PROJECT_VER is set');
    expect(await demo.calls()).toEqual([]);
  });

  it('packages again when only the version changed', async () => {
    const demo = await project();
    await demo.write('version.txt', '1.0.0');
    await demo.configureAndBuild();
    await demo.write('version.txt', '1.0.1');
    await demo.configureAndBuild();
    expect(await versionOf(demo)).toEqual(['1.0.0', '1.0.1']);
  });
});

describe('what counts as changed', () => {
  it('is the manifest too, because another branch may not list the version', async () => {
    const demo = await project();
    await demo.write('ota/manifest.json', '{}');
    await demo.configureAndBuild();
    await demo.write('ota/manifest.json', '{ "other": "branch" }');
    await demo.build();
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);
  });

  it('is a deleted release too', async () => {
    const demo = await project({ after: 'ota_package(VERSION 1.0.0)' });
    await demo.write('ota/versions/1.0.0/ota.json', '{}');
    await demo.configureAndBuild();
    await rm(join(demo.folder, 'ota'), { recursive: true });
    await demo.build();
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);
  });

  it('is not a source that was touched and gives the same image', async () => {
    const demo = await project();
    await demo.configureAndBuild();
    await demo.write('main/app.image', 'first image');
    await demo.build();
    expect(await demo.calls()).toHaveLength(1);
  });

  it('is everything after `clean`', async () => {
    const demo = await project();
    await demo.configureAndBuild();
    await demo.build('clean');
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);
  });
});

describe('where ota comes from', () => {
  it('is OTA_EXECUTABLE of CMake before that of the environment', async () => {
    const demo = await project();
    const other = join(demo.folder, 'tools');
    await installFake(other);
    await demo.configureAndBuild(`OTA_EXECUTABLE=${join(other, 'ota')}`);
    expect(await demo.calls()).toEqual([]);
  });

  it('is node_modules/.bin in a folder above the source folder', async () => {
    const demo = await project({ folderName: 'mono repo/firmware/gateway' });
    demo.environment.OTA_EXECUTABLE = undefined;
    const bin = join(demo.folder, '../../node_modules/.bin');
    await installFake(bin);
    const output = await demo.configureAndBuild();
    expect(output).toContain('fake ota package done');
  });

  it('is PATH in the end', async () => {
    const demo = await project();
    demo.environment.OTA_EXECUTABLE = undefined;
    demo.environment.PATH = `${demo.recorder}:${demo.environment.PATH}`;
    await demo.configureAndBuild();
    expect(await demo.calls()).toHaveLength(1);
  });

  it('is not guessed when OTA_EXECUTABLE is wrong', async () => {
    const demo = await project();
    demo.environment.PATH = `${demo.recorder}:${demo.environment.PATH}`;
    demo.environment.OTA_EXECUTABLE = '/nowhere/ota';
    const output = await demo.configureAndBuild();
    expect(output).toContain('OTA_EXECUTABLE is "/nowhere/ota", which does not exist.');
    expect(await demo.calls()).toEqual([]);
  });
});

describe('when ota is missing', () => {
  it('warns once, at build time, and packages as soon as it is there', async () => {
    const demo = await project();
    demo.environment.OTA_EXECUTABLE = undefined;
    const configured = await demo.configure();
    expect(configured.output).not.toMatch(/warning|esp-ota-toolkit/i);
    const first = await demo.build();
    expect(first.exitCode).toBe(0);
    expect(first.output.match(/warning/g)).toHaveLength(1);
    expect(first.output).toContain('npm install --save-dev esp-ota-toolkit');

    await installFake(join(demo.folder, 'node_modules/.bin'));
    expect((await demo.build()).output).toContain('fake ota package done');
  });

  it('fails the build under STRICT', async () => {
    const demo = await project({ after: 'ota_package(STRICT)' });
    demo.environment.OTA_EXECUTABLE = undefined;
    expect(await demo.configure()).toMatchObject({ exitCode: 0 });
    const { exitCode, output } = await demo.build();
    expect(exitCode).not.toBe(0);
    expect(output).toContain('`ota` is neither in node_modules/.bin');
  });
});

describe('when ota package fails', () => {
  const failure = { exitCode: 2, stderr: 'error: manifest-invalid: versions[0].id\n' };

  it('warns with the message of ota, lets the build go on and tries again', async () => {
    const demo = await project();
    await demo.fail(failure);
    const output = await demo.configureAndBuild();
    expect(output).toContain(failure.stderr);
    expect(output).toContain('warning: ota: `ota package` failed (2)');
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);

    await demo.fail(undefined);
    await demo.build();
    await demo.build();
    expect(await demo.calls()).toHaveLength(3);
  });

  it('fails the build under STRICT, and tries again', async () => {
    const demo = await project({ after: 'ota_package(STRICT)' });
    await demo.fail(failure);
    await demo.configure();
    const { exitCode, output } = await demo.build();
    expect(exitCode).not.toBe(0);
    expect(output).toContain(failure.stderr);
    await demo.fail(undefined);
    expect(await demo.build()).toMatchObject({ exitCode: 0 });
    expect(await demo.calls()).toHaveLength(2);
  });
});

describe('the targets', () => {
  it('ota-package packages although nothing changed', async () => {
    const demo = await project();
    await demo.configureAndBuild();
    expect(await demo.build('ota-package')).toMatchObject({ exitCode: 0 });
    expect((await demo.calls()).map((call) => call.args[0])).toEqual(['package', 'package']);
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);
  });

  it.each([
    ['ota-verify', ['verify', '--version', '4.5.6']],
    ['ota-deploy-dry-run', ['deploy', '--version', '4.5.6', '--dry-run']],
  ])('%s builds, packages and runs its command', async (target, expected) => {
    const demo = await project({ after: 'ota_package(VERSION 4.5.6 ARGS --label x)' });
    await demo.configure();
    expect(await demo.build(target)).toMatchObject({ exitCode: 0 });
    const manifest = ['--manifest', join(demo.folder, 'ota/manifest.json')];
    const [verb = '', ...rest] = expected;
    expect((await demo.calls()).map((call) => call.args).slice(1)).toEqual([
      [verb, ...manifest, ...rest],
    ]);
  });

  it.each(['ota-package', 'ota-verify', 'ota-deploy-dry-run'])(
    '%s reports failure without STRICT',
    async (target) => {
      const demo = await project();
      await demo.configureAndBuild();
      await demo.fail({ exitCode: 1, stderr: 'error: it did not work\n' });
      const { exitCode, output } = await demo.build(target);
      expect(exitCode).not.toBe(0);
      expect(output).toContain('error: it did not work');
    },
  );

  it('are not part of a normal build', async () => {
    const demo = await project();
    await demo.configureAndBuild();
    expect((await demo.calls()).map((call) => call.args[0])).toEqual(['package']);
  });
});
