import type { FirmwareFile } from '../image/firmware-file.ts';
import { chipOf } from '../image/image-chip.ts';
import { withoutUndefined } from '../json.ts';
import type { ReleaseImage } from './release.ts';

/** What a release says of its image: the descriptor's words as they stand, the placeholder of Arduino left out. */
export function describeImage(file: FirmwareFile): ReleaseImage | undefined {
  const chip = chipOf(file)?.name;
  if (file.kind !== 'app') return chip === undefined ? undefined : { chip };
  const { descriptor, hash } = file;
  return withoutUndefined({
    chip,
    ...(descriptor.placeholder
      ? {}
      : { project: descriptor.projectName, app_version: descriptor.version }),
    idf_version: descriptor.idfVersion,
    secure_version: descriptor.secureVersion,
    validation_hash: hash.status === 'valid' ? hash.stored : undefined,
    elf_sha256: descriptor.elfSha256,
  });
}
