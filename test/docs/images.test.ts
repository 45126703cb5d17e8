import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fillChecks } from '../../scripts/readme.ts';
import { kindNames } from '../../tools/core/image/firmware-file.ts';
import { sampleApp } from '../support/esp-images.ts';
import { runOta } from '../support/io.ts';

const path = resolve(import.meta.dirname, '../../docs/images.md');

let guide = '';
let cwd = '';
beforeEach(async () => {
  guide = await readFile(path, 'utf8');
  cwd = await mkdtemp(join(tmpdir(), 'ota-guide-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true, force: true });
});

describe('the guide to images', () => {
  it('has a table of checks that follows from the code (npm run readme)', () => {
    expect(fillChecks(guide)).toBe(guide);
  });

  it('explains every kind of file', () => {
    const kinds = [...guide.matchAll(/^\| ((?:`[\w-]+`(?:, )?)+) \|/gm)]
      .flatMap((match) => [...(match[1] ?? '').matchAll(/`([\w-]+)`/g)])
      .map((match) => match[1]);
    expect(kinds).toEqual(expect.arrayContaining(Object.keys(kindNames)));
  });

  it('shows what the command prints', async () => {
    await mkdir(join(cwd, 'build'));
    await writeFile(join(cwd, 'build/gateway.bin'), sampleApp({ project: 'gateway' }));
    const { stdout } = await runOta(['inspect', 'build/gateway.bin'], { cwd });
    expect(/```text\n([\s\S]*?)```/.exec(guide)?.[1]).toBe(stdout);
  });

  it('names the manifest settings by their checks', () => {
    const levels = /"checks": (\{[^}]*\})/.exec(guide)?.[1] ?? '{}';
    for (const name of Object.keys(JSON.parse(levels))) expect(guide).toContain(`| \`${name}\` |`);
  });
});
