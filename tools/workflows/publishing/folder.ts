import { createReadStream, createWriteStream, writeFile } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { OtaError } from '../../core/errors.ts';
import { createFingerprinter } from '../../core/integrity.ts';
import { changeFiles } from '../../workspace/changes/file-change.ts';
import type { Publication } from './publish.ts';

/** Writes all files beside, then renames them in their order. @throws OtaError `write-failed`, `binary-changed` */
export async function publishToFolder(publication: Publication, folder: string): Promise<void> {
  const { files, options, versionText } = publication;
  await changeFiles(async (change) => {
    for (const { name, role } of files) {
      await change.stage(join(folder, name), async (fd) => {
        if (role === 'version') await promisify(writeFile)(fd, versionText);
        else await copyFirmware(publication, options.binaryPath, fd);
      });
    }
  });
}

async function copyFirmware(publication: Publication, from: string, fd: number): Promise<void> {
  const fingerprinter = createFingerprinter();
  const source = createReadStream(from, { highWaterMark: 1024 * 1024 });
  source.on('data', (chunk) => fingerprinter.update(chunk as Buffer));
  await pipeline(source, createWriteStream('', { fd, autoClose: false }));
  if (fingerprinter.digest().sha256 === publication.sha256) return;
  throw new OtaError('binary-changed', `${from} changed while it was published`, {
    hint: 'Let no build run meanwhile, and publish again. Nothing was changed.',
  });
}
