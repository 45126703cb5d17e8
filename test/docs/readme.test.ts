import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillTables } from '../../scripts/readme.ts';
import { fingerprintOf } from '../../tools/core/integrity.ts';
import { consoleCommands, fileBlock, splitWords } from '../support/console-blocks.ts';
import { sampleApp } from '../support/esp-images.ts';
import { runOta } from '../support/io.ts';
import { changeBuild } from '../support/sample-build.ts';
import { startServers } from '../support/servers.ts';
import { createFolder, sampleImage } from '../support/temporary-workspace.ts';
import { writeBuild } from '../support/write-build.ts';

const root = resolve(import.meta.dirname, '../..');
const readme = readFileSync(resolve(root, 'README.md'), 'utf8');
const packageJson = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

describe('the README', () => {
  it('has tables that follow from the code (npm run readme)', () => {
    expect(fillTables(readme)).toBe(readme);
  });

  it('starts with the two commands', () => {
    const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]?.trim());
    expect(blocks.slice(0, 2)).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
  });

  it('names scripts that exist', () => {
    for (const [, name = ''] of readme.matchAll(/`npm run ([a-z:]+)`/g)) {
      expect(Object.keys(packageJson.scripts), name).toContain(name);
    }
  });

  it('links to files that exist', () => {
    for (const [, target = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect(() => readFileSync(resolve(root, target)), target).not.toThrow();
    }
  });

  it('shows a tour whose every command works as written, against a broker and a server', async () => {
    const { broker, receiver, ca, env } = await startServers();
    const canary = sampleImage('1.3.0-rc.1', 2);
    const app = sampleApp({ version: '1.4.0' });
    const build = changeBuild({
      project: { project_version: '1.4.0' },
      files: { 'blinky.bin': app },
    });
    const cwd = await createFolder({
      'ota/manifest.json': fileBlock(readme, 'ota/manifest.json'),
      'ota/ca.pem': ca,
      'build/gateway.bin': sampleImage(),
      'build/canary.bin': canary,
    });
    await writeBuild(join(cwd, 'build-1.4.0'), build);
    const commands = consoleCommands(readme);
    expect(commands.length).toBeGreaterThan(7);
    for (const command of commands) {
      const [program, ...words] = splitWords(command);
      expect(program).toBe('ota');
      const ran = await runOta(words, { cwd, env });
      expect(ran.exitCode, `${command}\n${ran.stdout}${ran.stderr}`).toBe(0);
    }
    const { sha256 } = fingerprintOf(sampleImage());
    expect(receiver.uploads.map((upload) => [upload.path, upload.sha256])).toEqual([
      ['/firmware/Gateway-1.2.3.bin', sha256],
      ['/firmware/Gateway-1.4.0.bin', fingerprintOf(app).sha256],
    ]);
    expect(
      broker.published.map(({ topic, payload }) => [topic, fingerprintOf(payload).sha256]),
    ).toEqual([
      ['gateway/ota/1.2.3', sha256],
      ['gateway/canary', fingerprintOf(canary).sha256],
    ]);
  });
});
