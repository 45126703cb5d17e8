import { type FileHandle, open } from 'node:fs/promises';
import type { OpenArtifact } from './artifact-store.ts';

/** What is needed of a file. */
type OpenFile = (path: string) => Promise<Pick<FileHandle, 'read' | 'close'>>;

interface SharedFile {
  readonly handle: ReturnType<OpenFile>;
  readers: number;
}

/**
 * Opens files that never change, for any number of readers: they share one descriptor, and the last one closes it. So a
 * thousand devices that take one image cost one, and most of them need not wait for the file system.
 */
export function createSharedFiles(
  openFile: OpenFile = open,
): (path: string) => Promise<OpenArtifact> {
  const files = new Map<string, SharedFile>();

  /** The next reader opens it anew. */
  function forget(path: string, file: SharedFile): void {
    if (files.get(path) === file) files.delete(path);
  }

  return async (path) => {
    const file = files.get(path) ?? { handle: openFile(path), readers: 0 };
    files.set(path, file);
    file.readers += 1;
    const handle = await file.handle.catch((error: unknown) => {
      forget(path, file);
      throw error;
    });
    return {
      async read(into, position) {
        const { bytesRead } = await handle.read(into, 0, into.length, position);
        return bytesRead;
      },
      async close() {
        file.readers -= 1;
        if (file.readers > 0) return;
        forget(path, file);
        await handle.close();
      },
    };
  };
}
