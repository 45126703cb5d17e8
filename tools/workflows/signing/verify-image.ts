import { OtaError } from '../../core/errors.ts';
import { parseImage } from '../../core/image/parse-image.ts';
import { verdictProblems } from '../../core/image/problems.ts';
import { sameJson } from '../../core/json.ts';
import { type Artifact, isUpdate, type Release } from '../../core/release/release.ts';
import { describeImage } from '../../core/release/release-image.ts';
import { readFirmwareBytes } from '../../workspace/firmware/firmware-bytes.ts';

/**
 * Whether an artifact is a sound image, and for the app whether it is the one that its release describes.
 *
 * @throws OtaError `image-invalid` with everything that is wrong, and when the file cannot be read
 */
export async function verifyImage(
  path: string,
  artifact: Artifact,
  release: Release,
): Promise<void> {
  const image = parseImage(await readFirmwareBytes(path));
  const details = [...verdictProblems(image)];
  const described = describeImage(image) ?? {};
  if (isUpdate(artifact) && release.image !== undefined && !sameJson(described, release.image)) {
    details.push('the image is not the one that `image` in ota.json describes');
  }
  if (details.length === 0) return;
  throw new OtaError('image-invalid', `${path} is not a sound image`, {
    details,
    hint: '`ota inspect` on the file shows more. Build again, and package under a new version.',
  });
}
