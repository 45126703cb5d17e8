import { changeFiles, type FileChange, stageBytes } from './file-change.ts';

/** Stages JSON as people write it: two spaces, the keys in their given order, a newline at the end. */
export async function stageJson(change: FileChange, path: string, value: unknown): Promise<void> {
  await stageBytes(change, path, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * Writes one JSON file, beside and renamed.
 *
 * @throws OtaError `write-failed`
 */
export async function writeJsonFile(path: string, value: unknown): Promise<void> {
  await changeFiles((change) => stageJson(change, path, value));
}
