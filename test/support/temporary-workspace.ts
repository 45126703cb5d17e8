import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { buildImage } from '../../tools/core/image/building/build-image.ts';

/** Content of a folder: text, bytes, or a value that is written as JSON. */
export type Files = Readonly<Record<string, unknown>>;

/** Makes a folder with the given files; it is removed when the test ends. */
export async function createFolder(files: Files = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ota-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, toBytes(content));
  }
  return folder;
}

function toBytes(content: unknown): string | Uint8Array {
  if (typeof content === 'string' || content instanceof Uint8Array) return content;
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Every file below a folder with its content, to compare whole trees. Binary content is shown as its length. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: [string, string][] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length + 1);
    if (entry.isDirectory()) found.push([`${name}/`, '']);
    else {
      const bytes = await readFile(path);
      found.push([name, name.endsWith('.json') ? bytes.toString() : `${bytes.length} bytes`]);
    }
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A root manifest that is valid; a test changes one thing. */
export function sampleManifest(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    schema_version: 1,
    product: {
      name: 'Gateway',
      hardware: 'esp32s3',
      // One sample image serves for many versions; the tests of the checks have images of their own.
      checks: { 'version-match': 'off', 'same-bits': 'off', downgrade: 'off' },
    },
    deployment: {
      default_protocols: ['mqtt', 'https'],
      channels: {
        mqtt: { broker: 'mqtts://broker.example.com', topic: 'fleet/{version}' },
        https: {
          url: 'https://ota.example.com/firmware',
          headers: { Authorization: 'Bearer ${OTA_TOKEN}' },
        },
      },
    },
    versions: [],
    ...changes,
  };
}

/** A small firmware image. */
export function sampleImage(version = '1.2.3', seed = 1): Uint8Array {
  return buildImage({ chip: 'esp32s3', project: 'gateway', version, seed, sizeBytes: 2048 });
}
