import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { consoleCommands, fileBlock, splitWords } from '../support/console-blocks.ts';
import { runOta } from '../support/io.ts';
import { run } from '../support/run.ts';
import { sampleBuild } from '../support/sample-build.ts';
import { createFolder, sampleImage, sampleManifest } from '../support/temporary-workspace.ts';
import { writeBuild } from '../support/write-build.ts';

const docs = resolve(import.meta.dirname, '../../docs');
const guide = (name: string): string => readFileSync(join(docs, name), 'utf8');

/** A project with version 1.2.3 packaged. */
async function createProject(): Promise<string> {
  const cwd = await createFolder({
    'ota/manifest.json': sampleManifest({
      product: { name: 'Gateway', hardware: ['esp32s3', 'esp32c3'] },
    }),
    'app.bin': sampleImage(),
    'build/gateway-1.2.4.bin': sampleImage('1.2.4'),
  });
  const words = ['package', '--binary', 'app.bin', '--version', '1.2.3', '--update-manifest'];
  expect((await runOta(words, { cwd })).stderr).toBe('');
  return cwd;
}

/** Runs every command that a guide shows, in its order. */
async function follow(name: string, cwd: string): Promise<number> {
  const commands = consoleCommands(guide(name));
  for (const command of commands) {
    const [program = '', ...words] = splitWords(command);
    const env = { PATH: process.env.PATH ?? '' };
    const ran =
      program === 'ota'
        ? await runOta(words, { cwd, env }).then(({ exitCode, stderr }) => ({
            exitCode,
            output: stderr,
          }))
        : await run('sh', ['-c', command], { cwd });
    expect(ran.exitCode, `${command}\n${ran.output}`).toBe(0);
  }
  return commands.length;
}

describe('the guides show commands that work as written:', () => {
  it('signing.md', async () => {
    const cwd = await createProject();
    for (const file of ['sign-with-openssl.mjs', 'canonical.py']) {
      await writeFile(join(cwd, file), fileBlock(guide('signing.md'), file));
    }
    expect(await follow('signing.md', cwd)).toBeGreaterThan(8);
  });

  it('export.md', async () => {
    const cwd = await createProject();
    const project = { ...sampleBuild.project, project_version: '1.3.0' };
    await writeBuild(join(cwd, 'build'), { ...sampleBuild, project });
    expect(await follow('export.md', cwd)).toBe(5);
  });
});
