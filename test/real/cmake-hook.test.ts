import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCmakeProject, installRecorder } from '../support/cmake-project.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const everyBuild = ([5, 6] as const).flatMap((generation) =>
  (['Ninja', 'Unix Makefiles'] as const).map((generator) => ({ generation, generator })),
);

describe.each(everyBuild)('on ESP-IDF $generation with $generator', (options) => {
  it('packages the first build with the defaults of ESP-IDF', async () => {
    const { folder, ...demo } = await createCmakeProject(options);
    await demo.write('version.txt', '1.2.3\n');
    const output = await demo.configureAndBuild();
    expect(output).toContain('ota package: demo 1.2.3 (version from PROJECT_VER)');
    expect(await demo.calls()).toEqual([
      {
        args: [
          ...['package', '--manifest', join(folder, 'ota/manifest.json'), '--version', '1.2.3'],
          ...['--binary', join(folder, 'build/demo.bin'), '--project', 'demo'],
          ...['--build-dir', join(folder, 'build')],
        ],
        cwd: folder,
        sha256: sha256('first image'),
      },
    ]);
  });

  it('does not call ota when nothing changed, and calls it again when the image did', async () => {
    const demo = await createCmakeProject(options);
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
    const demo = await createCmakeProject(options);
    await demo.configureAndBuild('STAND_IN_SIGNED=ON');
    expect((await demo.calls()).map((call) => call.sha256)).toEqual([
      sha256('signature block\nfirst image'),
    ]);
  });

  it('packages nothing when the image is too large for its partition', async () => {
    const demo = await createCmakeProject(options);
    await demo.configure('STAND_IN_TOO_LARGE=ON');
    expect((await demo.build()).exitCode).not.toBe(0);
    expect(await demo.calls()).toEqual([]);
  });

  it('works where every path has blanks and odd characters', async () => {
    const folderName = "my project (v2) 'x' & ü 100% [b]!";
    const demo = await createCmakeProject({ ...options, folderName });
    await demo.configureAndBuild();
    expect((await demo.calls())[0]?.args).toContain(join(demo.folder, 'ota/manifest.json'));
    await demo.build();
    expect(await demo.calls()).toHaveLength(1);
  });

  it('is also part of `idf.py app`', async () => {
    const demo = await createCmakeProject(options);
    await demo.configure();
    expect(await demo.build('app')).toMatchObject({ exitCode: 0 });
    expect(await demo.calls()).toHaveLength(1);
  });
});

describe('what counts as changed', () => {
  it('is the manifest too, because another branch may not list the version', async () => {
    const demo = await createCmakeProject();
    await demo.write('ota/manifest.json', '{}');
    await demo.configureAndBuild();
    await demo.write('ota/manifest.json', '{ "other": "branch" }');
    await demo.build();
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);
  });

  it('is the arguments too', async () => {
    const demo = await createCmakeProject({ after: 'ota_package(ARGS --label ${LABEL})' });
    await demo.configureAndBuild('LABEL=alpha');
    await demo.configureAndBuild('LABEL=beta');
    await demo.configureAndBuild('LABEL=beta');
    expect((await demo.calls()).map((call) => call.args.at(-1))).toEqual(['alpha', 'beta']);
  });

  it('is a deleted release too', async () => {
    const demo = await createCmakeProject({ after: 'ota_package(VERSION 1.0.0)' });
    await demo.write('ota/versions/1.0.0/ota.json', '{}');
    await demo.configureAndBuild();
    await rm(join(demo.folder, 'ota'), { recursive: true });
    await demo.build();
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);
  });

  it('is not a source that was touched and gives the same image', async () => {
    const demo = await createCmakeProject();
    await demo.configureAndBuild();
    await demo.write('main/app.image', 'first image');
    await demo.build();
    expect(await demo.calls()).toHaveLength(1);
  });

  it('is everything after `clean`', async () => {
    const demo = await createCmakeProject();
    await demo.configureAndBuild();
    await demo.build('clean');
    await demo.build();
    expect(await demo.calls()).toHaveLength(2);
  });
});

describe('where ota comes from', () => {
  it('is OTA_EXECUTABLE of CMake before that of the environment', async () => {
    const demo = await createCmakeProject();
    const other = join(demo.folder, 'tools');
    await installRecorder(other);
    await demo.configureAndBuild(`OTA_EXECUTABLE=${join(other, 'ota')}`);
    expect(await demo.calls()).toEqual([]);
  });

  it('is node_modules/.bin in a folder above the source folder', async () => {
    const demo = await createCmakeProject({ folderName: 'mono repo/firmware/gateway' });
    demo.environment.OTA_EXECUTABLE = undefined;
    const bin = join(demo.folder, '../../node_modules/.bin');
    await installRecorder(bin);
    const output = await demo.configureAndBuild();
    expect(output).toContain('fake ota package done');
  });

  it('is PATH in the end', async () => {
    const demo = await createCmakeProject();
    demo.environment.OTA_EXECUTABLE = undefined;
    demo.environment.PATH = `${demo.recorder}:${demo.environment.PATH}`;
    await demo.configureAndBuild();
    expect(await demo.calls()).toHaveLength(1);
  });

  it.each(['tools/ota', 'ota'])('may be named relative or without folder: %s', async (name) => {
    const demo = await createCmakeProject();
    await installRecorder(join(demo.folder, 'tools'));
    demo.environment.PATH = `${join(demo.folder, 'tools')}:${demo.environment.PATH}`;
    demo.environment.OTA_EXECUTABLE = name;
    expect(await demo.configureAndBuild()).toContain('fake ota package done');
    expect(await demo.calls()).toEqual([]);
  });

  it('is not guessed when OTA_EXECUTABLE is wrong', async () => {
    const demo = await createCmakeProject();
    demo.environment.PATH = `${demo.recorder}:${demo.environment.PATH}`;
    demo.environment.OTA_EXECUTABLE = '/nowhere/ota';
    const output = await demo.configureAndBuild();
    expect(output).toContain('OTA_EXECUTABLE is "/nowhere/ota", which does not exist.');
    expect(await demo.calls()).toEqual([]);
  });
});

describe('when ota is missing', () => {
  it('warns once, at build time, and packages as soon as it is there', async () => {
    const demo = await createCmakeProject();
    demo.environment.OTA_EXECUTABLE = undefined;
    const configured = await demo.configure();
    expect(configured.output).not.toMatch(/warning|esp-ota-toolkit/i);
    const first = await demo.build();
    expect(first.exitCode).toBe(0);
    expect(first.output.match(/warning/g)).toHaveLength(1);
    expect(first.output).toContain('npm install --save-dev esp-ota-toolkit');

    await installRecorder(join(demo.folder, 'node_modules/.bin'));
    expect((await demo.build()).output).toContain('fake ota package done');
  });

  it('fails the build under STRICT', async () => {
    const demo = await createCmakeProject({ after: 'ota_package(STRICT)' });
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
    const demo = await createCmakeProject();
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
    const demo = await createCmakeProject({ after: 'ota_package(STRICT)' });
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
    const demo = await createCmakeProject();
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
    const demo = await createCmakeProject({ after: 'ota_package(VERSION 4.5.6 ARGS --label x)' });
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
      const demo = await createCmakeProject();
      await demo.configureAndBuild();
      await demo.fail({ exitCode: 1, stderr: 'error: it did not work\n' });
      const { exitCode, output } = await demo.build(target);
      expect(exitCode).not.toBe(0);
      expect(output).toContain('error: it did not work');
    },
  );

  it('are not part of a normal build', async () => {
    const demo = await createCmakeProject();
    await demo.configureAndBuild();
    expect((await demo.calls()).map((call) => call.args[0])).toEqual(['package']);
  });
});
