import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCmakeProject, toolkitFile } from '../support/cmake-project.ts';

describe('arguments', () => {
  it('passes every argument on, whole', async () => {
    const demo = await createCmakeProject({
      after: `ota_package(MANIFEST "my ota/root.json" BINARY sub/other.bin VERSION 9.9.9 PROJECT "My Gateway"
        OUTPUT ../releases UPDATE_MANIFEST ARGS --label "a;b \\"c\\" \\\\d" --set "mqtt.topic=x y")`,
    });
    await demo.configureAndBuild();
    expect((await demo.calls())[0]?.args).toEqual([
      ...['package', '--manifest', join(demo.folder, 'my ota/root.json'), '--version', '9.9.9'],
      ...['--output', join(demo.folder, '../releases')],
      ...['--binary', join(demo.buildFolder, 'sub/other.bin'), '--project', 'My Gateway'],
      ...['--build-dir', demo.buildFolder],
      '--update-manifest',
      ...['--label', 'a;b "c" \\d', '--set', 'mqtt.topic=x y'],
    ]);
  });

  it.each([
    ['ota_package(UPDATE_MANIFESTS)', 'unknown argument "UPDATE_MANIFESTS"'],
    ['ota_package(VERSION)', 'VERSION needs a value'],
  ])('refuses %s when configuring', async (after, message) => {
    const demo = await createCmakeProject({ after });
    const { exitCode, output } = await demo.configure();
    expect(exitCode).toBe(1);
    expect(output).toContain(message);
  });

  it('warns about a second call and keeps the first', async () => {
    const demo = await createCmakeProject({
      after: 'ota_package(VERSION 1)\nota_package(VERSION 2)',
    });
    const output = await demo.configureAndBuild();
    expect(output).toContain('one project has one hook');
    expect((await demo.calls()).map((call) => call.args[4])).toEqual(['1']);
  });

  it('warns and lets the build go on where there is no target app', async () => {
    const demo = await createCmakeProject();
    const output = await demo.configureAndBuild('STAND_IN_NO_APP=ON');
    expect(output).toContain('there is no target `app`');
    expect(await demo.calls()).toEqual([]);
  });

  it.each(['BOOTLOADER_BUILD', 'ESP_TEE_BUILD'])('does nothing under %s', async (flag) => {
    const demo = await createCmakeProject();
    const output = await demo.configureAndBuild(`${flag}=1`);
    expect(output).not.toContain('Warning');
    expect(await demo.calls()).toEqual([]);
  });
});

describe('the version', () => {
  const versionOf = async (demo: Awaited<ReturnType<typeof createCmakeProject>>) =>
    (await demo.calls()).map((call) => call.args[4]);

  it('is what Kconfig says where Kconfig decides', async () => {
    const demo = await createCmakeProject({
      before: 'set(PROJECT_VER 1.0)\nset(CONFIG_APP_PROJECT_VER_FROM_CONFIG y)',
    });
    await demo.configureAndBuild('CONFIG_APP_PROJECT_VER=7.7.7');
    expect(await versionOf(demo)).toEqual(['7.7.7']);
  });

  it('stays one argument when version.txt has two lines', async () => {
    const demo = await createCmakeProject();
    await demo.write('version.txt', '1.0.0\nfirst of May\n');
    await demo.configureAndBuild();
    expect(await versionOf(demo)).toEqual(['1.0.0;first of May']);
  });

  it('is cut to the 31 characters that the image holds', async () => {
    const demo = await createCmakeProject({
      before: 'set(PROJECT_VER v1.2.3-14-g0123456789abcdef-dirty-and-long)',
    });
    await demo.configureAndBuild();
    expect(await versionOf(demo)).toEqual(['v1.2.3-14-g0123456789abcdef-dir']);
  });

  it('is read from project_description.json when ESP-IDF set none, and says so', async () => {
    const demo = await createCmakeProject({ before: 'set(PROJECT_VER "")' });
    await demo.configure();
    await demo.write('build/project_description.json', '{\n"project_version":  "3.1.4",\n}');
    const { output } = await demo.build();
    expect(output).toContain('demo 3.1.4 (version from project_description.json)');
    expect(await versionOf(demo)).toEqual(['3.1.4']);
  });

  it('is asked for when nobody knows it', async () => {
    const demo = await createCmakeProject({ before: 'set(PROJECT_VER "")' });
    const output = await demo.configureAndBuild();
    expect(output).toContain('warning: ota: no version: neither VERSION nor PROJECT_VER is set');
    expect(await demo.calls()).toEqual([]);
  });

  it('packages again when only the version changed', async () => {
    const demo = await createCmakeProject();
    await demo.write('version.txt', '1.0.0');
    await demo.configureAndBuild();
    await demo.write('version.txt', '1.0.1');
    await demo.configureAndBuild();
    expect(await versionOf(demo)).toEqual(['1.0.0', '1.0.1']);
  });
});

describe.each([5, 6] as const)('in a component on ESP-IDF %i', (generation) => {
  const include = `include("${toolkitFile}")\n`;
  const deferred = 'cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL ota_package STRICT)\n';

  it('attaches from project_include.cmake through DEFER', async () => {
    const demo = await createCmakeProject({ generation, after: '' });
    await demo.write('components/ota_hook/project_include.cmake', include + deferred);
    await demo.configureAndBuild();
    await demo.build();
    expect(await demo.calls()).toHaveLength(1);
  });

  it('leaves the bootloader sub-project alone', async () => {
    const demo = await createCmakeProject({ generation, after: '' });
    await demo.write('components/ota_hook/project_include.cmake', include + deferred);
    const output = await demo.configureAndBuild('STAND_IN_BOOTLOADER=ON');
    expect(output).toContain('Bootloader built');
    expect((await demo.calls()).map((call) => call.args[4])).toEqual(['1']);
  });

  it('warns with the line to write instead when called from a CMakeLists.txt', async () => {
    const demo = await createCmakeProject({ generation, after: '' });
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
