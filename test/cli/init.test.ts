import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { completeGitignore } from '../../tools/core/release/new-manifest.ts';
import { runOta } from '../support/io.ts';
import { sharedFolder } from '../support/shared.ts';
import { createFolder, sampleImage, snapshot } from '../support/temporary-workspace.ts';

const init = (cwd: string, ...words: readonly string[]) => runOta(['init', ...words], { cwd });
const description = { project_name: 'weather_station', target: 'esp32c3', project_version: '1' };

describe('ota init', () => {
  it('makes a workspace from flags, and says what comes next', async () => {
    const cwd = await createFolder();
    expect(await init(cwd, '--name', 'Gateway', '--hardware', 'esp32s3')).toEqual({
      exitCode: 0,
      stdout: `made the workspace of Gateway (esp32s3)
  write ota/manifest.json
  write ota/.gitignore
Next: say in deployment.channels of the manifest how devices are reached.
To package every build, add to the project's CMakeLists.txt, after project():
  include(node_modules/esp-ota-toolkit/cmake/OtaToolkit.cmake)
  ota_package(UPDATE_MANIFEST)
`,
      stderr: '',
    });
    expect(await readFile(join(cwd, 'ota/manifest.json'), 'utf8')).toBe(`{
  "schema_version": 1,
  "product": {
    "name": "Gateway",
    "hardware": "esp32s3"
  },
  "versions": []
}
`);
    expect(await readFile(join(cwd, 'ota/.gitignore'), 'utf8')).toBe(
      '.ota-tmp-*\n*.lock\n*.pem\n!*.pub.pem\n!*ca.pem\n',
    );
  });

  it('takes its answers from a build folder', async () => {
    const cwd = await createFolder({ 'build/project_description.json': description });
    const ran = await init(cwd, '--build-dir', 'build', '--dir', 'products/station', '--json');
    expect(JSON.parse(ran.stdout)).toEqual({
      ok: true,
      manifest: {
        schema_version: 1,
        product: { name: 'weather_station', hardware: 'esp32c3', project: 'weather_station' },
        versions: [],
      },
      files: [
        join(cwd, 'products/station/manifest.json'),
        join(cwd, 'products/station/.gitignore'),
      ],
      cmake: [
        'include(node_modules/esp-ota-toolkit/cmake/OtaToolkit.cmake)',
        'ota_package(MANIFEST "products/station/manifest.json" UPDATE_MANIFEST)',
      ],
    });
  });

  it('lets flags win over the build', async () => {
    const cwd = await createFolder({ 'build/project_description.json': description });
    const flags = ['--name', 'Station', '--hardware', 'esp32c3,esp32c6', '--project', 'wx'];
    const ran = await init(cwd, '--build-dir', 'build', '--json', ...flags);
    expect(JSON.parse(ran.stdout).manifest.product).toEqual({
      name: 'Station',
      hardware: ['esp32c3', 'esp32c6'],
      project: 'wx',
    });
  });

  it('makes a workspace that the other commands work in', async () => {
    const cwd = await createFolder({ 'app.bin': sampleImage('1.0.0') });
    await init(cwd, '--name', 'Gateway', '--protocols', 'mqtt,https');
    const words = ['package', '--binary', 'app.bin', '--version', '1.0.0', '--update-manifest'];
    expect((await runOta(words, { cwd })).exitCode).toBe(0);
    expect((await runOta(['validate'], { cwd })).stdout).toBe('valid: Gateway, 1 version\n');
    expect((await runOta(['deploy', '--version', '1.0.0', '--dry-run'], { cwd })).exitCode).toBe(0);
  });

  it('completes a .gitignore that is there', async () => {
    const cwd = await createFolder({ 'ota/.gitignore': '# ours\n*.pem\n!*.pub.pem' });
    await init(cwd, '--name', 'Gateway');
    expect(await readFile(join(cwd, 'ota/.gitignore'), 'utf8')).toBe(
      '# ours\n*.pem\n!*.pub.pem\n.ota-tmp-*\n*.lock\n!*ca.pem\n',
    );
    expect(completeGitignore('.ota-tmp-*\r\n*.lock\r\n*.pem\r\n!*.pub.pem\r\n!*ca.pem')).toBe(
      undefined,
    );
  });

  it('never overwrites a manifest', async () => {
    const cwd = await createFolder({ 'ota/manifest.json': 'precious' });
    const before = await snapshot(cwd);
    const ran = await init(cwd, '--name', 'Gateway');
    expect(ran).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `error: ${join(cwd, 'ota/manifest.json')} is there already
hint: It is never overwritten: choose another name, or move it away yourself.
code: file-exists
`,
    });
    expect(await snapshot(cwd)).toEqual(before);
  });

  it.each<[string, string, readonly string[]]>([
    ['no name', 'usage', []],
    ['a name that no file can have', 'name-invalid', ['--name', '../evil']],
    ['an empty name', 'manifest-invalid', ['--name', '']],
    ['a build folder that is none', 'build-missing', ['--build-dir', 'none']],
    ['the folder above the build folder', 'build-missing', ['--build-dir', '.']],
    ['a description that is no object', 'build-invalid', ['--build-dir', 'list']],
    ['a build whose name is no text', 'usage', ['--build-dir', 'odd']],
    ['a description that is no JSON', 'json-invalid', ['--build-dir', 'broken']],
    ['an unknown transport', 'transport-unknown', ['--name', 'x', '--protocols', 'mqt']],
  ])('refuses %s, and makes nothing', async (_what, code, words) => {
    const cwd = await createFolder({
      'build/project_description.json': description,
      'list/project_description.json': [],
      'odd/project_description.json': { project_name: ['x'] },
      'broken/project_description.json': '{',
    });
    const before = await snapshot(cwd);
    const ran = await init(cwd, ...words);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`code: ${code}\n`);
    expect(await snapshot(cwd)).toEqual(before);
  });
});

const shared = sharedFolder();

describe.skipIf(shared === undefined)('a real build', () => {
  it.each([
    ['lifecycle-idf5.4-esp32-MIT', 'esp32-lifecycle-manager', 'esp32'],
    ['fusioncore-idf5.5.1-esp32p4-MIT', 'FusionCoreEnIP', 'esp32p4'],
  ])('answers everything: %s', async (build, project, hardware) => {
    const cwd = await createFolder();
    const folder = join(shared ?? '', 'images/builddirs', build, 'build');
    const { stdout } = await init(cwd, '--build-dir', folder, '--json');
    expect(JSON.parse(stdout).manifest.product).toEqual({ name: project, hardware, project });
  });
});
