import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createDiskStore } from '../../tools/service/artifacts/disk-store.ts';
import { artifactStoreContract } from '../contracts/artifact-store.ts';

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ota-artifacts-'));
});
afterAll(() => rm(folder, { recursive: true }));

artifactStoreContract('on disk', () => createDiskStore(join(folder, `${++count}`)));
