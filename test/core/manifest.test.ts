import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OtaError } from '../../tools/core/errors.ts';
import { chooseVersion, hardwareOf, parseManifest } from '../../tools/core/release/manifest.ts';
import { chooseArtifacts, parseRelease } from '../../tools/core/release/release.ts';
import { sharedFolder } from '../support/shared.ts';
import { sampleManifest } from '../support/temporary-workspace.ts';

const sha256 = 'ab'.repeat(32);
const artifact = { name: 'Gateway', filename: 'Gateway-1.0.0.bin', size: 3, sha256 };
const release = { version: '1.0.0', artifacts: [artifact] };

function detailsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    if (error instanceof OtaError) return error.details;
    throw error;
  }
  return [];
}

describe('the root manifest', () => {
  it('may list no versions yet', () => {
    expect(parseManifest(sampleManifest(), 'm').versions).toEqual([]);
  });

  it('needs nothing but product name, schema version and versions', () => {
    expect(() =>
      parseManifest({ schema_version: 1, product: { name: 'x' }, versions: [] }, 'm'),
    ).not.toThrow();
  });

  it.each([
    [{ schema_version: 2 }, 'schema_version: must be 1, is 2'],
    [{ product: {} }, 'product: the key "name" is missing'],
    [{ prodct: {} }, 'unknown key "prodct" (did you mean "product"?)'],
    [{ versions: [{ id: '1' }] }, 'versions[0]: the key "manifest" is missing'],
    [
      { versions: [{ id: '../x', manifest: 'a' }] },
      'versions[0].id: "../x" holds a path separator',
    ],
    [
      {
        versions: [
          { id: '1', manifest: 'a' },
          { id: '1', manifest: 'b' },
        ],
      },
      'versions[1].id: "1" is already used by versions[0]',
    ],
    [{ deployment: { channels: { mqtt: 1 } } }, 'deployment.channels.mqtt: must be object, is 1'],
  ])('%j is refused', (change, problem) => {
    expect(detailsOf(() => parseManifest(sampleManifest(change), 'm'))).toContain(problem);
  });

  it('leaves keys that start with x- free', () => {
    const manifest = sampleManifest({ 'x-anything': { a: 1 } });
    expect(() => parseManifest(manifest, 'm')).not.toThrow();
  });

  it('may name several chips', () => {
    expect(hardwareOf({ name: 'x', hardware: ['esp32', 'esp32s3'] })).toEqual(['esp32', 'esp32s3']);
    expect(hardwareOf({ name: 'x' })).toEqual([]);
  });
});

describe('choosing a version', () => {
  const manifest = parseManifest(
    sampleManifest({
      versions: ['1.9.0', '1.10.0', '2.0.0-rc.1'].map((id) => ({ id, manifest: id })),
    }),
    'm',
  );

  it('takes an id, or latest for the newest stable one', () => {
    expect(chooseVersion(manifest, '1.9.0', 'm').id).toBe('1.9.0');
    expect(chooseVersion(manifest, 'latest', 'm').id).toBe('1.10.0');
  });

  it('suggests the id that was meant', () => {
    expect(() => chooseVersion(manifest, '1.10.00', 'm')).toThrow(/did you mean "1.10.0"/);
  });
});

describe('the release manifest', () => {
  it.each([
    [{ version: '2.0.0' }, 'version: is "2.0.0", but the root manifest lists this file as "1.0.0"'],
    [{ artifacts: [] }, 'artifacts: must NOT have fewer than 1 items, is a list'],
    [
      { artifacts: [{ ...artifact, filename: '../x.bin' }] },
      'artifacts[0].filename: "../x.bin" holds a path separator',
    ],
    [
      { artifacts: [artifact, artifact] },
      'artifacts[1].filename: "Gateway-1.0.0.bin" is listed twice',
    ],
    [
      { artifacts: [{ ...artifact, sha256: 'abc' }] },
      'artifacts[0].sha256: must be 64 hexadecimal digits, is "abc"',
    ],
    [
      { created_at: 'yesterday' },
      'created_at: must be a date and time such as 2026-01-31T12:00:00Z, is "yesterday"',
    ],
    [{ artifacts: [{ ...artifact, size: 0 }] }, 'artifacts[0].size: must be >= 1, is 0'],
  ])('%j is refused', (change, problem) => {
    expect(detailsOf(() => parseRelease({ ...release, ...change }, 'r', '1.0.0'))).toContain(
      problem,
    );
  });

  it('takes artifacts by name or by file name', () => {
    const parsed = parseRelease(release, 'r');
    expect(chooseArtifacts(parsed, 'Gateway')).toHaveLength(1);
    expect(chooseArtifacts(parsed, 'Gateway-1.0.0.bin')).toHaveLength(1);
    expect(() => chooseArtifacts(parsed, 'gatway')).toThrow(/has no artifact/);
  });
});

const shared = sharedFolder();

describe.skipIf(shared === undefined)('the manifests that the seed system shows', () => {
  const page = join(shared ?? '', 'seeds/manifest-package-deploy.md');
  const seed = shared === undefined ? '' : readFileSync(page, 'utf8');
  const blocks = [...seed.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

  it('are two', () => {
    expect(blocks).toHaveLength(2);
  });

  it('are valid, the elided hash filled in', () => {
    const [root = '', version = ''] = blocks;
    expect(() => parseManifest(JSON.parse(root), 'root')).not.toThrow();
    expect(() =>
      parseRelease(JSON.parse(version.replace('"..."', `"${sha256}"`)), 'r'),
    ).not.toThrow();
  });
});
