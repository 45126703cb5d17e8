import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';

const dist = resolve(import.meta.dirname, '../../dist');

describe('the built library', () => {
  it('packages and verifies from a program of somebody else', async () => {
    const cwd = await createFolder({
      'ota/manifest.json': sampleManifest(),
      'app.bin': sampleImage(),
    });
    const library = pathToFileURL(join(dist, 'index.js')).href;
    await writeFile(
      join(cwd, 'program.mjs'),
      `import { packageBinary, transports, verify } from ${JSON.stringify(library)};
      const manifestPath = 'ota/manifest.json';
      await packageBinary({ manifestPath, binaryPath: 'app.bin', version: '1.2.3', overrides: {},
        updateManifest: true, dryRun: false, transports, now: new Date(0) });
      const { verified, findings } = await verify({ manifestPath, now: new Date() });
      console.log(JSON.stringify([verified.map(({ version }) => version), findings]));`,
    );
    const { exitCode, output } = await run(process.execPath, ['program.mjs'], { cwd });
    expect([exitCode, output.trim()]).toEqual([0, '[["1.2.3"],[]]']);
  });

  it('has types for everything that it exports', async () => {
    const types = await readFile(join(dist, 'types/index.d.ts'), 'utf8');
    for (const name of ['packageBinary', 'deploy', 'OtaError', 'defineTransport']) {
      expect(types).toContain(name);
    }
  });
});
