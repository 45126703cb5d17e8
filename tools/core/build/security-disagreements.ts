import { quoted } from '../display-text.ts';
import { fixedAppSlots } from '../image/partitions/partition.ts';
import type { JoinedBuild } from './build-folder.ts';
import { type Disagreement, disagreement } from './disagreement.ts';

/** Anti-rollback and signatures: what the configuration promises and the files do not keep. */
export function securityDisagreements(build: JoinedBuild): Disagreement[] {
  const { config, app, partitionTable } = build;
  const image = app?.image;
  if (config === undefined) return [];
  const found: Disagreement[] = [];
  if (config.antiRollback && partitionTable !== undefined) {
    // ESP-IDF `post_build_validation.cmake` fails such a build.
    for (const { label } of fixedAppSlots(partitionTable.partitions)) {
      const message = `anti-rollback is on, but the table has the slot ${quoted(label)}, which no update reaches`;
      found.push(disagreement('anti-rollback-slot', 'error', message));
    }
  }
  if (image?.kind !== 'app') return found;
  const { secureVersion } = image.descriptor;
  const configured = config.secureVersion ?? 0;
  if (config.antiRollback && secureVersion !== configured) {
    const message = `the secure version is ${secureVersion} in the app and ${configured} in the configuration`;
    found.push(disagreement('secure-version', 'error', message));
  }
  const problem = config.signedApps ? signatureProblem(build, image.signature?.scheme) : undefined;
  return problem === undefined ? found : [...found, problem];
}

function signatureProblem(
  { config }: JoinedBuild,
  scheme: 'secure-boot-v1' | 'secure-boot-v2' | undefined,
): Disagreement | undefined {
  const expected =
    config?.secureBoot === 'v1' || config?.signedAppsV1Scheme ? 'secure-boot-v1' : 'secure-boot-v2';
  if (scheme === undefined) {
    return config?.buildSignedBinaries
      ? disagreement('signature', 'error', 'the build signs its binaries, but the app is unsigned')
      : disagreement(
          'signature',
          'warning',
          'devices want a signed app; this one is not signed yet',
        );
  }
  if (scheme === expected) return undefined;
  const message = `the app is signed for ${scheme}, the configuration wants ${expected}`;
  return disagreement('signature', 'error', message);
}
