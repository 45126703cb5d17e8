import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SigningPolicy } from '../../tools/core/release/manifest.ts';
import type { Release } from '../../tools/core/release/release.ts';
import { packageBinary } from '../../tools/workflows/packaging/package.ts';
import { createFakeTransport } from './fake-transport.ts';
import type { TestKey } from './keys.ts';
import { createFolder, sampleImage, sampleManifest } from './temporary-workspace.ts';

export interface Product {
  /** The project's folder; the workspace is `ota/` in it. */
  readonly folder: string;
  readonly manifestPath: string;
  readonly artifactPath: string;
  readonly releasePath: string;
  readRelease(): Promise<Release>;
  writeRelease(release: unknown): Promise<void>;
}

/** A product with version 1.2.3 packaged and not signed. `signing` goes into its manifest. */
export async function createProduct(signing?: SigningPolicy): Promise<Product> {
  const product = { name: 'Gateway', hardware: 'esp32s3', ...(signing && { signing }) };
  const folder = await createFolder({
    'ota/manifest.json': sampleManifest({ product }),
    'app.bin': sampleImage(),
  });
  const manifestPath = join(folder, 'ota/manifest.json');
  const { artifactPath, releasePath } = await packageBinary({
    manifestPath,
    binaryPath: join(folder, 'app.bin'),
    version: '1.2.3',
    overrides: {},
    updateManifest: true,
    dryRun: false,
    transports: [createFakeTransport('mqtt'), createFakeTransport('https')],
    now: new Date('2026-01-31T12:00:00Z'),
  });
  return {
    folder,
    manifestPath,
    artifactPath,
    releasePath,
    readRelease: async () => JSON.parse(await readFile(releasePath, 'utf8')),
    writeRelease: (release) => writeFile(releasePath, JSON.stringify(release)),
  };
}

/** `product.signing` that trusts these keys. */
export function policyOf(
  keys: readonly TestKey[],
  changes: Partial<SigningPolicy> = {},
): SigningPolicy {
  const trusted = keys.map(({ publicKey, publicPem }) => ({
    id: publicKey.id,
    public_key: publicPem,
  }));
  return { required: true, keys: trusted, ...changes };
}
