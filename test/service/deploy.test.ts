import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';
import { runOta } from '../support/io.ts';
import { adminKey, startService } from '../support/service.ts';
import { createFolder } from '../support/temporary-workspace.ts';

describe('ota deploy to the service', () => {
  it('packages, publishes and starts a rollout in one path; a second run changes nothing', async () => {
    const service = await startService();
    const cwd = await createFolder({
      'ota/manifest.json': {
        schema_version: 1,
        product: { name: 'app', hardware: 'esp32' },
        deployment: {
          default_protocols: ['https'],
          channels: {
            https: {
              url: `${service.url}/api/v1/firmware?model={hardware}&rollout=all`,
              allow_http: true,
              headers: { 'X-API-Key': '${OTA_API_KEY}' },
            },
          },
        },
        versions: [],
      },
    });
    const image = buildImage({ chip: 'esp32', project: 'app', version: '1.1.0' });
    await writeFile(join(cwd, 'app.bin'), image);
    const ota = (...words: string[]) => runOta(words, { cwd, env: { OTA_API_KEY: adminKey } });
    const packaged = await ota(
      'package',
      '--binary',
      'app.bin',
      '--version',
      '1.1.0',
      '--update-manifest',
    );
    expect(packaged.exitCode, packaged.stderr).toBe(0);
    for (let run = 0; run < 2; run += 1) {
      const deployed = await ota('deploy', '--version', '1.1.0', '--transport', 'https');
      expect(deployed.exitCode, deployed.stdout + deployed.stderr).toBe(0);
    }
    expect(await service.check('d1', '1.0.0')).toMatchObject({
      update_available: true,
      latest_version: '1.1.0',
      file_size: image.length,
    });
    const { body } = await service.call('GET', '/api/admin/rollouts');
    expect(body.rollouts).toHaveLength(1);
  });
});
