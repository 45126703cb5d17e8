import type { JoinedBuild } from './build-folder.ts';
import type { Disagreement } from './disagreement.ts';
import { fileDisagreements } from './file-disagreements.ts';
import { identityDisagreements } from './identity-disagreements.ts';
import { layoutDisagreements } from './layout-disagreements.ts';
import { securityDisagreements } from './security-disagreements.ts';

/** Every place where a build contradicts itself: files, names and versions, flash layout, security. */
export function findDisagreements(build: JoinedBuild): Disagreement[] {
  return [
    ...fileDisagreements(build),
    ...identityDisagreements(build),
    ...layoutDisagreements(build),
    ...securityDisagreements(build),
  ];
}
