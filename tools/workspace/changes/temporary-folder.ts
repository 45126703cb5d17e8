import { dir } from 'tmp-promise';

/** Gives an empty folder that is removed with all its content afterwards. */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await dir({ prefix: 'ota-', unsafeCleanup: true });
  try {
    return await use(folder.path);
  } finally {
    await folder.cleanup();
  }
}
