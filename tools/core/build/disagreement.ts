/** Stable names of what two places of a build can disagree about. */
export type DisagreementCode =
  | 'file-missing'
  | 'file-outside'
  | 'file-kind'
  | 'app-name'
  | 'project-name'
  | 'project-version'
  | 'idf-version'
  | 'target'
  | 'chip-revision'
  | 'flash-size'
  | 'table-offset'
  | 'bootloader-offset'
  | 'bootloader-size'
  | 'app-offset'
  | 'app-size'
  | 'otadata-offset'
  | 'data-offset'
  | 'data-size'
  | 'partition-rule'
  | 'secure-version'
  | 'anti-rollback-slot'
  | 'signature';

/** Two places of one build that do not say the same. `error`: flashing or updating with it goes wrong. */
export interface Disagreement {
  readonly code: DisagreementCode;
  readonly severity: 'error' | 'warning';
  /** One sentence that names both places and both values. */
  readonly message: string;
}

export function disagreement(
  code: DisagreementCode,
  severity: Disagreement['severity'],
  message: string,
): Disagreement {
  return { code, severity, message };
}
