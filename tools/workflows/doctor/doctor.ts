import { type HealthCheck, ok } from '../../core/health/check.ts';
import type { ArtifactFacts } from '../../core/release/delivery.ts';
import type { LoadedConfig } from '../deploy-config.ts';
import { type ArtifactRequest, findArtifacts } from '../packaging/find-artifact.ts';
import { examineBroker } from './broker.ts';
import { type Add, fromError } from './report.ts';
import { examineUpdateServer } from './server.ts';

export interface DoctorOptions {
  readonly loaded: LoadedConfig;
  /** A release to hold against broker and server; without it, manifests are not looked at. */
  readonly release?: ArtifactRequest;
  readonly now: () => Date;
  readonly random: () => number;
  readonly signal: AbortSignal;
  notify(check: HealthCheck): void;
}

/**
 * Looks at everything an update passes through: release, broker, topics, update server. What it publishes reaches no
 * device. Later checks run even when earlier ones fail.
 *
 * @throws OtaError `cancelled`
 */
export async function examine(options: DoctorOptions): Promise<HealthCheck[]> {
  const checks: HealthCheck[] = [];
  const add: Add = (...found) => {
    for (const check of found) {
      checks.push(check);
      options.notify(check);
    }
  };
  const images = await examineRelease(options, add);
  await examineBroker(options, images, add);
  await examineUpdateServer(options, images, add);
  return checks;
}

/** The manifest is valid, the release is signed as it must be, and its images are the ones that it describes. */
async function examineRelease({ release }: DoctorOptions, add: Add): Promise<ArtifactFacts[]> {
  if (release === undefined) return [];
  try {
    const images = (await findArtifacts(release)).map(({ facts }) => facts);
    for (const { version, filename, sizeBytes } of images) {
      add(ok('release', `${version}: ${filename}, ${sizeBytes} bytes, hash right`));
    }
    return images;
  } catch (error) {
    add(fromError('release', error));
    return [];
  }
}
