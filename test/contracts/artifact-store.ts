import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type {
  ArtifactStore,
  StoredArtifact,
} from '../../tools/service/artifacts/artifact-store.ts';

/** What every artifact store does. */
export function artifactStoreContract(name: string, make: () => Promise<ArtifactStore>): void {
  describe(`an artifact store ${name}`, () => {
    const bytes = randomBytes(300_000);
    const hash = (kind: string): string => createHash(kind).update(bytes).digest('hex');
    const later = (): number => Date.now() + 2 * 60 * 60 * 1000;
    const chunks = (): Readable =>
      Readable.from([bytes.subarray(0, 100_000), bytes.subarray(100_000)]);

    /** Takes a file in for good. */
    async function put(store: ArtifactStore, source = chunks()): Promise<StoredArtifact> {
      const { sizeBytes, sha256, md5, keep } = await store.receive(source, 1e6);
      await keep();
      return { sizeBytes, sha256, md5 };
    }

    const has = (store: ArtifactStore, sha256: string): Promise<boolean> =>
      store.bytes(sha256).then(
        () => true,
        () => false,
      );

    it('gives back what it took, whole and in parts', async () => {
      const store = await make();
      const stored = await put(store);
      expect(stored).toEqual({ sizeBytes: 300_000, sha256: hash('sha256'), md5: hash('md5') });
      expect(await store.bytes(stored.sha256)).toEqual(bytes);
      const file = await store.open(stored.sha256);
      const part = Buffer.alloc(10);
      expect([await file.read(part, 5), part]).toEqual([10, bytes.subarray(5, 15)]);
      expect([await file.read(part, 299_996), part.subarray(0, 4)]).toEqual([
        4,
        bytes.subarray(299_996),
      ]);
      expect(await file.read(part, 300_000)).toBe(0);
      await file.close();
    });

    it('shows a file when it is kept, not before', async () => {
      const store = await make();
      const received = await store.receive(chunks(), 1e6);
      expect(Buffer.from(await received.bytes())).toEqual(bytes);
      expect(await has(store, received.sha256)).toBe(false);
      await received.keep();
      await received.discard();
      expect(await has(store, received.sha256)).toBe(true);
    });

    it('forgets a file that is discarded, but not the same one that somebody else keeps', async () => {
      const store = await make();
      const [one, two] = [await store.receive(chunks(), 1e6), await store.receive(chunks(), 1e6)];
      await one.discard();
      expect(await has(store, one.sha256)).toBe(false);
      await two.keep();
      const three = await store.receive(chunks(), 1e6);
      await three.discard();
      expect(await store.bytes(two.sha256)).toEqual(bytes);
      expect(await store.sweep(new Set([two.sha256]), later(), false)).toBe(0);
    });

    it('shows nothing of an upload that broke off', async () => {
      const store = await make();
      async function* broken() {
        yield bytes;
        throw new Error('gone');
      }
      await expect(store.receive(Readable.from(broken()), 1e6)).rejects.toThrow('gone');
      expect(await has(store, hash('sha256'))).toBe(false);
    });

    it('refuses what is too large, and keeps nothing of it', async () => {
      const store = await make();
      await expect(store.receive(chunks(), 299_999)).rejects.toMatchObject({
        code: 'upload-too-large',
      });
      expect(await has(store, hash('sha256'))).toBe(false);
    });

    it('takes the same file again', async () => {
      const store = await make();
      const [one, two] = await Promise.all([put(store), put(store)]);
      expect(one).toEqual(two);
    });

    it('knows no names but hashes', async () => {
      const store = await make();
      for (const name of ['../../etc/passwd', 'ff'.repeat(32), '']) {
        await expect(store.open(name)).rejects.toMatchObject({ code: 'artifact-missing' });
      }
    });

    it('removes what nothing names, but not what may still be arriving', async () => {
      const store = await make();
      const { sha256 } = await put(store);
      const other = await put(store, Readable.from([Buffer.from('other')]));
      expect(await store.sweep(new Set([sha256]), Date.now(), false)).toBe(0);
      expect(await store.sweep(new Set([sha256]), later(), false)).toBe(1);
      expect([await has(store, sha256), await has(store, other.sha256)]).toEqual([true, false]);
    });

    it('removes nothing when nothing at all is named: that is another database, or an empty one', async () => {
      const store = await make();
      const { sha256 } = await put(store);
      expect(await store.sweep(new Set(), later(), true)).toBe(0);
      expect(await has(store, sha256)).toBe(true);
    });
  });
}
