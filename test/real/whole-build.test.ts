import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runOta } from '../support/io.ts';
import { run } from '../support/run.ts';
import { startServers } from '../support/servers.ts';
import { sharedFolder } from '../support/shared.ts';
import { createFolder } from '../support/temporary-workspace.ts';

const shared = sharedFolder();

describe.skipIf(shared === undefined)('a real build of ESP-IDF 5.4', () => {
  it('goes from its build folder to a server: packaged, signed, exported, deployed', async () => {
    const { ca, env, receiver } = await startServers();
    const cwd = await createFolder({ 'ota/ca.pem': ca });
    const build = join(shared ?? '', 'images/builddirs/lifecycle-idf5.4-esp32-MIT/build');
    const ota = async (...words: readonly string[]): Promise<string> => {
      const ran = await runOta(words, { cwd, env });
      expect(ran.exitCode, `ota ${words.join(' ')}\n${ran.stdout}${ran.stderr}`).toBe(0);
      return ran.stdout;
    };
    await ota('init', '--build-dir', build);
    const { trusted_key } = JSON.parse(await ota('keygen', '--json'));
    const manifestPath = join(cwd, 'ota/manifest.json');
    const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
    manifest.product.signing = { required: true, keys: [trusted_key] };
    const https = {
      url: '${OTA_SERVER}/fw/{filename}',
      headers: { Authorization: 'Basic ${OTA_BASIC}' },
      ca: 'ca.pem',
    };
    manifest.deployment = { default_protocols: ['https'], channels: { https } };
    await writeFile(manifestPath, JSON.stringify(manifest));

    const parts = 'bootloader,partition-table,otadata,merged';
    const key = ['--sign-key', 'ota-signing.pem'];
    await ota('package', '--build-dir', build, '--with', parts, '--update-manifest', ...key);
    const [listed] = JSON.parse(await ota('list', '--json')).versions;
    expect(listed).toMatchObject({ latest: true, chip: 'esp32', signatures: 'valid' });
    await ota('verify');

    const folder = `ota/versions/${listed.version}`;
    const app = `esp32-lifecycle-manager-${listed.version}.bin`;
    const signature = `${folder}/${app}.sig`;
    const check = ['dgst', '-sha256', '-verify', 'ota-signing.pub.pem', '-signature', signature];
    expect(await run('openssl', [...check, `${folder}/${app}`], { cwd })).toEqual({
      exitCode: 0,
      output: 'Verified OK\n',
    });
    for (const format of ['esp-web-tools', 'esphome', 'version-json', 'http-update', 'checksums']) {
      await ota('export', '--format', format, '--out', `public/${format}`);
    }
    const sums = await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], {
      cwd: join(cwd, 'public/checksums'),
    });
    expect(sums.exitCode, sums.output).toBe(0);
    expect(sums.output.split('\n')).toHaveLength(6);

    await ota('deploy', '--version', 'latest');
    const bytes = await readFile(join(cwd, folder, app));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(receiver.uploads.map((upload) => [upload.path, upload.sha256])).toEqual([
      [`/fw/${app}`, sha256],
    ]);
  });
});
